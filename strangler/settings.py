"""Settings: what `strangler.yaml` says, as typed, frozen models with sensible defaults.

Every field has its meaning, unit and default with the reason for it in its description; the same texts are in the
JSON Schema. Loading, interpolation and the wording of errors are in `strangler.configuration`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticKnownError

from strangler.durations import parse_duration, parse_share, write_duration

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d)$"}),
]
"""A duration: `500ms`, `5s`, `2m`, `1h`, `7d`."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
            ]
        }
    ),
]
"""A share of a whole: `5%`, or `0.05`."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
"""Lower-case letters, digits and underscores; begins with a letter."""


class Section(BaseModel):
    """A part of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Section):
    """A database, by SQLAlchemy URL. The URL is a secret: it may carry a password and is never printed whole."""

    url: SecretStr = Field(
        description="SQLAlchemy URL, e.g. postgresql://user:${PASSWORD}@host/db or sqlite:///file.db."
    )


class Log(Section):
    """The event log."""

    kind: str = Field("sql", description="Kind of log: an entry point of `strangler.logs`.")
    url: SecretStr | None = Field(
        None,
        description="Where it is; by default SQLite in the data directory. Of kind kafka: kafka://host:9092,host:9092.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this kind of log knows; see its page."
    )


class Source(Section):
    """A legacy database that is read by change data capture."""

    kind: str = Field(
        description="Kind of connector: an entry point of `strangler.connectors` (postgres, mysql, debezium, polling, sqlite)."
    )
    url: SecretStr = Field(description="How to reach the legacy database.")
    replica: SecretStr | None = Field(
        None,
        description="A replica of it, one server, that backfill and reconciliation read in its place; they wait until it has what they "
        "are to see. Only of kinds postgres and mysql.",
    )
    heartbeat: Duration = Field(
        timedelta(seconds=10),
        description="Longest silence of an idle source before a heartbeat is made, so that lag means something.",
    )
    on_schema_change: Literal["stop", "continue"] = Field(
        "stop",
        description="What to do when a captured table is altered in mid-stream: `stop` until somebody has looked, or `continue` "
        "where no mapping is touched.",
    )
    outage: Duration = Field(
        timedelta(days=1),
        description="Longest outage that capture is to survive; `strangler doctor` says whether the source keeps its log that long.",
    )
    mirror: Path | None = Field(
        None,
        description="File of the mirror, which holds what entities over several tables are made of; by default in the data directory. "
        "Only where an entity has `join` or `children`.",
    )
    state: Path | None = Field(
        None,
        description="File of a connector that has to remember something itself (polling); by default in the data directory.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this kind of connector knows; see its page."
    )


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


def _as_words(value: str) -> str:
    if not value.strip():
        raise ValueError("empty: write who, or why, in words")
    return value.strip()


Words = Annotated[str, AfterValidator(_as_words)]
"""A text that says something."""

Ignored = Literal["trailing blanks", "blanks", "case"]


class Tolerance(Section):
    """A difference of a field between legacy and store that is known and accepted: reconciliation counts it as tolerated, not as drift.
    Either `within` or `ignore`. See docs/reconciliation.md."""

    field: str = Field(description="The field; not one of the key.")
    within: Annotated[
        Decimal | timedelta | None,
        BeforeValidator(_as_within),
        WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
    ] = Field(
        None,
        description="The most that both sides may be apart: a number like 0.01, of dates and times a duration like 1s.",
    )
    ignore: Annotated[
        list[Ignored],
        BeforeValidator(
            lambda v: [v] if isinstance(v, str) else v, json_schema_input_type=Ignored | list[Ignored]
        ),
    ] = Field(
        default_factory=list,
        description="What of a text doesn't count, one or several of: `trailing blanks`; `blanks` at both ends, and how many stand "
        "together in between; `case`.",
    )
    owner: Words = Field(description="Who answers for it.")
    reason: Words = Field(description="Why it is so.")
    until: Annotated[
        date | None, BeforeValidator(_as_day), WithJsonSchema({"type": "string", "format": "date"})
    ] = Field(
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


def ended_tolerances(function: Function, today: date) -> Iterator[str]:
    """What is to be said of each tolerance of a function whose time is over."""
    for name, entity in function.entities.items():
        for part, section in named_parts(name, entity):
            for rule in section.tolerances:
                if rule.has_ended(today):
                    what = f"{part}: the tolerance of {rule.field} ({rule.allows}) held until {rule.until}"
                    yield f"{what} and hides nothing any more; ask {rule.owner}"


def part_names(name: str, section: Entity | Children) -> Iterator[str]:
    """What they are called."""
    return (part for part, _ in named_parts(name, section))


def _as_meaning(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'neither a text nor a whole number: write "{value}" (quotes make it a text)')
    return value


Meaning = Annotated[
    Any, AfterValidator(_as_meaning), WithJsonSchema({"type": ["string", "integer"]}, mode="validation")
]
"""What a code means: a text or a whole number."""


class CodeMap(Section):
    """What the codes of the old system mean in the new one: `LOOKUP(currency, code)` in an expression. Either `values`, or a `file`, or
    a `table` of the legacy database."""

    values: dict[str, Meaning] | None = Field(
        None,
        description="Code → what it means: texts, or whole numbers all of them. `001` and `1` differ.",
        min_length=1,
    )
    file: Path | None = Field(
        None,
        description="CSV in UTF-8 with commas, whose first line names the columns; relative to the configuration file. "
        "What it holds is text.",
    )
    table: str | None = Field(
        None,
        description="A table of the source of the function that uses the map, `name` or `schema.name`; of at most 100,000 rows, read "
        "when a process compiles its mappings. For one that changes in daily work use `join`.",
    )
    from_: str | None = Field(
        None,
        alias="from",
        description="The column of the codes. Of a file by default the first of two; of a table an expression over its columns.",
    )
    to: str | None = Field(
        None,
        description="The column of what they mean. Of a file by default the second of two; of a table an expression.",
    )
    where: str | None = Field(
        None, description="SQL condition over the table's columns: which rows count, e.g. spras = 'E'."
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def held(self) -> dict[str, str | int]:
        """Code → what it means; of a file too, once the configuration is loaded. What is in a table isn't known here."""
        return self.values or {}


def _as_call(value: str) -> str:
    module, _, function = value.partition(":")
    if not all(each.isidentifier() for each in (*module.split("."), function)):
        raise ValueError("not a module and a function in it: write my_mappings:iban_of")
    return value


TypeName = Literal[
    "text", "integer", "decimal", "float", "boolean", "date", "time", "timestamp", "instant", "bytes", "json",
]  # fmt: skip


class PythonCall(Section):
    """A Python function of your own, which expressions call by the name that it stands under. It must depend on its arguments alone.
    See docs/expressions.md."""

    call: Annotated[str, AfterValidator(_as_call)] = Field(
        description="`module:function`. A file of that name in `folder`, or a module that is installed."
    )
    takes: list[TypeName] = Field(description="The types of its arguments, in order.", min_length=1)
    gives: TypeName = Field(description="The type of what it returns; None is NULL.")
    folder: Path | None = Field(
        None, description="Where the module's file is; by default the folder of the configuration file."
    )


class Match(Section):
    """What a request must be for a route. All that is given must hold."""

    path: str = Field(description="Path template: `/parties/{id}`; `{rest:path}` takes the remainder.")
    method: list[str] | None = Field(None, description="HTTP methods; all when absent.")
    headers: dict[str, str] = Field(default_factory=dict, description="Header name → exact value.")
    json_body: dict[str, list[str]] = Field(
        default_factory=dict,
        alias="json",
        description="Dotted path in a JSON body → the values that match, e.g. method: [model.party.party.read].",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Route(Section):
    """Which requests belong to the function, and whether they read or write."""

    match: Match
    kind: Literal["read", "write"] = Field(description="A read is answered by weight, a write by the owner.")
    operation: str | None = Field(
        None, description="What the protocol plugin calls it, when it can't tell from the request."
    )


class Service(Section):
    """The new service of a function."""

    url: str = Field(description="Base URL, e.g. http://127.0.0.1:9001.")
    health: str = Field("/healthz", description="Path that answers 200 when the service is well.")


class Protocol(Section):
    """How requests of the legacy contract are put to the new service and its answers put back."""

    kind: str = Field(description="An entry point of `strangler.protocols` (jsonrpc).")
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this protocol knows; see its page."
    )


class LagGate(Section):
    """The store is close behind the legacy database."""

    max: Duration = Field(
        timedelta(seconds=5),
        description="Longest age of what is committed in legacy and not yet in the store.",
    )


class DriftGate(Section):
    """The last reconciliation found both sides alike, and it is recent."""

    max: int = Field(0, ge=0, description="Most keys that may differ.")
    fresh: Duration = Field(
        timedelta(hours=1), description="Oldest reconciliation that still counts as evidence."
    )


class FreshnessGate(Section):
    """The source has been heard of just now."""

    max: Duration = Field(
        timedelta(seconds=30),
        description="Longest time since the source was last heard of; older means that lag says nothing.",
    )


class ShadowGate(Section):
    """The new service answers as the legacy one does."""

    max_mismatch: Share = Field(0.0, description="Largest share of compared reads that may differ.")
    min_samples: int = Field(
        100, ge=1, description="Fewest comparisons for a verdict; fewer is inconclusive."
    )


class QuarantineGate(Section):
    """Nothing waits that couldn't be translated."""

    max: int = Field(0, ge=0, description="Most keys that may wait in quarantine.")


class QualityGate(Section):
    """The last run of the checks of data found nothing critical, and it is recent. Of a function that declares checks."""

    fresh: Duration = Field(timedelta(days=1), description="Oldest run that still counts as evidence.")
    on: list[CheckedSide] = Field(
        ["store"],
        description="What must have passed: by default the store, since that is what the new service answers from.",
        min_length=1,
    )


class Gates(Section):
    """Conditions with evidence that a stage change needs. Sensible defaults hold when nothing is written."""

    lag: LagGate = Field(default_factory=LagGate)
    drift: DriftGate = Field(default_factory=DriftGate)
    freshness: FreshnessGate = Field(default_factory=FreshnessGate)
    shadow: ShadowGate = Field(default_factory=ShadowGate)
    quarantine: QuarantineGate = Field(default_factory=QuarantineGate)
    quality: QualityGate = Field(default_factory=QualityGate)


class Quarantine(Section):
    """Where changes wait that couldn't be translated."""

    max_keys: int = Field(
        1000,
        ge=0,
        description="Keys of the function that may wait; with more it is stopped until `strangler quarantine resume`, for then it isn't "
        "rows that are wrong but the mapping.",
    )


class Schedule(Section):
    """When a reconciliation of the function is run by the workers, and how thorough it is. A slot that comes while the one before is
    still under way is done after it; of several that were missed while no worker ran, the last one."""

    cron: str = Field(
        description="Five fields: minute, hour, day of month, month, day of week; in the `time_zone` of the file."
    )
    mode: Literal["full", "quick", "sample", "recent"] = Field(
        description="`full`: every row. `quick`: which keys there are, and balances. `sample`: random keys. `recent`: keys touched lately."
    )
    within: Duration | None = Field(
        None,
        description="Longest time that it may take: then it stops, incomplete, and the next slot goes on with it. Without it, as long as "
        "it takes.",
    )
    sample: int | None = Field(None, ge=1, description="Keys to draw per entity; of mode sample only.")
    since: Duration | None = Field(
        None,
        description="How long ago a key must have been touched at most; of mode recent only. By default since the last run before.",
    )

    @property
    def name(self) -> str:
        """What tells it apart from the others of its function."""
        return f"{self.mode} {' '.join(self.cron.split())}"


def _as_expressions(value: Any) -> Any:
    if isinstance(value, str):
        return {value: value}
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return {each: each for each in value}
    return value


Expressions = Annotated[
    dict[Name, str],
    BeforeValidator(_as_expressions, json_schema_input_type=dict[str, str] | list[str] | str),
]
"""Name → SQL expression, or a list of fields, each of which is called as it is."""


class BalanceTolerance(Section):
    """By how much a balance may differ, who answers for that, and why it is right."""

    within: Annotated[Decimal, WithJsonSchema({"type": "number", "minimum": 0}, mode="validation")] = Field(
        Decimal(0), ge=0, description="Largest difference of each sum of a group, in its own unit."
    )
    rows: int = Field(0, ge=0, description="Largest difference of the count of a group.")
    owner: str = Field(description="Who answers for it: a person or a role.", min_length=1)
    reason: str = Field(description="Why the two sides may differ so.", min_length=1)


class Balance(Section):
    """Figures by dimensions that legacy and store must have alike: sums and counts of an entity's rows, or the gaps in a range of
    numbers. Expressions are those of mappings, over the fields of the entity. See docs/reconciliation.md."""

    of: str = Field(description="The entity, or children of it: `sale`, `sale.lines`.")
    where: str | None = Field(
        None, description="SQL condition over the fields: only rows for which it holds count."
    )
    by: Expressions = Field(
        default_factory=dict,
        description="The dimensions: name → SQL expression over the fields, or a list of fields. Without any there is one total.",
    )
    sums: Expressions = Field(
        default_factory=dict,
        description="What is summed: name → SQL expression over the fields, or a list of fields.",
    )
    count: bool | None = Field(
        None,
        description="Whether rows are counted too; by default they are, except beside `legacy`, which then has to give the column `count`.",
    )
    gaps: str | None = Field(
        None,
        description="Instead of sums: an integer over the fields. Between the least and the greatest number of each group the same ones "
        "must be missing on both sides.",
    )
    legacy: str | None = Field(
        None,
        description="The figures of the legacy side as a SELECT of your own, in the SQL of its database: a column for each dimension and "
        "each sum, by name. It goes around the mapping, and so proves that too.",
    )
    tolerance: BalanceTolerance | None = Field(None, description="Without it nothing may differ.")


class Function(Section):
    """A business capability that is cut over as one unit."""

    title: str = Field("", description="What people call it; by default the name.")
    source: Name = Field(description="The source that its entities come from.")
    store: Name = Field(description="The store that its entities go to.")
    entities: dict[Name, Entity] = Field(min_length=1)
    service: Service | None = Field(None, description="The new service; needed from shadow on.")
    protocol: Protocol | None = Field(
        None, description="Translation of requests; without it they are passed on as they are."
    )
    routes: list[Route] = Field(default_factory=list)
    balances: dict[Name, Balance] = Field(
        default_factory=dict,
        description="What must add up alike on both sides, by name; every reconciliation compares it.",
    )
    gates: Gates = Field(default_factory=Gates)
    quarantine: Quarantine = Field(default_factory=Quarantine)
    schedules: list[Schedule] = Field(
        default_factory=list, description="When it is reconciled without being asked for."
    )
    weights: list[Share] = Field(
        default_factory=lambda: [0.05, 0.25, 0.5, 1.0],
        description="The canary's steps: share of reads that the new service answers; by default 5%, 25%, 50%, 100%.",
    )
    depends_on: list[Name] = Field(
        default_factory=list, description="Functions that must be live before this one."
    )


class Sticky(Section):
    """What keeps a caller on one side: the first of these that the request has is hashed with the salt."""

    headers: list[str] = Field(
        default_factory=lambda: ["authorization"],
        description="Header names, in order of preference; by default authorization.",
    )
    cookies: list[str] = Field(default_factory=list, description="Cookie names, tried after the headers.")
    salt: SecretStr = Field(
        SecretStr("strangler"), description="Makes the buckets of this installation its own."
    )


class Shadow(Section):
    """Reads sent to the new side too, and compared, never on the caller's time."""

    share: Share = Field(1.0, description="Share of reads that are shadowed in the stages shadow and canary.")
    queue: int = Field(
        256, ge=1, description="Most comparisons that may wait; beyond it they are dropped and counted."
    )
    timeout: Duration = Field(timedelta(seconds=5), description="Deadline of one shadow call.")
    settle: Duration = Field(
        timedelta(seconds=2),
        description="How long a difference may take to vanish, since the store is behind by the lag; "
        "the service is asked again meanwhile.",
    )
    credentials: bool = Field(
        False, description="Whether shadow calls carry the caller's Authorization and Cookie."
    )
    ignore: list[str] = Field(
        default_factory=list,
        description="Dotted paths in the answer that are not compared (`*` matches one step).",
    )


class Facade(Section):
    """The HTTP front that callers use."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; local by default, so that nothing is exposed unasked."
    )
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    legacy: str = Field(description="Base URL of the legacy ERP.")
    connect_timeout: Duration = Field(
        timedelta(seconds=2), description="Longest wait for a connection to an upstream."
    )
    total_timeout: Duration = Field(
        timedelta(seconds=60), description="Longest time for a whole request; ERPs are slow."
    )
    body_prefix: int = Field(
        65536,
        ge=256,
        description="Bytes of a body that are looked at for routing, where a route asks for it.",
    )
    sticky: Sticky = Field(default_factory=Sticky)
    shadow: Shadow = Field(default_factory=Shadow)


class Console(Section):
    """The page and API that tell how the migration stands; they change nothing."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; local by default, since there is no log-in yet."
    )
    port: int = Field(8081, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")


class Cutover(Section):
    """How a switch of owners behaves."""

    time_limit: Duration = Field(
        timedelta(seconds=30),
        description="Longest time for a switch; past it, before the journal, it undoes itself.",
    )
    retry_after: Duration = Field(timedelta(seconds=1), description="What a fenced write is told to wait.")


class Sync(Section):
    """How changes are moved."""

    batch: int = Field(2000, ge=1, description="Most events in one transaction of log and store.")
    chunk: int = Field(50_000, ge=1, description="Rows of one backfill chunk; a kill repeats at most one.")


class Reconcile(Section):
    """How gently reconciliation reads both databases: in chunks, with a look at how busy they are between any two."""

    chunk_time: Duration = Field(
        timedelta(seconds=0.5),
        description="How long one chunk may take to read: chunks grow and shrink towards it.",
    )
    max_lag: Duration = Field(
        timedelta(seconds=10),
        description="Most that replication may be behind, of a replica that is read, or of those of a PostgreSQL that is read; "
        "beyond it nothing more is asked until it has caught up.",
    )
    max_load: int = Field(
        25,
        ge=1,
        description="Most statements of others that may run on a server; beyond it nothing more is asked until fewer do.",
    )
    patience: Duration = Field(
        timedelta(minutes=1),
        description="Longest wait for the store to pass a position, and for lag or load to come down; then the run "
        "could not check.",
    )


class Quality(Section):
    """How the checks of data are made, and what is kept of them."""

    docs: Path = Field(
        Path("build/quality"),
        description="Folder of the site that shows the runs (Data Docs); relative to the configuration file.",
    )
    events: int = Field(
        1000,
        ge=1,
        description="Events from the end of each stream that are looked at, for the checks on events.",
    )
    samples: int = Field(20, ge=0, le=200, description="Rows that are kept as examples of a failed check.")


class Encryption(Section):
    """Encryption of what is kept of sensitive fields: in the event log, and in quarantine. Needs `pip install strangler[encryption]`."""

    key: Name = Field(description="The one of `keys` that encrypts from now on.")
    keys: dict[Name, SecretStr] = Field(
        min_length=1,
        description="Name → 32 random bytes in base64 (`openssl rand -base64 32`), best as ${VARIABLE}. A key has to stay as long as "
        "something in the log is encrypted by it.",
    )


class Settings(Section):
    """All of `strangler.yaml`."""

    name: Name = Field(
        "strangler", description="Name of this migration; part of the names of slots and publications."
    )
    data_dir: Path = Field(
        Path(".strangler"),
        description="Where SQLite files go; relative to the configuration file; made when missing.",
    )
    time_zone: str = Field(
        "UTC",
        description="The zone in which schedules are read, by its name in the IANA database: Europe/Berlin.",
    )
    control: Database | None = Field(
        None, description="The control store; by default SQLite in the data directory."
    )
    log: Log = Field(default_factory=lambda: Log())
    sources: dict[Name, Source] = Field(min_length=1)
    stores: dict[Name, Database] = Field(default_factory=dict)
    encryption: Encryption | None = Field(
        None, description="Without it sensitive values are kept as they are; see docs/personal-data.md."
    )
    facade: Facade | None = Field(None, description="Without it only the sync runs.")
    console: Console = Field(default_factory=Console)
    sync: Sync = Field(default_factory=Sync)
    reconcile: Reconcile = Field(default_factory=Reconcile)
    cutover: Cutover = Field(default_factory=Cutover)
    quality: Quality = Field(default_factory=Quality)
    code_maps: dict[Name, CodeMap] = Field(
        default_factory=dict, description="Code maps by name, for LOOKUP in expressions."
    )
    python: dict[Name, PythonCall] = Field(
        default_factory=dict, description="Python functions by name, for expressions."
    )
    functions: dict[Name, Function] = Field(min_length=1)
