"""The steps of a function's way: which weights it comes to, and what each step waits for; windows, and the calendar of freezes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field

from strangler.settings.section import Duration, Name, Section, Share

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

Hour = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
"""A time of day: `20:00`. Quote it: YAML takes it for a number."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=list[str] | str)]
"""A name, or a list of them."""


class Window(Section):
    """Times of the week in which something may be done."""

    days: list[Day] = Field(
        default_factory=lambda: list(get_args(Day)),
        min_length=1,
        description="The days on which it opens; by default all.",
    )
    from_: Hour = Field("00:00", alias="from", description='When it opens, e.g. "20:00".')
    to: Hour = Field(
        "24:00", description="When it closes; a time that isn't later than `from` is one of the day after."
    )
    time_zone: str | None = Field(
        None, description="By its name in the IANA database; by default that of the file."
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Approve(Section):
    """Who has to say yes. Each person counts once, and whoever moves the function doesn't count."""

    role: Literal["approver", "admin"] = Field(
        "approver",
        description="What they are (`strangler access`); the yes of an admin counts as that of an approver, too.",
    )
    count: int = Field(1, ge=1, description="How many of them.")
    valid: Duration = Field(
        timedelta(days=1),
        description="How long a yes holds: after that it was given on figures of another day.",
    )


class Step(Section):
    """A state that the function comes to, and what it takes to come to it beside the gates. Stages that no step names wait for nothing
    more."""

    weight: Share | None = Field(
        None,
        description="Canary with this share of reads answered by the new service: `5%`. Either this or `to`.",
    )
    to: Literal["syncing", "shadow", "live", "retired"] | None = Field(
        None, description="The stage that it comes to, where that isn't canary."
    )
    gate: Names = Field(
        default_factory=list,
        description="Gates that have to pass here beside those of the stage; a name or a list.",
    )
    approve: Approve | None = Field(None, description="Who has to say yes first; see docs/cutover.md.")
    window: Name | Window | None = Field(
        None, description="When it may be done: one of `windows` by its name, or written here."
    )
    hold: Duration | None = Field(
        None, description="How long it then stays there at least, before the next step."
    )


def steps_of(weights: Sequence[float]) -> list[Step]:
    """The canary's weights as steps that wait for nothing."""
    return [Step(weight=weight) for weight in weights]


class Freeze(Section):
    """A time in which nothing moves forwards: a period close, stocktaking, the days around the new year. Going back stays possible."""

    name: str = Field(min_length=1, description="What it is called in refusals.")
    from_: date | None = Field(None, alias="from", description="Its first day.")
    to: date | None = Field(None, description="Its last day.")
    monthly: str | None = Field(
        None,
        description="In place of both, one that comes each month: `last 2 days .. 5` is from the last two days of a month up to the fifth "
        "of the next one.",
    )
    functions: list[Name] = Field(
        default_factory=list, description="Which functions stand still; by default all."
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
