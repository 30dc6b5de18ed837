"""Checks of data: whether each that is declared says what its kind asks for, and nothing else. Pure.

What a field's type has to do with it is only known with the legacy database; `strangler.quality.checks` says that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from strangler.configuration.findings import Finding, Path
from strangler.durations import parse_duration, parse_share
from strangler.names import nearest
from strangler.settings import Check, Children, Entity, Settings

EVENTS: Final = frozenset({"not null", "in set", "between", "matches"})
"""What has a meaning for single events: the others are about all rows together."""


class _Kind(NamedTuple):
    """What a kind of check asks for, what it may have beside `severity` and `on`, and how it is written."""

    needs: tuple[str, ...]
    may: tuple[str, ...]
    example: str


KINDS: Final[dict[str, _Kind]] = {
    "not null": _Kind(("field",), ("mostly", "where"), "{field: name, check: not null}"),
    "unique": _Kind(("field",), ("mostly", "where"), "{field: [company, number], check: unique}"),
    "in set": _Kind(
        ("field", "values"), ("mostly", "where"), "{field: state, check: in set, values: [draft, done]}"
    ),
    "between": _Kind(
        ("field",), ("min", "max", "mostly", "where"), "{field: amount, check: between, min: 0, max: 1000}"
    ),
    "matches": _Kind(
        ("field", "pattern"), ("mostly", "where"), "{field: iban, check: matches, pattern: '^[A-Z]{2}'}"
    ),
    "present in": _Kind(
        ("field", "entity"), ("where",), "{field: country, check: present in, entity: country}"
    ),
    "row count near": _Kind(("as", "within"), (), "{check: row count near, as: legacy, within: 1%}"),
    "fresh": _Kind(("field", "within"), ("where",), "{field: changed_at, check: fresh, within: 1d}"),
}

_ALWAYS: Final = frozenset({"check", "severity", "on"})


def quality(settings: Settings) -> Iterator[Finding]:
    """Everything that is wrong with the checks of every entity and its children."""
    for function, section in settings.functions.items():
        for name, entity in section.entities.items():
            yield from _part(settings, ("functions", function, "entities", name), entity, ())


def _part(settings: Settings, at: Path, part: Entity | Children, above: tuple[str, ...]) -> Iterator[Finding]:
    fields = (*above, *part.fields)
    for index, check in enumerate(part.quality):
        path = (*at, "quality", index)
        yield from _keys(path, check)
        yield from _fields(path, check, fields)
        yield from _within(path, check)
        yield from _count(path, check)
        yield from _sides(path, check)
        yield from _pattern(path, check)
        yield from _entity(settings, path, check)
        yield from _where(path, check, fields)
    for name, children in part.children.items():
        yield from _part(settings, (*at, "children", name), children, (*above, *part.key))


def _keys(path: Path, check: Check) -> Iterator[Finding]:
    kind, given = KINDS[check.check], _given(check)
    for missing in kind.needs:
        if missing not in given:
            yield Finding(path, f"a check `{check.check}` needs `{missing}`", kind.example)
    for key in sorted(given - {*kind.needs, *kind.may} - _ALWAYS):
        yield Finding((*path, key), f"has no meaning for `{check.check}`", "leave it out")
    if check.check == "between" and not given & {"min", "max"}:
        yield Finding(path, "a check `between` needs `min` or `max`", kind.example)


def _given(check: Check) -> set[str]:
    """The keys that are there, as they are written."""
    return {
        field.alias or name for name, field in Check.model_fields.items() if name in check.model_fields_set
    }


def _fields(path: Path, check: Check, fields: tuple[str, ...]) -> Iterator[Finding]:
    for name in check.field or ():
        if name not in fields:
            instead = nearest(name, fields) or f"one of: {', '.join(fields)}"
            yield Finding((*path, "field"), f"{name!r} isn't among the fields", instead)
    if check.check not in ("unique", "present in") and len(check.field or ()) > 1:
        yield Finding(
            (*path, "field"), f"`{check.check}` is about one field", "a check of its own for each field"
        )


def _within(path: Path, check: Check) -> Iterator[Finding]:
    parse: Callable[[object], object] | None = {"fresh": parse_duration, "row count near": parse_share}.get(
        check.check
    )
    if parse is None or check.within is None:
        return
    try:
        parse(check.within)
    except ValueError as error:
        what, _, instead = str(error).partition(": write ")
        yield Finding((*path, "within"), f"{check.within!r} is {what}", instead)


def _count(path: Path, check: Check) -> Iterator[Finding]:
    if check.as_ in (None, "legacy") or (isinstance(check.as_, int) and not isinstance(check.as_, bool)):
        return
    yield Finding((*path, "as"), f"{check.as_!r} is neither `legacy` nor a number of rows", "as: legacy")


def _sides(path: Path, check: Check) -> Iterator[Finding]:
    if "events" in (check.on or ()) and check.check not in EVENTS:
        what = f"`{check.check}` is about all rows, and events are a sample"
        yield Finding((*path, "on"), what, "[legacy, store]")
    if check.as_ == "legacy" and check.on is not None and check.on != ["store"]:
        yield Finding(
            (*path, "on"), "it is the store whose rows are counted against legacy's", "leave it out"
        )


def _pattern(path: Path, check: Check) -> Iterator[Finding]:
    if check.pattern is None:
        return
    from strangler.mapping.regular import WrongPattern, parse  # with it comes the SQL parser

    try:
        parse(check.pattern)
    except WrongPattern as wrong:
        marked = check.pattern[wrong.place.start : wrong.place.end + 1]
        yield Finding(
            (*path, "pattern"), f"{wrong.what}, at {marked!r}" if marked else wrong.what, wrong.instead
        )


def _entity(settings: Settings, path: Path, check: Check) -> Iterator[Finding]:
    """The entity is there, in the same source and store, and has as many key fields as the check has fields."""
    if check.entity is None:
        return
    own = str(path[1])
    function, name = target(own, check.entity)
    section, here, at = settings.functions.get(function), settings.functions[own], (*path, "entity")
    if section is None or name not in section.entities:
        known = [
            *here.entities,
            *(f"{each}.{one}" for each, s in settings.functions.items() for one in s.entities),
        ]
        instead = nearest(check.entity, known) or f"one of: {', '.join(known)}"
        yield Finding(at, f"there is no entity {check.entity!r}", instead)
        return
    for side, ours, theirs in (("legacy", here.source, section.source), ("store", here.store, section.store)):
        if ours != theirs and side in (check.on or ("legacy", "store")):
            what = f"{check.entity} is in another {'source' if side == 'legacy' else 'store'}, {theirs}"
            yield Finding(at, what, f"on: [{'store' if side == 'legacy' else 'legacy'}]")
    key = section.entities[name].key
    if check.field is not None and len(key) != len(check.field):
        yield Finding((*path, "field"), f"the key of {check.entity} is {', '.join(key)}", "a field for each")


def _where(path: Path, check: Check, fields: tuple[str, ...]) -> Iterator[Finding]:
    if check.where is None:
        return
    from strangler.mapping.parsing import column_names  # with it comes the SQL parser

    for name in sorted(column_names(check.where) - set(fields)):
        instead = nearest(name, fields) or f"one of: {', '.join(fields)}"
        yield Finding((*path, "where"), f"{name!r} isn't among the fields", instead)


def target(function: str, entity: str) -> tuple[str, str]:
    """The function and the name of the entity that a check of this function means."""
    other, dot, name = entity.partition(".")
    return (other, name) if dot else (function, entity)
