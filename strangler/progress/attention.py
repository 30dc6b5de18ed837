"""What a person should look at, found in the facts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strangler.control.ledger import Verification
from strangler.control.reconciliations import ENDED, Status
from strangler.cutover.lateness import named
from strangler.cutover.stages import RULES, Side
from strangler.durations import format_duration
from strangler.progress.facts import Attention, FunctionProgress


def attention(functions: Iterable[FunctionProgress], ledger: Verification) -> Iterator[Attention]:
    """What is wrong first, then what is worth knowing."""
    found = [each for function in functions for each in _of(function)]
    if ledger.problem:
        found.append(Attention("", f"the ledger doesn't verify: {ledger.problem}", True))
    yield from sorted(found, key=lambda each: not each.wrong)


def _of(function: FunctionProgress) -> Iterator[Attention]:
    for words in _wrong(function):
        yield Attention(function.name, words, True)
    for words in _worth_knowing(function):
        yield Attention(function.name, words, False)


def _wrong(function: FunctionProgress) -> Iterator[str]:
    if function.source and function.source.error:
        yield f"the source can't be read: {_first_line(function.source.error)}"
    if function.delivery and function.delivery.error:
        yield f"nothing is delivered: {_first_line(function.delivery.error)}"
    for backfill in function.backfills:
        if backfill.error:
            yield f"the backfill of {backfill.entity} doesn't go on: {_first_line(backfill.error)}"
    if drift := _drift(function, Side.LEGACY):
        yield drift
    if function.alarm and function.standing.owner is Side.LEGACY:
        yield f"the {function.alarm.mode} reconciliation {function.alarm.id} found drift"
    if function.late_writes:
        late = _count(function.late_writes, "late write", "late writes")
        by = named(function.late_authors)
        yield f"{late} came from legacy after the switch{by}: a job still writes there (strangler late-writes)"
    if function.returning and function.returning.error:
        yield f"nothing returns to legacy: {_first_line(function.returning.error)}"
    if function.conflicts:
        held = _count(function.conflicts, "change is", "changes are")
        yield f"{held} held on the way back to legacy: strangler conflicts list {function.name}"
    if function.quarantined:
        yield f"{_count(function.quarantined, 'key waits', 'keys wait')} in quarantine"


def _worth_knowing(function: FunctionProgress) -> Iterator[str]:
    if function.returning and function.returning.waiting and function.returning.since is not None:
        waiting = _count(function.returning.waiting, "change waits", "changes wait")
        lag = function.returning.seen_at - function.returning.since
        yield f"{waiting} to return to legacy, {format_duration(max(0.0, lag))}"
    if unsure := _unsure(function):
        yield unsure
    if drift := _drift(function, Side.NEW):
        yield f"{drift}: what new wrote since the switch isn't in legacy"
    if function.standing.hold:
        yield f"held: {function.standing.hold}"
    if function.standing.fenced:
        yield "writes are fenced: a switch of owners is under way, or was interrupted"
    if function.compared.differing:
        yield f"{_count(function.compared.differing, 'answer', 'answers')} differed in shadow"
    if function.effects.differing:
        yield f"{_count(function.effects.differing, 'write', 'writes')} would have had another effect in shadow"
    yield from function.ended
    running = [record for record in function.backfills if record.finished_at is None]
    if running and RULES[function.standing.stage].delivery:
        rows, about = sum(r.rows for r in running), sum(r.estimate for r in running)
        yield f"backfill is going on: {rows:,} of about {about:,} rows"
    if RULES[function.standing.stage].delivery and function.delivery and (function.delivery.lag or 0) > 60:
        yield f"the store is {format_duration(function.delivery.lag or 0)} behind"


def _unsure(function: FunctionProgress) -> str:
    """That the last reconciliation says nothing about drift, and why; empty when it does say something."""
    run = function.reconciled.run if function.reconciled else None
    if run is None or run.status in ENDED:
        return ""
    what = "could not check" if run.status is Status.FAILED else "is incomplete"
    return f"the last reconciliation {what}: {_first_line(run.reason or 'it was stopped half way')}"


def _drift(function: FunctionProgress, owner: Side) -> str:
    """The drift in words, if there is some and `owner` owns the function."""
    run = function.reconciled.run if function.reconciled else None
    if run is None or run.status is not Status.DRIFT or function.standing.owner is not owner:
        return ""
    return f"{_count(run.drift, 'key differs', 'keys differ')} between legacy and store"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]
