"""Entities: what a function owns, and how it is made from legacy tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticKnownError

from strangler.durations import parse_duration, write_duration
from strangler.settings.section import Name, Section, Share, Words


class EventName(Section):
    """An event name that applies when its condition holds."""

    name: str = Field(description="Past tense, e.g. PartyDeactivated.", pattern=r"^[A-Z][A-Za-z0-9]*$")
    when: str | None = Field(
        None,
        description="SQL condition over the new legacy row, of `changed` over `before.column` of the old one too; "
        "without it the name always applies.",
    )


def _as_names(value: Any) -> Any:
    items = value if isinstance(value, list) else [value]
    return [{"name": item} if isinstance(item, str) else item for item in items]


EventNames = Annotated[
    list[EventName],
    BeforeValidator(_as_names, json_schema_input_type=str | EventName | list[str | EventName]),
]


class Events(Section):
    """What an entity's events are called. The first name whose condition holds is taken; none: no event of that kind is
    named so, and `<Entity>Created`, `<Entity>Changed`, `<Entity>Removed` is used."""

    created: EventNames = Field(default_factory=list)
    changed: EventNames = Field(default_factory=list)
    removed: EventNames = Field(default_factory=list)


class EntityField(Section):
    """A field of an entity. `name: TRIM(name)` is short for `name: {value: TRIM(name)}`."""

    value: str = Field(description="SQL expression over the legacy table's columns.")
    sensitive: bool = Field(
        False,
        description="Whether it is personal data: its values, and those of the legacy columns that it reads, are masked wherever "
        "they would be shown to people; see docs/personal-data.md.",
    )
    reverse: Annotated[
        dict[str, str] | None,
        BeforeValidator(
            lambda v: {} if v is False else v, json_schema_input_type=dict[str, str] | Literal[False]
        ),
    ] = Field(
        None,
        description="What legacy gets back, where the expression can't be undone: legacy column → SQL expression over the entity's "
        "fields. `false`: the field has no way back, on purpose.",
    )


def _as_field(value: Any) -> Any:
    if isinstance(value, str):
        return {"value": value}
    if isinstance(value, dict | EntityField):
        return value
    raise PydanticKnownError("string_type")


Fields = dict[
    Name, Annotated[EntityField, BeforeValidator(_as_field, json_schema_input_type=str | EntityField)]
]
"""Field name → the field."""

Key = Annotated[
    list[str],
    BeforeValidator(lambda v: [v] if isinstance(v, str) else v, json_schema_input_type=str | list[str]),
]
"""One name, or a list of them."""


class Join(Section):
    """One row of another legacy table that says more about a row; its columns are called `alias.column`. Where there is none they are
    NULL."""

    table: str = Field(description="The other table, `name` or `schema.name`.")
    on: dict[str, str] = Field(
        description="Column of the other table → column of the row, `alias.column` of a join that stands before it, or a constant "
        "(`'E'`, `1`). The columns must hold the other table's whole primary key, so that there is one row at most.",
        min_length=1,
    )


Joins = dict[Name, Join]
"""Alias → the join."""


def _as_within(value: Any) -> Any:
    if isinstance(value, Decimal | timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
        return Decimal(str(value))
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError("neither a number above 0 nor a duration: write 0.01, or 1s") from None


def _as_day(value: Any) -> Any:
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("not a day: write one like 2027-01-31") from None


Ignored = Literal["trailing blanks", "blanks", "case"]

Within = Annotated[
    Decimal | timedelta | None,
    BeforeValidator(_as_within),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
"""How far apart two values may be: a number above 0, or a duration."""

Ignoring = Annotated[
    list[Ignored],
    BeforeValidator(
        lambda v: [v] if isinstance(v, str) else v, json_schema_input_type=Ignored | list[Ignored]
    ),
]
"""What of a text doesn't count, one or several of."""

Day = Annotated[date | None, BeforeValidator(_as_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day: `2027-01-31`."""


class Tolerance(Section):
    """A difference of a field between legacy and store that is known and accepted: reconciliation counts it as tolerated, not as drift.
    Either `within` or `ignore`. See docs/reconciliation.md."""

    field: str = Field(description="The field; not one of the key.")
    within: Within = Field(
        None,
        description="The most that both sides may be apart: a number like 0.01, of dates and times a duration like 1s.",
    )
    ignore: Ignoring = Field(
        default_factory=list,
        description="What of a text doesn't count, one or several of: `trailing blanks`; `blanks` at both ends, and how many stand "
        "together in between; `case`.",
    )
    owner: Words = Field(description="Who answers for it.")
    reason: Words = Field(description="Why it is so.")
    until: Day = Field(
        None,
        description="The last day (in UTC) on which it holds; without it, it holds until it is taken out.",
    )

    @property
    def allows(self) -> str:
        """What it allows, as it is written: `within 0.01`, `ignore case, blanks`."""
        if self.within is None:
            return f"ignore {', '.join(self.ignore)}"
        return f"within {write_duration(self.within) if isinstance(self.within, timedelta) else self.within}"

    def has_ended(self, today: date) -> bool:
        """Whether it hides nothing any more."""
        return self.until is not None and today > self.until


CheckedSide = Literal["legacy", "store", "events"]
"""What the checks of data can be made on."""

Severity = Literal["critical", "warning", "info"]
"""How bad it is when a check fails."""


def _as_scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise ValueError("not a value: write a text, a number, true or false")
    return value


Scalar = Annotated[
    Any,
    AfterValidator(_as_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}, mode="validation"),
]
"""A value of a check: a text, a number, true or false."""


class Check(Section):
    """A check of the data, in plain words; docs/quality.md has each with what it asks for."""

    check: Literal[
        "not null", "unique", "in set", "between", "matches", "present in", "row count near", "fresh"
    ] = Field(description="What has to hold.")
    field: Key | None = Field(
        None, description="The field, or the fields together; of `row count near` none."
    )
    values: list[Scalar] | None = Field(
        None, description="Of `in set`: the values that there may be.", min_length=1
    )
    min: Scalar | None = Field(None, description="Of `between`: the least value that is allowed.")
    max: Scalar | None = Field(None, description="Of `between`: the greatest value that is allowed.")
    pattern: str | None = Field(
        None,
        description="Of `matches`: a regular expression as REGEXP_LIKE has it; it is looked for anywhere, unless it begins with ^ and "
        "ends with $.",
    )
    entity: str | None = Field(
        None,
        description="Of `present in`: the entity that has the value as its key; `function.entity` of another function of the same source.",
    )
    as_: Scalar | None = Field(
        None, alias="as", description="Of `row count near`: `legacy`, or a number of rows."
    )
    within: Scalar | None = Field(
        None,
        description="Of `row count near`: the share by which the count may be off, 1%. Of `fresh`: the greatest age of the newest "
        "value, 1d.",
    )
    mostly: Share = Field(
        1.0,
        description="Share of the values for which it has to hold. Not of `present in`, `row count near` and `fresh`.",
    )
    where: str | None = Field(
        None,
        description="SQL condition over the entity's fields: only rows for which it holds are looked at.",
    )
    severity: Severity = Field(
        "critical",
        description="What a failure means: a `critical` one fails the run and the gate; `warning` and `info` are told.",
    )
    on: list[CheckedSide] | None = Field(
        None,
        description="What it is made on: by default legacy and store, as far as the check has a meaning there.",
        min_length=1,
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Children(Section):
    """The lines of an aggregate: rows of another legacy table that belong to one row each. They come and go with it, in its
    events, and have a table of their own in the store."""

    table: str = Field(description="The legacy table of the lines, `name` or `schema.name`.")
    on: dict[str, str] = Field(
        description="Column of the lines' table → column of the table of what they belong to. The latter must be its whole primary key.",
        min_length=1,
    )
    key: Key = Field(description="The fields that tell lines of one parent apart.", min_length=1)
    where: str | None = Field(None, description="SQL condition: only rows for which it holds are lines.")
    into: str | None = Field(
        None, description="The table in the store; by default the parent's table and the name: `sale_lines`."
    )
    join: Joins = Field(default_factory=dict, description="Rows of other tables that say more about a line.")
    fields: Fields = Field(
        description="Field name → SQL expression over the line's columns, `alias.column` of its joins, and `parent.column`.",
        min_length=1,
    )
    children: dict[Name, Children] = Field(default_factory=dict, description="Lines of the lines.")
    tolerances: list[Tolerance] = Field(
        default_factory=list,
        description="By how much fields of a line may differ from legacy, and who says so.",
    )

    quality: list[Check] = Field(default_factory=list, description="Checks of the lines' data.")


class Entity(Section):
    """An aggregate that the function owns, mapped from a legacy table, with what is joined to it and its children."""

    table: str = Field(description="The legacy table, `name` or `schema.name`.")
    key: Key = Field(description="The fields (of `fields`) that identify the entity.", min_length=1)
    where: str | None = Field(
        None,
        description="SQL condition over the legacy table's columns: only rows for which it holds are entities. "
        "One that stops to meet it is removed, one that begins to is created.",
    )
    into: str | None = Field(None, description="The table in the store; by default the entity's name.")
    join: Joins = Field(
        default_factory=dict, description="Rows of other tables that say more about the entity: alias → join."
    )
    fields: Fields = Field(
        description="Field name → SQL expression over the legacy table's columns, and `alias.column` of the joins.",
        min_length=1,
    )
    children: dict[Name, Children] = Field(
        default_factory=dict,
        description="The lines inside of the aggregate, by the name under which its events carry them.",
    )
    events: Events = Field(default_factory=Events, description="The names of its events.")
    tolerances: list[Tolerance] = Field(
        default_factory=list, description="By how much its fields may differ from legacy, and who says so."
    )
    quality: list[Check] = Field(
        default_factory=list,
        description="Checks of its data, beside those that follow from the mapping by themselves.",
    )


def named_parts(name: str, section: Entity | Children) -> Iterator[tuple[str, Entity | Children]]:
    """The entity of this name and its children of all levels with what they are called, parents first: `sale`, `sale.lines`."""
    yield name, section
    for each, children in section.children.items():
        yield from named_parts(f"{name}.{each}", children)


def part_names(name: str, section: Entity | Children) -> Iterator[str]:
    """What they are called."""
    return (part for part, _ in named_parts(name, section))
