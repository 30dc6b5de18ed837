"""A reconciliation of a whole function, recorded from its beginning to its end.

What keeps it from checking makes it `failed`, with the reason, and what stops it half way `incomplete`: neither reads as clean
(invariant 7). Now and then it says that it lives and writes down how far it is, so that another process goes on from there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from strangler import assembly, urls
from strangler.changes import ORIGIN, Position
from strangler.control import backfills, balances, deliveries, quarantine, reconciliations, standings
from strangler.control.holders import signs_of_life
from strangler.control.reconciliations import Finding, Status, Taken
from strangler.control.shares import Shares
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.durations import format_duration
from strangler.errors import StranglerError, Unavailable
from strangler.mapping import EntityMapping
from strangler.owned import Owned
from strangler.parts import Part, parts_of
from strangler.ports import ChangeSource
from strangler.reconcile.balances import Balance, BalanceOutcome, compare_balances
from strangler.reconcile.checkpoint import Checkpoint
from strangler.reconcile.confirm import Feed
from strangler.reconcile.entity import How, Outcome, Scans, compare
from strangler.reconcile.explain import Evidence, explain
from strangler.reconcile.jobs import Job, Mode, Progress, Told, balance_part
from strangler.reconcile.narrow import Difference
from strangler.reconcile.scan import Stopped
from strangler.reconcile.sharing import share_balances, shares
from strangler.reconcile.sides import Sides
from strangler.reconcile.touched import keys_since
from strangler.reconcile.whose import apart, left_out, whose
from strangler.settings import Settings

KEEP_EVERY: Final = 5.0
"""Seconds between two checkpoints: what a kill costs; far less than a holder may be silent."""

BALANCED: Final = (Mode.FULL, Mode.QUICK)
"""The modes in which balances are compared: all rows of a table count in them."""

LATELY: Final = 3600.0
"""Seconds that a recent reconciliation goes back where none came before it."""


BEHIND: Final = 600.0
"""Seconds that the log may have been behind the source when the run before began."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A run that has ended: its number, how it ended, what it found by entity and by balance, and why it failed or stopped if it did.

    Times in seconds since the epoch."""

    run: int
    job: Job
    status: Status
    outcomes: tuple[Outcome, ...]
    balances: tuple[BalanceOutcome, ...]
    reason: str | None
    started_at: float
    finished_at: float

    @property
    def drift(self) -> int:
        """How many keys differ."""
        return sum(outcome.drift for outcome in self.outcomes)


def reconcile(
    settings: Settings,
    control: Control,
    job: Job,
    *,
    told: Told = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.time,
) -> Reconciliation:
    """Do a job, and record the run. `stop` is asked now and then whether to end it: then it is `incomplete`.

    What can't be checked comes back as `failed`; it is raised only where the control store itself fails.
    """
    started = clock()
    run, at = _begun(control, job, started)
    deadline = None if job.within is None else time.monotonic() + job.within
    outcomes: Sequence[Outcome] = ()
    reason = None
    work = _Work(settings, control, job, run, at, told, partial(_ended, stop, deadline), clock)
    try:
        with signs_of_life(lambda: reconciliations.seen(control, run, at=clock())):
            outcomes = work.outcomes()
        status, reason = _judged(outcomes, work.balances)
    except Taken:
        raise
    except Stopped:
        within = job.within or 0.0
        outcomes = work.done
        reason = "stopped" if stop() else f"stopped after {format_duration(within)}, as it was asked to"
        status = Status.INCOMPLETE
    except StranglerError as error:
        reason, status = str(error), Status.FAILED
    except BaseException as error:
        reason = f"ended by {type(error).__name__}"
        reconciliations.finish(control, run, Status.INCOMPLETE, at=clock(), reason=reason)
        raise
    finished = clock()
    added = work.balances if outcomes else []
    shared = shares(work.cohorts, outcomes, added)
    _record(control, run, status, outcomes, added, reason, work.left_out, shared, finished)
    return Reconciliation(run, job, status, tuple(outcomes), tuple(added), reason, started, finished)


def compare_all(
    mappings: Sequence[EntityMapping],
    sides: Sides,
    control: Control,
    how: How,
) -> list[Outcome]:
    """Compare the entities of these mappings, one after the other, parents before children, and record nothing.

    A part is compared as an entity of its own; what waits in quarantine are whole aggregates.
    """
    outcomes = []
    for mapping in mappings:
        untranslatable: set[str] = set()
        for part in parts_of(mapping):
            held = _held(control, mapping)
            outcomes.append(compare(part, sides, how, held=held, untranslatable=untranslatable))
    return outcomes


def feed_of(control: Control, function: str, source: ChangeSource, patience: float) -> Feed | None:
    """How far the store of a function is, as delivery says in the control store; `patience`: seconds that it has to pass a position.

    None when new owns all of the function: delivery has ended then, so nothing is on its way and every difference stands.
    """
    if all(each.owner is Side.NEW for each in standings.snapshot(control).all_of(function)):
        return None

    def safe_position(timeout: float) -> Position:
        if deliveries.get(control, function) is None:
            raise Unavailable(
                f"nothing was ever delivered into the store of {function}",
                why="so a difference can't be told from a change on its way",
                do=f"strangler advance {function}, with `strangler worker` running; or compare with --no-confirm",
            )
        return source.safe_position(timeout)

    def delivered() -> Position:
        record = deliveries.get(control, function)
        return record.position if record else ORIGIN

    return Feed(safe_position, delivered, patience)


def _require_filled(control: Control, function: str) -> None:
    """Raise Unavailable while a backfill is under way: rows that are yet to come would look like drift."""
    if filling := backfills.unfinished(control, function):
        names = ", ".join(record.entity for record in filling)
        raise Unavailable(
            f"the store of {function} is being filled: {names}",
            why="what hasn't been carried over yet can't be told from what was lost",
            do="wait until the backfill is finished (strangler status), or compare with --no-confirm",
        )


class _Work:
    """A job while it is done: part by part, from where a checkpoint says."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        job: Job,
        run: int,
        at: Checkpoint | None,
        told: Told,
        stopping: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._control, self._job, self._run = settings, control, job, run
        self._before, self._told, self._stopping, self._clock = at, told, stopping, clock
        self._kept = time.monotonic()
        snapshot = standings.snapshot(control)
        self._whose, self.cohorts = whose(snapshot, job.function), apart(snapshot, job.function)
        self.done: list[Outcome] = []
        self.balances: list[BalanceOutcome] = []
        self.left_out: list[str] = []

    def outcomes(self) -> list[Outcome]:
        """What every part of every asked entity is. Raises Stopped, and what the sides raise."""
        section = self._settings.functions[self._job.function]
        with (
            closing(assembly.source(self._settings, section.source)) as source,
            closing(assembly.store(self._settings, section.store)) as store,
        ):
            compiled = assembly.mappings(self._settings, self._job.function, source)
            mappings, declared = self._asked(compiled), self._asked_balances(compiled)
            at = self._at(mappings)
            self.done = at.done
            how, recent = self._how(source, at), self._recent(at)
            self.left_out = left_out(self._whose, declared)
            with Sides(source.reader, store.reader) as sides:
                for part in self._left(mappings, at):
                    self._compare(part, sides, how, at, recent)
                self.balances = self._balances(declared, sides, how, at)
            self._require_unmoved(at.done)
            log = partial(assembly.log, self._settings)
            return explain(at.done, mappings, Evidence(log, source, self._control))

    def _balances(
        self, declared: Sequence[Balance], sides: Sides, how: How, at: Checkpoint
    ) -> list[BalanceOutcome]:
        """What every balance is, and where anything differs, what it is of each cohort."""

        def compared(balances: Sequence[Balance], owned: Owned) -> list[BalanceOutcome]:
            return compare_balances(
                balances,
                sides,
                feed=how.feed,
                waiting=self._waiting,
                owned=owned,
                watch=self._watch,
                meanwhile=partial(self._keep_or_stop, at),
            )

        found = compared(declared, how.owned)
        return share_balances(
            found, declared, self.cohorts, at.done, lambda each, owned: compared([each], owned)[0]
        )

    def _require_unmoved(self, outcomes: Sequence[Outcome]) -> None:
        """Raise Unavailable where a cohort has changed hands meanwhile and something differs: that may be a row that is new's by now."""
        now = whose(standings.snapshot(self._control), self._job.function)
        if now != self._whose and (
            any(each.drift for each in outcomes) or any(each.drift for each in self.balances)
        ):
            raise Unavailable(
                f"a cohort of {self._job.function} has changed its owner meanwhile",
                why="so what differs may be new's by now",
                do=f"strangler reconcile run {self._job.function}",
            )

    def _asked(self, mappings: Sequence[EntityMapping]) -> list[EntityMapping]:
        wanted = self._job.entities
        return [mapping for mapping in mappings if not wanted or mapping.shape.entity in wanted]

    def _asked_balances(self, mappings: Sequence[EntityMapping]) -> list[Balance]:
        if self._job.mode not in BALANCED:
            return []
        declared = assembly.balances(self._settings, self._job.function, mappings)
        wanted = self._job.entities
        return [each for each in declared if not wanted or each.part.root.shape.entity in wanted]

    def _waiting(self, entity: str) -> int:
        return len(quarantine.keys(self._control, self._job.function, entity))

    def _watch(self, balance: str, words: str) -> None:
        self._told(Progress(balance_part(balance), words))

    def _keep_or_stop(self, at: Checkpoint) -> None:
        if self._stopping():
            raise Stopped
        self._keep(at)

    def _at(self, mappings: Sequence[EntityMapping]) -> Checkpoint:
        """Where to begin: where the one before was, if it was by the same mappings."""
        versions = self._versions(mappings)
        if self._before is not None and self._before.versions == versions:
            return self._before
        return Checkpoint(versions, random.SystemRandom().getrandbits(32), self._since())

    def _versions(self, mappings: Sequence[EntityMapping]) -> dict[str, str]:
        """What has to be the same for what was seen to count: the mappings, the databases, and the fillings of the store."""
        section = self._settings.functions[self._job.function]
        source, store = self._settings.sources[section.source], self._settings.stores[section.store]
        filled = {each.entity: each.run for each in backfills.of_function(self._control, self._job.function)}
        versions = {mapping.shape.entity: mapping.version for mapping in mappings}
        return {
            **{name: f"{version}/{filled.get(name, 0)}" for name, version in versions.items()},
            "(legacy)": urls.display((source.replica or source.url).get_secret_value()),
            "(store)": urls.display(store.url.get_secret_value()),
            "(whose)": str(self._whose),
            "(cohorts)": ", ".join(map(repr, self.cohorts)),
        }

    def _since(self) -> float | None:
        if self._job.mode is not Mode.RECENT or self._job.since is not None:
            return self._job.since
        last = reconciliations.last_ended(self._control, self._job.function)
        # What was committed before, and came to the log after that began, is looked at too.
        return last.started_at - BEHIND if last else self._clock() - LATELY

    def _how(self, source: ChangeSource, at: Checkpoint) -> How:
        job, limits = self._job, self._settings.reconcile
        patience = limits.patience.total_seconds()
        feed = feed_of(self._control, job.function, source, patience) if job.confirm else None
        if feed:
            _require_filled(self._control, job.function)
        more = self._stopping, self._told, job.sample, at.seed
        return How(feed, job.mode, job.limit, limits, *more, owned=self._whose.owned, cohorts=self.cohorts)

    def _recent(self, at: Checkpoint) -> Mapping[str, set[str]] | None:
        if at.since is None:
            return None
        with closing(assembly.log(self._settings)) as log:
            return keys_since(log, self._job.function, at.since)

    def _left(self, mappings: Sequence[EntityMapping], at: Checkpoint) -> Iterator[Part]:
        """The parts that aren't done."""
        done = {outcome.entity for outcome in at.done}
        ours = filter(self._whose.owned.concerns, mappings)
        parts = (part for mapping in ours for part in parts_of(mapping))
        return (part for part in parts if part.mapping.shape.entity not in done)

    def _compare(
        self, part: Part, sides: Sides, how: How, at: Checkpoint, recent: Mapping[str, set[str]] | None
    ) -> None:
        name = part.mapping.shape.entity
        if at.part != name:
            at.part, at.scans = name, Scans()
            at.untranslatable = at.untranslatable if part.depth else set()
        try:
            if self._stopping():
                raise Stopped
            outcome = compare(
                part,
                sides,
                how,
                held=_held(self._control, part.root),
                untranslatable=at.untranslatable,
                scans=at.scans,
                keep=partial(self._keep, at),
                recent=None if recent is None else recent.get(part.root.shape.entity, set()),
            )
        except (Stopped, StranglerError):
            self._keep(at, now=True)
            raise
        at.done.append(outcome)
        at.part, at.scans = "", Scans()
        self._keep(at, now=True)

    def _keep(self, at: Checkpoint, *, now: bool = False) -> None:
        if now or time.monotonic() - self._kept > KEEP_EVERY:
            with suppress(
                Unavailable
            ):  # The store of it comes back, or the run's end will say that it is away.
                reconciliations.keep(self._control, self._run, at.text(), at=self._clock())
            self._kept = time.monotonic()


def _begun(control: Control, job: Job, now: float) -> tuple[int, Checkpoint | None]:
    """The run to be done, and where it goes on: the last one of the same job, if that is asked for and it was interrupted."""
    asked = {name: value for name, value in asdict(job).items() if name not in ("resume", "within")}
    if job.resume and (found := reconciliations.interrupted(control, job.function, asked, now=now)):
        at = reconciliations.take_over(control, found, at=now)
        if at is not None:
            return found, Checkpoint.read(at)
    return reconciliations.start(control, job.function, mode=job.mode, job=asked, at=now), None


def _judged(outcomes: Sequence[Outcome], balanced: Sequence[BalanceOutcome]) -> tuple[Status, str | None]:
    """How a run ends that looked at everything, and why it isn't whole where it isn't: what never came to rest wasn't compared."""
    if any(outcome.drift for outcome in outcomes) or any(each.drift for each in balanced):
        return Status.DRIFT, None
    if unseen := [each.entity for each in outcomes if each.at_most == 1.0 and not each.compared]:
        return (
            Status.INCOMPLETE,
            f"the sample drew no key of {', '.join(unseen)}: take a larger one (--sample)",
        )
    restless = [
        f"{each.unsettled:,} groups of the balance {each.name}" for each in balanced if each.unsettled
    ]
    if restless:
        return Status.INCOMPLETE, f"{', '.join(restless)} never came to rest and couldn't be compared"
    return Status.CLEAN, None


def _ended(stop: Callable[[], bool], deadline: float | None) -> bool:
    return stop() or (deadline is not None and time.monotonic() > deadline)


def _held(control: Control, mapping: EntityMapping) -> Callable[[], set[str]]:
    return lambda: set(quarantine.keys(control, mapping.shape.function, mapping.shape.entity))


def _record(
    control: Control,
    run: int,
    status: Status,
    outcomes: Sequence[Outcome],
    balanced: Sequence[BalanceOutcome],
    reason: str | None,
    left_out: Sequence[str],
    shared: Shares,
    at: float,
) -> None:
    found = (difference for outcome in outcomes for difference in outcome.differences)
    counts = {name: sum(getattr(outcome, name) for outcome in outcomes) for name in reconciliations.COUNTS}
    counts["unbalanced"] = sum(each.different for each in balanced)
    position = max((outcome.position for outcome in outcomes if outcome.position), default=None)
    with control.begin():
        reconciliations.forget_findings(control, run)
        reconciliations.add_findings(control, run, map(_finding, found))
        balances.record(control, run, [each.recorded for each in balanced])
        reconciliations.finish(
            control,
            run,
            status,
            at=at,
            position=position,
            counts=counts,
            parts=[as_part(outcome) for outcome in outcomes],
            reason=reason,
            left_out=left_out,
            shares=shared,
        )


def as_part(outcome: Outcome) -> dict[str, Any]:
    """What a run says of an entity without its differences, as JSON."""
    return {
        "entity": outcome.entity,
        **{name: getattr(outcome, name) for name in reconciliations.COUNTS},
        "quarantined": outcome.quarantine,
        "quarantine": [{"key": each.key, "reason": each.reason} for each in outcome.quarantined],
        "position": outcome.position,
        "at_most": outcome.at_most,
        "version": outcome.version,
        "tolerances": [asdict(each) for each in outcome.tolerances],
    }


def _finding(each: Difference) -> Finding:
    why = None if each.explanation is None else asdict(each.explanation)
    return Finding(each.entity, each.key, each.kind, each.fields, each.written_at, why)
