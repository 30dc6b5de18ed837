"""A function: the business capability that is cut over as one unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticKnownError

from strangler.settings.entities import Entity, named_parts
from strangler.settings.gates import Gates
from strangler.settings.guards import Guard, usual
from strangler.settings.returning import Return
from strangler.settings.routes import Cohorts, Documents, Protocol, Route, Service
from strangler.settings.section import Duration, Name, Section
from strangler.settings.shadow import FunctionShadow
from strangler.settings.steps import Step, steps_of
from strangler.settings.switching import Fence, Numbers, Retire


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


def _as_live(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return dict.fromkeys(value, "live")
    if isinstance(value, dict):
        return value
    raise PydanticKnownError("list_type")


DependsOn = Annotated[
    dict[Name, Literal["syncing", "shadow", "canary", "live", "retired"]],
    BeforeValidator(
        _as_live,
        json_schema_input_type=list[Name]
        | dict[Name, Literal["syncing", "shadow", "canary", "live", "retired"]],
    ),
]
"""Function → the stage that it must have reached, or a list of functions that must be live."""


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
    cohorts: Cohorts | None = Field(None, description="Slices that move on their own; see docs/routing.md.")
    documents: Documents | None = Field(
        None, description="Documents that stay where they were begun; see docs/routing.md."
    )
    balances: dict[Name, Balance] = Field(
        default_factory=dict,
        description="What must add up alike on both sides, by name; every reconciliation compares it.",
    )
    return_: Return | None = Field(
        None, alias="return", description="The way back of what new writes; without it there is none."
    )
    gates: Gates = Field(default_factory=Gates)
    guards: list[Guard] = Field(
        default_factory=usual,
        description="What is watched while the new service answers callers, and done about a breach; by default errors and latency in "
        "canary, which hold the function. `[]` switches them off.",
    )
    numbers: list[Numbers] = Field(
        default_factory=list,
        description="Number ranges and sequences that are handed over with the ownership.",
    )
    retire: Retire | None = Field(
        None, description="Without it the legacy function is left as it is when this one is retired."
    )
    fence: Fence | None = Field(None, description="Without it only the facades refuse writes.")
    quarantine: Quarantine = Field(default_factory=Quarantine)
    schedules: list[Schedule] = Field(
        default_factory=list, description="When it is reconciled without being asked for."
    )
    shadow: FunctionShadow = Field(default_factory=FunctionShadow)
    steps: list[Step] = Field(
        default_factory=lambda: steps_of([0.05, 0.25, 0.5, 1.0]),
        description="The states that it comes to one after the other, with what each waits for beside its gates; by default canary with "
        "5%, 25%, 50% and 100%. See docs/cutover.md.",
    )
    depends_on: DependsOn = Field(
        default_factory=dict,
        description="Functions that must be live before this one: a list, or name → the stage that is enough: `{product: canary}`.",
    )

    def cohort_of(self, entity: str) -> str | None:
        """The expression that names the cohort of the entity's rows; None where they are of none."""
        section = self.cohorts.of.get(entity) if self.cohorts else None
        return section.name if section else None


def ended_tolerances(function: Function, today: date) -> Iterator[str]:
    """What is to be said of each tolerance of a function whose time is over."""
    for name, entity in function.entities.items():
        for part, section in named_parts(name, entity):
            for rule in section.tolerances:
                if rule.has_ended(today):
                    what = f"{part}: the tolerance of {rule.field} ({rule.allows}) held until {rule.until}"
                    yield f"{what} and hides nothing any more; ask {rule.owner}"
