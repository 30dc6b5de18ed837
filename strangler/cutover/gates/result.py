"""What a gate says: a verdict, the figure that it comes from, the limit that the figure was held against, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Gate(StrEnum):
    """The gates, by the name that people see."""

    BACKFILL = "backfill"
    FRESHNESS = "freshness"
    LAG = "lag"
    QUARANTINE = "quarantine"
    DRIFT = "drift"
    BALANCES = "balances"
    QUALITY = "quality"
    SHADOW = "shadow"
    EFFECTS = "effects"
    ERRORS = "errors"
    LATENCY = "latency"
    SERVICE = "service"
    DEPENDENCIES = "dependencies"
    WAY_BACK = "way back"
    LATE_WRITES = "late writes"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate says, with its figure against its limit, both with unit; `words` for people, `do` when it blocks.

    `name` is a `Gate`, or what a gate beyond these is called: a balance, a gate of your own.
    """

    name: str
    verdict: Verdict
    figure: str
    limit: str
    words: str
    do: str = ""

    @property
    def passes(self) -> bool:
        return self.verdict is Verdict.PASS


def keys(count: int) -> str:
    """So many keys, in words."""
    return f"{count:,} {'key' if count == 1 else 'keys'}"


def groups(count: int) -> str:
    """So many groups of a balance, in words."""
    return f"{count:,} {'group' if count == 1 else 'groups'}"
