"""The facts of the progress: plain frozen data. Times are seconds since the epoch, shares from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strangler.control.backfills import BackfillRecord
from strangler.control.comparisons import Compared, Mismatch
from strangler.control.deliveries import DeliveryRecord
from strangler.control.effects import Effects
from strangler.control.ledger import Entry, Verification
from strangler.control.reconciliations import Finding, Run
from strangler.control.returning import ReturnRecord
from strangler.control.sources import SourceRecord
from strangler.cutover.gates import GateResult
from strangler.cutover.stages import ORDER, Side, Stage, Standing
from strangler.cutover.steps import Target


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one kind (read, write) that one side answered in the last hour. `latency` is the mean in seconds."""

    kind: str
    side: Side
    calls: int
    errors: int
    fenced: int
    latency: float


@dataclass(frozen=True, slots=True)
class Point:
    """Calls by the side that answered, in `minutes` minutes from `at` on."""

    at: float
    minutes: int
    legacy: int
    new: int

    @property
    def share(self) -> float | None:
        """The share of the calls that new answered; None when there were none."""
        return share(self.legacy, self.new)


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on a function stood in `stage` with `weight` (basis points)."""

    at: float
    stage: Stage
    weight: int


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The last reconciliation over everything that has ended, with the first keys that differ."""

    run: Run
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class CohortProgress:
    """Where a cohort is that moves on its own, with what was counted for it alone: as `FunctionProgress` has it of the others."""

    standing: Standing
    target: Target | None
    gates: tuple[GateResult, ...]
    calls: tuple[Calls, ...]
    compared: Compared
    effects: Effects

    @property
    def blocked(self) -> tuple[GateResult, ...]:
        """The gates that keep it from going on."""
        return _blocked(self.gates)

    @property
    def share(self) -> float | None:
        """The share of its calls of the last hour that new answered; None when there were none."""
        return _shared(self.calls)


@dataclass(frozen=True, slots=True)
class FunctionProgress:
    """Where one function is. `target` is where it goes next (None when there is nothing further), `gates` what that needs.

    `calls` are those of the last hour, of all cohorts; `history` goes back up to a week. `cohorts` are those that move on their own;
    `standing`, `gates`, `compared`, `effects` and `mismatches` are of all others. `steps` are the stages from the beginning, `decisions`
    everything about it on the ledger. `alarm` is a reconciliation since the last one over everything which looked at less and found
    drift. `compared` are the comparisons since it last entered shadow, `effects` those of writes,
    `mismatches` some examples.
    `ended` says which tolerances and shadow rules hide nothing any more.
    `returning` is how far the reverse feed is, None where there is none; `conflicts` are held on their way back.
    `late_writes` are those that nobody has explained, `late_authors` who made them as far as that is known, the most frequent first.
    """

    name: str
    title: str
    entities: tuple[str, ...]
    standing: Standing
    target: Target | None
    gates: tuple[GateResult, ...]
    calls: tuple[Calls, ...]
    history: tuple[Point, ...]
    delivery: DeliveryRecord | None
    source: SourceRecord | None
    backfills: tuple[BackfillRecord, ...]
    reconciled: Reconciled | None
    alarm: Run | None
    compared: Compared
    effects: Effects
    mismatches: tuple[Mismatch, ...]
    quarantined: int
    steps: tuple[Step, ...]
    decisions: tuple[Entry, ...]
    ended: tuple[str, ...] = ()
    returning: ReturnRecord | None = None
    conflicts: int = 0
    late_writes: int = 0
    late_authors: tuple[str, ...] = ()
    cohorts: tuple[CohortProgress, ...] = ()

    @property
    def blocked(self) -> tuple[GateResult, ...]:
        """The gates that keep it from going on."""
        return _blocked(self.gates)

    @property
    def rows(self) -> int:
        """Rows written into the store so far, by backfill and by events."""
        return (self.delivery.rows if self.delivery else 0) + sum(record.rows for record in self.backfills)

    @property
    def share(self) -> float | None:
        """The share of the calls of the last hour that new answered; None when there were none."""
        return _shared(self.calls)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something a person should look at: about which function ("" for all), what it is, and whether it is wrong or only worth
    knowing."""

    function: str
    words: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """The whole migration at the moment `at`; `begun` is when the first function moved, None when none has.

    `history` has the calls of all functions together, `facades` how many are running, `ledger` whether its chain holds.
    """

    name: str
    at: float
    begun: float | None
    functions: tuple[FunctionProgress, ...]
    history: tuple[Point, ...]
    ledger: Verification
    facades: int
    attention: tuple[Attention, ...]

    @property
    def by_stage(self) -> dict[Stage, int]:
        """How many functions are in each stage, in the order of the stages."""
        return {stage: sum(f.standing.stage is stage for f in self.functions) for stage in ORDER}

    @property
    def share(self) -> float | None:
        """The share of all calls of the last hour that new answered."""
        return _shared([each for function in self.functions for each in function.calls])


def _blocked(gates: Iterable[GateResult]) -> tuple[GateResult, ...]:
    return tuple(gate for gate in gates if not gate.passes)


def _shared(calls: Sequence[Calls]) -> float | None:
    by_side = {side: sum(each.calls for each in calls if each.side is side) for side in Side}
    return share(by_side[Side.LEGACY], by_side[Side.NEW])


def share(legacy: int, new: int) -> float | None:
    """New's share of both together; None of nothing."""
    return new / (legacy + new) if legacy + new else None
