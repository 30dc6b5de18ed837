"""Guards: gates that are looked at all the time while the new service answers callers, and what is done when one is breached."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import ConfigDict, Field

from strangler.settings.section import Duration, Section

Guarded = Literal["canary", "live"]


class Guard(Section):
    """What must hold while callers are answered by the new service; a worker looks every few seconds and acts by itself. Only a gate that
    fails is a breach: what can't be told isn't. See docs/cutover.md."""

    gate: str = Field(
        description="The gate: errors, latency, lag, freshness, quarantine, drift, balances, quality, service, shadow, late writes, …, "
        "or one of your own under gates.custom."
    )
    for_: Duration = Field(
        timedelta(minutes=2),
        alias="for",
        description="How long the breach must last. Of errors and latency the calls of that time are what is judged.",
    )
    then: Literal["hold", "rollback"] = Field(
        description="`hold`: nobody may advance the function. `rollback`: it goes back, from canary to shadow, from live to syncing; where "
        "something would be lost by that it is held instead."
    )
    stages: list[Guarded] = Field(
        ["canary", "live"], min_length=1, description="The stages in which it is looked at."
    )
    min_calls: int = Field(
        20,
        ge=1,
        description="Of errors and latency: fewest calls of the new service within `for` for a verdict.",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def name(self) -> str:
        """What tells it apart from the others of its function."""
        return f"{self.gate}, then {self.then}"


def usual() -> list[Guard]:
    """The guards of a function that names none: they only hold, and only in canary."""
    return [
        Guard(gate="errors", then="hold", stages=["canary"]),
        Guard.model_validate({"gate": "latency", "for": "5m", "then": "hold", "stages": ["canary"]}),
    ]
