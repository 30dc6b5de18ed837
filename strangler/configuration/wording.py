"""Wording: pydantic's errors as findings that tell a person what is wrong and what to write instead.

A value is quoted only where it can't be a secret: not from the environment, and not in a field that holds one.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from strangler.configuration.document import Document
from strangler.configuration.findings import Finding, Path
from strangler.names import as_name, nearest
from strangler.settings import Settings

EXAMPLES: Final[dict[tuple[str, str], str]] = {
    ("Fence", "by"): "by: trigger",
    ("Request", "method"): "method: POST",
    ("Request", "path"): "path: /customers/{code}",
    ("Api", "requests"): "requests: {customer: {insert: {method: POST, path: /customers}}}",
    ("Numbers", "legacy"): "legacy: party_code_seq",
    ("Numbers", "new"): "new: party_code_seq",
    (
        "Settings",
        "sources",
    ): "sources: {erp: {kind: postgres, url: 'postgresql://user:${PASSWORD}@host/erp'}}",
    ("Settings", "functions"): "functions: {party: {source: erp, store: new, entities: {…}}}",
    ("Database", "url"): "url: sqlite:///file.db, or postgresql://user:${PASSWORD}@host/db",
    ("Source", "kind"): "kind: postgres",
    ("Freeze", "name"): "name: period close",
    ("Source", "url"): "url: postgresql://user:${PASSWORD}@host/erp",
    ("EventName", "name"): "name: PartyRegistered",
    ("Entity", "table"): "table: party_party",
    ("Entity", "key"): "key: id",
    ("Entity", "fields"): "fields: {id: id, name: name}",
    ("Join", "table"): "table: party_lang",
    ("Join", "on"): "on: {id: lang}",
    ("Children", "table"): "table: party_address",
    ("Children", "on"): "on: {party: id}",
    ("Children", "key"): "key: address_id",
    ("Children", "fields"): "fields: {address_id: id, city: city}",
    ("Check", "check"): "check: not null",
    ("EntityField", "value"): "value: TRIM(name)",
    ("Tolerance", "field"): "field: total",
    ("Tolerance", "owner"): "owner: finance",
    ("Tolerance", "reason"): "reason: rounded by line in the old system",
    ("PythonCall", "call"): "call: my_mappings:iban_of",
    ("PythonCall", "takes"): "takes: [text, text]",
    ("PythonCall", "gives"): "gives: text",
    ("EdgeIdentity", "issuer"): "issuer: https://login.example.com/realms/erp",
    ("EdgeIdentity", "audience"): "audience: [erp]",
    ("Signing", "key"): "key: first",
    ("Signing", "keys"): "keys: {first: '${STRANGLER_IDENTITY_KEY}'}",
    ("Sessions", "kind"): "kind: tryton",
    ("Encryption", "key"): "key: first",
    ("Encryption", "keys"): "keys: {first: '${STRANGLER_KEY}'}",
    ("Match", "path"): "path: /parties/{id}",
    ("Route", "match"): "match: {path: '/parties/{id}', method: [GET]}",
    ("Route", "kind"): "kind: read",
    ("CustomGate", "kind"): "kind: incidents",
    ("Guard", "gate"): "gate: errors",
    ("Guard", "then"): "then: hold",
    ("Schedule", "cron"): 'cron: "0 3 * * *"',
    ("Schedule", "mode"): "mode: full",
    ("ShadowRule", "owner"): "owner: finance",
    ("ShadowRule", "reason"): "reason: rounded by line in the old system",
    ("ShadowRule", "path"): "path: rows.*.price",
    ("ShadowRule", "rule"): "rule: decimal",
    ("BalanceTolerance", "owner"): "owner: finance",
    ("BalanceTolerance", "reason"): "reason: legacy rounds each line, the new service the total",
    ("Balance", "of"): "of: sale.lines",
    ("Cohorts", "from"): "from: [{header: X-Company}]",
    ("Documents", "key"): "key: [{path: id}]",
    ("Documents", "created"): "created: {json: id}",
    ("Overrides", "allow"): "allow: [{token: '${TESTER_TOKEN}'}]",
    ("Service", "url"): "url: http://127.0.0.1:9001",
    ("Protocol", "kind"): "kind: jsonrpc",
    ("Function", "source"): "source: erp",
    ("Function", "store"): "store: new",
    ("Function", "entities"): "entities: {party: {table: party_party, key: id, fields: {id: id}}}",
    ("Facade", "legacy"): "legacy: http://127.0.0.1:8000",
    ("Tls", "certificate"): "certificate: /etc/strangler/facade.pem",
    ("Tls", "key"): "key: /etc/strangler/facade.key",
}
"""What a required key looks like: (section, key) → an example. A test holds it complete."""

NAME_RULE: Final = "lower-case letters, digits and underscores, beginning with a letter, at most 41"


def findings(error: ValidationError, document: Document) -> Iterator[Finding]:
    """Every error in words, in pydantic's order."""
    for each in error.errors(include_url=False, include_context=True):
        yield _finding(each, document)


def without_wrong_keys(error: ValidationError, value: Any) -> Any:
    """A copy of the document's value without each key that an error points at, so that the rest may still be checked."""
    rest = copy.deepcopy(value)
    for each in error.errors(include_url=False):
        path = _path(each)
        around = _at(rest, path[:-1]) if path else None
        if isinstance(around, dict):
            around.pop(path[-1], None)
    return rest


def _path(error: ErrorDetails) -> Path:
    return tuple(step for step in error["loc"] if step != "[key]")


def _at(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _finding(error: ErrorDetails, document: Document) -> Finding:
    path, kind = _path(error), error["type"]
    last = str(path[-1]) if path else ""
    model = _model(path[:-1])
    context = error.get("ctx", {})
    if "[key]" in error["loc"]:
        return Finding(path, f"{last!r} can't be a name here: {NAME_RULE}", as_name(last))
    if kind == "extra_forbidden":
        return _unknown_key(path, last, model, _at(document.value, path[:-1]))
    if kind == "missing":
        return _missing(path, last, model)
    if error["input"] is None:
        instead = "a value, or leave the key out" if not _required(model, last) else _example(model, last)
        return Finding(path, "is empty", instead)
    if kind == "value_error":
        what, _, instead = str(context.get("error", error["msg"])).partition(": write ")
        return Finding(path, _quoting(error, document) + what, instead)
    if kind == "literal_error":
        return _not_one_of(path, error, document, last)
    if kind == "string_pattern_mismatch":
        shown = _quoting(error, document)
        if model is not None and model.__name__ == "EventName":
            return Finding(path, f"{shown}not an event name", "a name in the past tense like PartyRegistered")
        return Finding(path, f"{shown}not a name", f"{as_name(str(error['input']))} ({NAME_RULE})")
    if kind in _TYPES:
        return _wrong_type(path, error, document, model, last)
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        bound = context.get(key)
        return Finding(path, f"{_quoting(error, document)}out of range", f"a number that is {word} {bound}")
    if kind in ("too_short", "dict_too_short", "string_too_short"):
        return Finding(path, "has no entries", _example(model, last))
    return Finding(path, error["msg"], _example(model, last))


_BOUNDS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}

_TYPES: Final = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a section with keys",
    "model_type": "a section with keys",
    "model_attributes_type": "a section with keys",
    "list_type": "a list",
    "path_type": "a path",
}
"""pydantic's error type → what the value must be."""

_IS: Final = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "a section",
    list: "a list",
}


def _unknown_key(path: Path, last: str, model: type[BaseModel] | None, given: Any) -> Finding:
    known = [key for key in _keys(model) if key not in given]
    meant = nearest(last, known)
    instead = (
        f"{meant} (did you mean this?)" if meant else f"one of: {', '.join(known)}" if known else "nothing"
    )
    return Finding(path, f"unknown key {last!r}", instead)


def _missing(path: Path, last: str, model: type[BaseModel] | None) -> Finding:
    field = model.model_fields.get(last) if model else None
    meaning = (
        f": {field.description[0].lower()}{field.description[1:].rstrip('.')}"
        if field and field.description
        else ""
    )
    return Finding(path, f"{last!r} is missing{meaning}", _example(model, last))


def _not_one_of(path: Path, error: ErrorDetails, document: Document, last: str) -> Finding:
    allowed = re.findall(r"'([^']*)'", error.get("ctx", {})["expected"])
    meant = nearest(str(error["input"]), allowed) or " or ".join(allowed)
    instead = meant if last.isdigit() else f"{last}: {meant}"
    return Finding(path, f"{_quoting(error, document)}must be one of {', '.join(allowed)}", instead)


def _wrong_type(
    path: Path, error: ErrorDetails, document: Document, model: type[BaseModel] | None, last: str
) -> Finding:
    given = error["input"]
    what = f"must be {_TYPES[error['type']]}, not {_IS.get(type(given), 'this')}"
    if (
        error["type"] == "string_type"
        and isinstance(given, bool | int | float)
        and not _secret(path, document)
    ):
        plain = str(given).lower() if isinstance(given, bool) else str(given)
        name = "" if last.isdigit() else f"{last}: "
        return Finding(path, what, f'{name}"{plain}" (quotes make it a text)')
    if error["type"] == "list_type" and not isinstance(given, dict | list) and not _secret(path, document):
        return Finding(path, what, f"{last}: [{given}]")
    return Finding(path, what, _example(model, last))


def _quoting(error: ErrorDetails, document: Document) -> str:
    given = error["input"]
    if _secret(_path(error), document) or not isinstance(given, str | int | float):
        return ""
    return f"{given!r} isn't known, it " if error["type"] == "literal_error" else f"{given!r} is "


def _secret(path: Path, document: Document) -> bool:
    return (
        path in document.interpolated
        or _annotation(_model(path[:-1]), str(path[-1]) if path else "") is SecretStr
    )


def _example(model: type[BaseModel] | None, key: str) -> str:
    if model is None:
        return ""
    written = EXAMPLES.get((model.__name__, key))
    field = model.model_fields.get(key)
    if written or field is None:
        return written or ""
    if isinstance(field.default, bool | int | float | str):
        return f"{key}: {str(field.default).lower()} (the default)"
    return field.description or ""


def _required(model: type[BaseModel] | None, key: str) -> bool:
    field = model.model_fields.get(key) if model else None
    return field is not None and field.is_required()


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model(path: Path) -> type[BaseModel] | None:
    """The section that stands at the path; None where there is no section."""
    found: Any = Settings
    for step in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            found = _annotation(found, str(step))
        else:
            found = _bare((get_args(found) or (None,))[-1])
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _annotation(model: type[BaseModel] | None, key: str) -> Any:
    if model is None:
        return None
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return _bare(field.annotation)
    return None


def _bare(annotation: Any) -> Any:
    """Without Annotated and without None."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, UnionType):
            annotation = next(each for each in get_args(annotation) if each is not NoneType)
        else:
            return annotation
