"""Evidence: what is known of a function at one moment. The gates judge it; they look nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strangler.control.backfills import BackfillRecord
from strangler.control.balances import Balance
from strangler.control.comparisons import Compared, Latency
from strangler.control.deliveries import DeliveryRecord
from strangler.control.effects import Effects
from strangler.control.late_writes import Hour
from strangler.control.quality_runs import QualityRun
from strangler.control.quarantine import Concerned
from strangler.control.reconciliations import Run
from strangler.control.rehearsals import Rehearsal
from strangler.control.sources import SourceRecord
from strangler.control.standings import Snapshot
from strangler.control.traffic import Calls
from strangler.cutover.approvals import Approval
from strangler.cutover.stages import EVERYONE, Stage, Standing

if TYPE_CHECKING:
    from strangler.cutover.gates.result import GateResult
    from strangler.cutover.history import Move


@dataclass(frozen=True, slots=True)
class Health:
    """What the new service answered when it was asked how it is."""

    well: bool
    words: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a function at the moment `now` (seconds since the epoch).

    `compared` counts from `counted_from` on: from when the function last entered shadow, or from when it, or a cohort of it, parted from
    the others, if that was later; 0 where it was never there. `reconciliation` is the last run over everything
    that has ended, however it ended; `alarm` one since then that looked at less and found drift that counts for the cohort.
    `switched_at` is the end of the last switch of owners, 0 for none. `health` is None when it wasn't asked for.
    `hold` is why nobody may advance it: its own hold or that of the whole function; None when it is free. `rolled_back` is the
    last move where that led backwards.
    `reached` is when it came to where it stands, weight included; `plan` the hash of the plan by which it began, empty for none;
    `approvals` what people said yes to.
    `effects` are those of writes, counted as `compared`. `quality` has the last run of the checks of data that has ended, by side.
    `quarantined` are the keys that wait of the whole function, `waiting` those that count for what is judged.
    `stopped` says why the function is stopped (`strangler.sync.limits`), empty when it isn't. `balances` are those of `reconciliation`.
    `latencies` are of shadowed reads, counted as `compared`; `traffic` is (minute since the epoch, kind, side) → calls, as far back as any
    gate looks. `rehearsal` is the last one of the way back.
    `picture` is how all functions stand. `late_writes` are those that nobody has explained. `custom` is what gates of your own said.
    """

    now: float
    standing: Standing
    source: SourceRecord | None
    delivery: DeliveryRecord | None
    backfills: Mapping[str, BackfillRecord]
    reconciliation: Run | None
    compared: Compared
    quarantined: int
    dependencies: Mapping[str, Stage]
    health: Health | None
    picture: Snapshot = field(default_factory=lambda: Snapshot(0, ()))
    switched_at: float = 0.0
    hold: str | None = None
    rolled_back: Move | None = None
    counted_from: float = 0.0
    reached: float = 0.0
    plan: str = ""
    approvals: tuple[Approval, ...] = ()
    stopped: str = ""
    waiting: Concerned = field(default_factory=Concerned)
    alarm: Run | None = None
    quality: Mapping[str, QualityRun] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)
    balances: Sequence[Balance] = ()
    latencies: Sequence[Latency] = ()
    traffic: Mapping[tuple[int, str, str], Calls] = field(default_factory=dict)
    late_writes: Sequence[Hour] = ()
    rehearsal: Rehearsal | None = None
    custom: Mapping[str, GateResult] = field(default_factory=dict)

    @property
    def counted_alone(self) -> bool:
        """Whether `compared`, `effects`, `latencies` and `traffic` have anything of a cohort: one needs a standing of its own for that."""
        cohort = self.standing.cohort
        return cohort == EVERYONE or self.picture.of_cohort(self.standing.function, cohort).cohort == cohort

    @property
    def alone(self) -> frozenset[str]:
        """The cohorts of the function that move on their own."""
        return frozenset(each.cohort for each in self.picture.cohorts(self.standing.function))

    @property
    def whose(self) -> tuple[str, frozenset[str]]:
        """What is judged, and beside which other cohorts that move on their own: what figures that were told by cohort are asked for."""
        return self.standing.cohort, self.alone

    @property
    def by_cohort(self) -> bool:
        """Whether cohorts of the function move on their own, or one is to."""
        return self.standing.cohort != EVERYONE or bool(self.alone)

    @property
    def filled_at(self) -> float:
        """When the last backfill ended. Of one that is asked for or under way, so far only its beginning counts."""
        fillings = self.backfills.values()
        return max((record.finished_at or record.started_at for record in fillings), default=0.0)
