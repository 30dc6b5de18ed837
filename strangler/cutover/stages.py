"""Stages: where a function stands, and what follows from it for reads, writes and sync. Pure data.

The table `RULES` is the one place that says who reads where and who owns writes; routing, delivery and the
conductor all ask it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from shlex import quote
from typing import Final

from strangler.changes import Position


class Side(StrEnum):
    """The two sides that can answer; the owner is one of them."""

    LEGACY = "legacy"
    NEW = "new"

    @property
    def other(self) -> Side:
        """The side that this one isn't."""
        return Side.NEW if self is Side.LEGACY else Side.LEGACY


class Stage(StrEnum):
    """The stages in their order."""

    LEGACY = "legacy"
    SYNCING = "syncing"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    RETIRED = "retired"


ORDER: Final = tuple(Stage)


class Reads(StrEnum):
    """Who answers reads in a stage."""

    LEGACY = "legacy"
    MIRRORED = "legacy, mirrored to new"
    WEIGHTED = "by weight"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a stage means. `owner` may write; `delivery` tells whether events flow legacy → store, `returning` whether what new writes
    flows store → legacy, where the function has a way back."""

    reads: Reads
    owner: Side
    delivery: bool
    returning: bool
    meaning: str


RULES: Final[dict[Stage, Rule]] = {
    Stage.LEGACY: Rule(Reads.LEGACY, Side.LEGACY, False, False, "untouched: the legacy ERP does everything"),
    Stage.SYNCING: Rule(Reads.LEGACY, Side.LEGACY, True, False, "the store is filled and kept up to date"),
    Stage.SHADOW: Rule(
        Reads.MIRRORED, Side.LEGACY, True, False, "reads go to both, legacy answers, answers are compared"
    ),
    Stage.CANARY: Rule(
        Reads.WEIGHTED, Side.LEGACY, True, False, "a share of the reads is answered by the new service"
    ),
    Stage.LIVE: Rule(Reads.NEW, Side.NEW, False, True, "the new service owns the function"),
    Stage.RETIRED: Rule(Reads.NEW, Side.NEW, False, False, "the legacy function is switched off"),
}

SETTLED: Final = frozenset((Stage.LEGACY, Stage.RETIRED))
"""The stages in which the owner doesn't change: a function that nobody has begun to move needs several steps before it may, each of
which leaves its mark (`Standing.left`), and one that is retired doesn't come back."""

SHADOWED: Final = frozenset(
    stage for stage in Stage if RULES[stage].reads in (Reads.MIRRORED, Reads.WEIGHTED)
)
"""The stages in which legacy owns a function and new is asked beside it."""

EVERYONE: Final = "*"
"""The cohort that is the whole function."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a function (or one cohort of it) stands now, as the control store has it.

    `weight` is in basis points (0–10,000) and counts in canary only. `fenced` means that writes are refused for the moment of a switch.
    `sync_until` is the source position beyond which delivery applies nothing (None: no limit). `generation` grows by one
    with every change of any standing in the control store; `left` is the one under which it left stage `legacy`, 0 as long as it
    hasn't. `hold` is the reason for which nobody may advance, None when free. `parted` is when a cohort got a standing of its own, 0 of the
    whole function.
    """

    function: str
    cohort: str
    stage: Stage
    owner: Side
    weight: int
    fenced: bool
    sync_until: Position | None
    hold: str | None
    generation: int
    since: float
    left: int = 0
    parted: float = 0.0

    @property
    def name(self) -> str:
        """Of what it is the standing, in words."""
        return named(self.function, self.cohort)

    @property
    def spelled(self) -> str:
        """Of what it is the standing, as the arguments of a command."""
        return spelled(self.function, self.cohort)


def named(function: str, cohort: str) -> str:
    """A function, or a cohort of it, in words."""
    return function if cohort == EVERYONE else f"{function} (cohort {cohort})"


def spelled(function: str, cohort: str) -> str:
    """A function, or a cohort of it, as the arguments of a command."""
    return function if cohort == EVERYONE else f"{function} --cohort {quote(cohort)}"


def at_the_start(function: str, cohort: str = EVERYONE) -> Standing:
    """A function nobody has touched yet."""
    return Standing(function, cohort, Stage.LEGACY, Side.LEGACY, 0, False, None, None, 0, 0.0)


def parted(cohorts: Iterable[Standing]) -> float:
    """When the last of the cohorts that move on their own left the whole function: what was counted for that before was of them, too."""
    return max((each.parted for each in cohorts), default=0.0)


def inherited(whole: Standing, cohort: str) -> Standing:
    """How a cohort stands that has no standing of its own: as the whole function, whose hold stays that of the whole."""
    return replace(whole, cohort=cohort, hold=None)
