"""The checks of a function: those that are declared, held against the types of their fields, and those that the mapping implies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from strangler.configuration.checks import EVENTS, target
from strangler.configuration.findings import Path, undotted
from strangler.errors import Problem
from strangler.mapping import EntityMapping
from strangler.mapping.nodes import Node
from strangler.mapping.typing import check as typed
from strangler.mapping.uses import parts as sections_of
from strangler.mapping.wrong import Wrong
from strangler.parts import Part, parts_of
from strangler.quality import implied, relations, values
from strangler.settings import Check, CheckedSide, Children, Entity, Severity
from strangler.shapes import Field, FieldType, Shape

Kind = Literal[
    "not null", "unique", "in set", "between", "matches", "present in", "row count near", "fresh",
    "translated", "has parent",
]  # fmt: skip
"""The kinds of `Check`, and the two that are only implied: every row can be translated, every line has what it stands under."""

EVERYWHERE: Final[frozenset[CheckedSide]] = frozenset({"legacy", "store", "events"})
AT_REST: Final[frozenset[CheckedSide]] = frozenset({"legacy", "store"})


@dataclass(frozen=True, slots=True)
class Planned:
    """A check of one part, ready to be made. `declared` is None where the mapping implies it; `where` its condition over the fields,
    `values` those of `in set`."""

    kind: Kind
    fields: tuple[str, ...]
    words: str
    severity: Severity
    on: frozenset[CheckedSide]
    declared: Check | None = None
    where: Node | None = None
    values: tuple[Any, ...] = ()

    @property
    def is_implied(self) -> bool:
        return self.declared is None


@dataclass(frozen=True, slots=True)
class Checked:
    """A part, and what is checked of it. `at` is where it is configured."""

    part: Part
    at: Path
    checks: tuple[Planned, ...]

    @property
    def name(self) -> str:
        """`sale`, or `sale.lines`."""
        return self.part.mapping.shape.entity

    @property
    def mapping(self) -> EntityMapping:
        return self.part.mapping

    @property
    def shape(self) -> Shape:
        return self.part.mapping.shape


def checked(function: str, section: Entity, root: EntityMapping) -> tuple[list[Checked], list[Problem]]:
    """The parts of an entity with their checks, and what is wrong with those that are declared."""
    found, problems = [], []
    at: Path = ("functions", function, "entities", root.shape.entity)
    for place, part in zip(sections_of(section), parts_of(root), strict=True):
        path = (*at, *undotted(place.path)) if place.path else at
        own, wrong = _declared(path, place.section, part.mapping.shape)
        found.append(Checked(part, path, (*own, *_besides(own, _implied(part)))))
        problems += wrong
    return found, problems


def place(at: Path, index: int, key: str) -> str:
    """Where a key of a check is, as problems of a mapping write it."""
    return ".".join(map(str, (*at, "quality", index, key)))


def _besides(declared: Sequence[Planned], implied: Iterable[Planned]) -> Iterator[Planned]:
    """The implied checks, where no declared one of the same kind takes their place."""
    for each in implied:
        alike = [
            one.on for one in declared if (one.kind, one.fields, one.where) == (each.kind, each.fields, None)
        ]
        if rest := each.on.difference(*alike):
            yield replace(each, on=rest)


def references(function: str, each: Planned) -> tuple[str, str] | None:
    """The function and the entity whose keys the check looks into; None: it looks into none."""
    if each.declared is None or each.declared.entity is None:
        return None
    return target(function, each.declared.entity)


def _declared(path: Path, section: Entity | Children, shape: Shape) -> tuple[list[Planned], list[Problem]]:
    found: list[Planned] = []
    problems: list[Problem] = []
    types = {field.name: field for field in shape.fields}
    for index, check in enumerate(section.quality):
        fields = tuple(check.field or ())
        wrong = [*_misfits(check, [types[name] for name in fields])]
        where = None
        try:
            where = _condition(check, shape)
        except Wrong as error:
            wrong.append(("where", error.shown(check.where or ""), error.instead))
        problems += [
            Problem("", None, place(path, index, key), what, instead) for key, what, instead in wrong
        ]
        found.append(
            Planned(
                check.check,
                fields,
                words(check),
                check.severity,
                _sides(check),
                check,
                where,
                tuple(check.values or ()),
            )
        )
    return found, problems


def _sides(check: Check) -> frozenset[CheckedSide]:
    if check.on is not None:
        return frozenset(check.on)
    return frozenset({"store"}) if check.as_ == "legacy" else AT_REST


def _condition(check: Check, shape: Shape) -> Node | None:
    if check.where is None:
        return None
    node = typed(check.where, relations.scope(shape), {})
    if node.type is not FieldType.BOOLEAN:
        raise Wrong(None, f"this is {node.type.value}, not a condition", "a comparison")
    return node


def _misfits(check: Check, fields: Sequence[Field]) -> Iterator[tuple[str, str, str]]:
    """What the types of the fields don't allow: the key of the check, what is wrong, what to write instead."""
    allowed = _TYPES.get(check.check)
    for field in fields:
        if allowed and field.type not in allowed:
            yield "field", f"{field.name} is {field.type.value}, which `{check.check}` doesn't take", ""
            return
    if not fields:
        return
    given = {"min": check.min, "max": check.max} if check.check == "between" else {}
    listed = [("values", each) for each in check.values or () if check.check == "in set"]
    for key, written in [*((key, each) for key, each in given.items() if each is not None), *listed]:
        try:
            values.value_of(fields[0].type, written, zoned=True)
        except ValueError as error:
            what, _, instead = str(error).partition(": write ")
            yield key, f"{fields[0].name} is {fields[0].type.value}, and {written!r} is {what}", instead


_TYPES: Final = {
    "in set": values.LISTED,
    "between": values.ORDERED,
    "fresh": values.AGED,
    "matches": frozenset({FieldType.TEXT, FieldType.JSON}),
}


def words(check: Check) -> str:
    """What has to hold, as a sentence."""
    told = _told(check, ", ".join(check.field or ()))
    if check.mostly < 1:
        told += f", for {check.mostly * 100:g}%"
    return f"{told}, where {check.where}" if check.where else told


def _told(check: Check, fields: str) -> str:
    match check.check:
        case "not null":
            return f"{fields} is not null"
        case "unique":
            return f"{fields} is unique" if len(check.field or ()) == 1 else f"{fields} are unique together"
        case "in set":
            return f"{fields} is one of {', '.join(map(str, check.values or ()))}"
        case "between":
            return f"{fields} is {_bounds(check)}"
        case "matches":
            return f"{fields} matches {check.pattern}"
        case "present in":
            return f"{fields} is present in {check.entity}"
        case "row count near":
            than = "legacy has" if check.as_ == "legacy" else f"{check.as_:,}"
            return f"there are as many rows as {than}, within {check.within}"
        case "fresh":
            return f"the newest {fields} is no older than {check.within}"


def _bounds(check: Check) -> str:
    if check.min is not None and check.max is not None:
        return f"from {check.min} to {check.max}"
    return f"at least {check.min}" if check.max is None else f"at most {check.max}"


def _implied(part: Part) -> Iterator[Planned]:
    """What follows from the mapping. On events only what single ones can say."""
    shape = part.mapping.shape
    yield _of_mapping("translated", (), "every row can be translated", on=frozenset({"legacy"}))
    for name in shape.key:
        yield _of_mapping("not null", (name,), f"{name} is not null", on=EVERYWHERE)
    together = "is unique" if len(shape.key) == 1 else "are unique together"
    yield _of_mapping("unique", shape.key, f"{', '.join(shape.key)} {together}")
    for field in shape.fields:
        if not field.nullable and field.name not in shape.key:
            yield _of_mapping("not null", (field.name,), f"{field.name} is not null", on=EVERYWHERE)
    for name, held in implied.constants(part.mapping).items():
        told = (
            f"{name} is one of {', '.join(map(str, held[:5]))}{f' … ({len(held)})' if len(held) > 5 else ''}"
        )
        yield replace(_of_mapping("in set", (name,), told, on=EVERYWHERE), values=held)
    if shape.under is not None:
        told = f"what it stands under is there ({', '.join(shape.under.key)})"
        yield _of_mapping("has parent", shape.under.key, told, on=frozenset({"store"}))
        # In legacy it is left out, and nobody misses it in the store.
        orphan = _of_mapping("has parent", shape.under.key, told, on=frozenset({"legacy"}))
        yield replace(orphan, severity="warning")


def _of_mapping(
    kind: Kind, fields: tuple[str, ...], told: str, on: frozenset[CheckedSide] = AT_REST
) -> Planned:
    return Planned(kind, fields, told, "critical", on)


def made_on(side: CheckedSide, each: Planned) -> bool:
    """Whether the check is made on the side."""
    return side in each.on and (side != "events" or each.kind in EVENTS)
