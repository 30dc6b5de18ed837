"""Connecting: from the options to the translation that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from strangler.errors import StranglerError
from strangler.facade.protocol import Answer, Around, Exchange, Request, ServiceProtocol
from strangler_adapters.protocols.contract.operation import (
    ContractOptions,
    Section,
    all_compiled,
    checked,
    errors,
    quoted,
)
from strangler_adapters.protocols.contract.sources import Language, filled
from strangler_adapters.protocols.contract.translation import Operations, Part, Translation
from strangler_adapters.protocols.odata.contract import OData
from strangler_adapters.protocols.odata.sets import EntitySet, Sets
from strangler_adapters.protocols.records.fields import Fields
from strangler_adapters.protocols.records.records import Records

TOKEN: Final = "x-csrf-token"
GIVEN: Final = "new-service"
"""The token. That a call has the header at all is what keeps foreign pages out: a browser lets none of them send it."""


class SetOptions(Section):
    type: str = ""
    path: str = Field(pattern=r"^/[^?#]*$")
    record: str | None = Field(None, pattern=r"^/[^?#]*$")
    key: list[str] = Field(min_length=1)
    fields: dict[str, str]


class Options(ContractOptions):
    version: Literal[2, 4]
    root: str = Field(pattern=r"^/[^?#]*$")
    csrf: bool = False
    metadata: Path | None = None
    sets: dict[str, SetOptions] = Field(default_factory=dict)


def connect(options: Mapping[str, Any], around: Around) -> ServiceProtocol:
    """The translation that the options describe. Raises StranglerError."""
    section = checked("odata", Options, options)
    contract = OData(
        section.version, section.root, {name: tuple(each.key) for name, each in section.sets.items()}
    )
    language = Language(contract.spelling, around.code_maps)
    sets = {name: _set(name, each, language) for name, each in section.sets.items()}
    parts: list[Part] = [
        Operations(all_compiled(section, contract, language)),
        Sets(section.version, sets, errors(section.errors, contract, language)),
    ]
    metadata = _read(around.folder / section.metadata) if section.metadata else None
    return ODataTranslation(contract, Translation(contract, parts, around.own), section.csrf, metadata)


class ODataTranslation:
    """A translation with what OData has besides calls: the token against forged ones, and the description of the service."""

    def __init__(self, contract: OData, translation: Translation, csrf: bool, metadata: bytes | None) -> None:
        self._contract, self._translation = contract, translation
        self._csrf, self._metadata = csrf, metadata
        self.named, self.refuse = translation.named, translation.refuse
        self.accepted, self.comparable = translation.accepted, translation.comparable

    def translate(self, operation: str | None, request: Request) -> Exchange:
        token = next((value for name, value in request.headers if name == TOKEN), "")
        reads = request.method in ("GET", "HEAD")
        if self._csrf and not reads and token.lower() in ("", "fetch", "required"):
            return Answer(
                403, [(TOKEN, "Required"), ("content-type", "text/plain")], b"CSRF token validation failed"
            )
        fetched = self._csrf and reads and token.lower() == "fetch"
        where = self._contract.address(request) if reads else None
        if where == "$metadata" and self._metadata is not None:
            answer = Answer(200, [("content-type", "application/xml")], self._metadata)
        elif where == "" and fetched:  # Callers that want no more than the token ask for it there.
            answer = self._contract.document()
        else:
            answer = yield from self._translation.translate(operation, request)
        return answer._replace(headers=[*answer.headers, (TOKEN, GIVEN)]) if fetched else answer


def _set(name: str, options: SetOptions, language: Language) -> EntitySet:
    """Raises StranglerError."""
    missing = [each for each in options.key if each not in options.fields]
    if missing:
        raise StranglerError(
            f"the key of {name} isn't among its fields: {', '.join(missing)}", do=f"{missing[0]}: id"
        )
    fields = Fields(options.fields, language)
    if options.record is None and len(options.key) > 1:
        raise StranglerError(
            f"{name} has a key of {len(options.key)} names", do="record: /orders/{Order}/items/{Item}"
        )
    own = options.fields[options.key[0]].partition("|")
    record = options.record or f"{options.path.rstrip('/')}/{{{options.key[0]} {own[1]} {own[2]}}}"
    records = Records(options.path, fields[options.key[0]].field, 1)
    return EntitySet(
        name,
        options.type or name,
        tuple(options.key),
        fields,
        filled(record, language, "read", quoted),
        records,
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StranglerError(
            f"{file} can't be read", why=str(error.strerror), do="metadata: a file with the $metadata"
        ) from error
