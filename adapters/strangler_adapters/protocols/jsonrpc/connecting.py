"""Connecting: from the options to the translation that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from strangler.errors import StranglerError
from strangler.facade.protocol import Around
from strangler_adapters.protocols.contract.operation import ContractOptions, all_compiled, checked, errors
from strangler_adapters.protocols.contract.sources import Language
from strangler_adapters.protocols.contract.translation import Operations, Part, Translation
from strangler_adapters.protocols.jsonrpc.dialects import Odoo, Standard, Tryton
from strangler_adapters.protocols.jsonrpc.methods import Methods, Model
from strangler_adapters.protocols.records.fields import Fields
from strangler_adapters.protocols.records.records import Records

_DIALECTS: Final[dict[str, type[Tryton] | type[Odoo] | type[Standard]]] = {
    "tryton": Tryton,
    "odoo": Odoo,
    "standard": Standard,
}


class Options(ContractOptions):
    dialect: Literal["tryton", "odoo", "standard"] = "tryton"
    model: str | None = None
    path: str | None = Field(None, pattern=r"^/[^?#]*$")
    fields: dict[str, str | list[str]] = Field(default_factory=dict)
    batch: int = Field(1, ge=1)


def connect(options: Mapping[str, Any], around: Around) -> Translation:
    """The translation that the options describe. Raises StranglerError."""
    section = checked("jsonrpc", Options, options)
    contract = _DIALECTS[section.dialect]()
    language = Language(contract.spelling, around.code_maps)
    parts: list[Part] = [Operations(all_compiled(section, contract, language))]
    if section.model is not None:
        told = errors(section.errors, contract, language)
        parts.append(Methods(Model(section.dialect, *_model(section, language), told)))
    return Translation(contract, parts, around.own)


def _model(section: Options, language: Language) -> tuple[str, Fields, Records]:
    if section.dialect == "standard":
        raise StranglerError(
            "JSON-RPC 2.0 has no models", do="operations, or dialect: tryton, or dialect: odoo"
        )
    if section.path is None:
        raise StranglerError(
            "the options of the jsonrpc protocol don't say where the records are", do="path: /parties"
        )
    if "id" not in section.fields:
        raise StranglerError(
            "the options of the jsonrpc protocol have no field id", do="add `id: id` to fields"
        )
    fields = Fields(section.fields, language)
    prefix = f"model.{section.model}." if section.dialect == "tryton" else f"{section.model}."
    return prefix, fields, Records(section.path, fields["id"].field, section.batch)
