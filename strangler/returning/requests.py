"""The request by which legacy's own API brings an aggregate back, made of what is configured and of what the columns are to get. Pure.

What a template names are legacy columns: those that the inverse of the mapping fills, the primary key of a row that is there, and the
children, as lists. A value alone in its place keeps its type; within a text it is written out.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from strangler.changes import Row
from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping
from strangler.ports import Finding, Outgoing
from strangler.returning import comparing, rows
from strangler.returning.batch import key_of
from strangler.settings import Api, Request

Values = Mapping[str, Any]

_NAMED: Final = re.compile(r"\{\{|\}\}|\{(?P<name>\w+)(?P<text>!s)?\}")


class Act(StrEnum):
    """What is to be done to the aggregate in legacy."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


class Asked(NamedTuple):
    """A request; `target` is its path with its query. `repeatable`: whether it may be sent again when nobody answered."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    expect: tuple[int, ...]
    repeatable: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.target}"


def act(legacy: comparing.Data | None, now: comparing.Data | None) -> Act:
    """What makes legacy what new has."""
    if now is None:
        return Act.DELETE
    return Act.INSERT if legacy is None else Act.UPDATE


def request(
    api: Api,
    mapping: EntityMapping,
    each: Outgoing,
    legacy: comparing.Data | None,
    known: Row,
    dialect: str,
) -> Asked:
    """The request for an aggregate. `known`: the primary key of its root's row, where there is one. Raises Untranslatable where it has no
    way back, or nothing is configured for this."""
    what, entity = act(legacy, each.now), each.entity
    section = getattr(api.requests.get(entity), what, None)
    if section is None:
        raise Untranslatable(
            f"nothing says how legacy's API is to {what} a {entity}",
            do=f"return.api.requests.{entity}.{what}, or decide that legacy's state stands",
        )
    values = {**known, **_values(mapping, each, dialect)}
    headers = {api.idempotency: idempotency(mapping, each, legacy)}
    body = _body(section, mapping, values, legacy, dialect)
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded" if section.form else "application/json"
    repeatable = section.method in ("PUT", "DELETE") or api.honours_idempotency
    target = _filled_text(section.path, values, lambda value: quote(_text(value), safe=""))
    return Asked(section.method, target, headers, body, tuple(section.expect), repeatable)


def idempotency(mapping: EntityMapping, each: Outgoing, legacy: comparing.Data | None) -> str:
    """The same as often as the same changes are asked for of what legacy has. Where that has become something else meanwhile, another
    request is needed to make it what new has."""
    parts = (
        mapping.shape.function,
        each.entity,
        each.key,
        comparing.digest(mapping, each.now),
        comparing.digest(mapping, legacy),
        *sorted(each.entries),
    )
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def unknown(api: Api, mappings: Sequence[EntityMapping]) -> Iterator[Finding]:
    """What templates name and nothing gives a value to."""
    for mapping in mappings:
        entity = mapping.shape.entity
        section = api.requests.get(entity)
        for what, each in (section or ()) and list(section):
            for name, within in named(each) if each else ():
                known = _given(mapping, within, Act(what))
                if name not in known:
                    yield Finding(
                        f"{{{name}}} in return.api.requests.{entity}.{what} has no value",
                        f"one of: {', '.join(sorted(known))}",
                    )


def _given(mapping: EntityMapping, within: tuple[str, ...], what: Act) -> set[str]:
    """What has a value within these children."""
    key = set(rows.key_columns(mapping))
    given = (
        key if what is Act.DELETE else {*mapping.inverse.columns, *(each.name for each in mapping.children)}
    )
    given |= set(mapping.table.key) if what is not Act.INSERT else set()
    for name in within:
        mapping = next((each.mapping for each in mapping.children if each.name == name), mapping)
        given |= {*mapping.inverse.columns, *(each.name for each in mapping.children)}
    return given


def named(section: Request) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What its templates name, each with the children within which it does."""
    yield from ((each, ()) for each in _names(section.path))
    yield from _named(section.body, ())


def _named(template: Any, within: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(template, str):
        yield from ((each, within) for each in _names(template))
    elif isinstance(template, dict) and template.keys() == {"each", "as"}:
        yield template["each"], within
        yield from _named(template["as"], (*within, template["each"]))
    elif isinstance(template, dict | list):
        for each in template.values() if isinstance(template, dict) else template:
            yield from _named(each, within)


def _names(text: str) -> Iterator[str]:
    return (found["name"] for found in _NAMED.finditer(text) if found["name"])


def _values(mapping: EntityMapping, each: Outgoing, dialect: str) -> Row:
    if each.now is None:
        return rows.by_key(mapping, key_of(mapping, each.key), dialect)
    return _columns(mapping, each.now, {}, dialect)


def _columns(
    mapping: EntityMapping, data: comparing.Data, above: comparing.Data, dialect: str
) -> dict[str, Any]:
    """What the columns of a row get, and below it those of its lines."""
    whole = {**data, **above}
    key = {name: whole[name] for name in mapping.shape.key}
    below = {
        child.name: [_columns(child.mapping, line, key, dialect) for line in data[child.name]]
        for child in mapping.children
    }
    return {**mapping.inverse.row(whole, dialect), **below}


def _body(
    section: Request, mapping: EntityMapping, values: Values, legacy: comparing.Data | None, dialect: str
) -> bytes | None:
    if section.body is not None:
        filled = _filled(section.body, values)
    elif section.method == "DELETE":
        return None
    else:
        names = {*mapping.inverse.columns, *(child.name for child in mapping.children)}
        filled = {name: value for name, value in values.items() if name in names}
        if section.method == "PATCH" and legacy is not None:
            was = _was(mapping, legacy, dialect)
            filled = {name: value for name, value in filled.items() if name not in was or was[name] != value}
    return _form(filled) if section.form else _json(filled)


def _was(mapping: EntityMapping, legacy: comparing.Data, dialect: str) -> Values:
    """What the inverse makes of legacy's own state; nothing where that has no way back: then all is sent."""
    try:
        return _columns(mapping, legacy, {}, dialect)
    except Untranslatable:
        return {}


def _filled(template: Any, values: Values) -> Any:
    if isinstance(template, str):
        alone = _NAMED.fullmatch(template)
        if alone and alone["name"] and not alone["text"]:
            return _value(alone["name"], values)
        return _filled_text(template, values, _text)
    if isinstance(template, dict) and template.keys() == {"each", "as"}:
        return [_filled(template["as"], {**values, **line}) for line in _value(template["each"], values)]
    if isinstance(template, dict):
        return {name: _filled(each, values) for name, each in template.items()}
    return [_filled(each, values) for each in template] if isinstance(template, list) else template


def _filled_text(template: str, values: Values, written: Callable[[Any], str]) -> str:
    def put(found: re.Match[str]) -> str:
        return written(_value(found["name"], values)) if found["name"] else found[0][0]

    return _NAMED.sub(put, template)


def _value(name: str, values: Values) -> Any:
    if name not in values:
        raise Untranslatable(f"{{{name}}} of the request has no value", why="no such column leads back")
    return values[name]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case bytes():
            return base64.b64encode(value).decode()
        case date() | time():
            return value.isoformat()
    return str(value)


def _form(filled: Any) -> bytes:
    """Of what is NULL nothing is said."""
    return urlencode({name: _text(each) for name, each in filled.items() if each is not None}).encode()


def _json(filled: Any) -> bytes:
    """Decimals as numbers with just their digits, which no double has; the rest that JSON has no type for as texts."""
    mark = secrets.token_hex(8)

    def other(value: Any) -> str:
        return f"{mark}{value:f}{mark}" if isinstance(value, Decimal) and value.is_finite() else _text(value)

    return re.sub(f'"{mark}(.*?){mark}"', r"\1", json.dumps(filled, default=other)).encode()
