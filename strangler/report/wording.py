"""How figures and facts read: the same words in HTML and in Markdown. Pure."""

from __future__ import annotations

from textwrap import shorten
from typing import Any, Final

from strangler.control.backfills import BackfillRecord
from strangler.control.ledger import Entry
from strangler.control.reconciliations import ENDED, Run, Status
from strangler.cutover.gates import Verdict
from strangler.cutover.history import Kind
from strangler.cutover.stages import RULES, Side, Stage
from strangler.cutover.steps import percent as weight
from strangler.durations import format_duration
from strangler.progress import CohortProgress, FunctionProgress, Progress

NONE: Final = "–"
"""What stands where there is no figure; it never is a zero."""


def percent(share: float | None) -> str:
    """A share from 0 to 1; small ones with a digit more, so that little isn't nothing."""
    if share is None:
        return NONE
    return f"{share:.1%}" if 0 < share < 0.1 or 0.99 < share < 1 else f"{share:.0%}"


def number(count: int | None) -> str:
    """A count, with commas between thousands as everywhere else in Strangler."""
    return NONE if count is None else f"{count:,}"


def duration(seconds: float | None) -> str:
    return NONE if seconds is None else format_duration(seconds)


def latency(seconds: float) -> str:
    """Milliseconds, which is what people compare."""
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


def headline(progress: Progress) -> str:
    """The whole migration in one sentence."""
    done = progress.by_stage[Stage.LIVE] + progress.by_stage[Stage.RETIRED]
    count = len(progress.functions)
    functions = f"{'function' if count == 1 else 'functions'} {'has' if 1 in (done, count) else 'have'}"
    if done == count:
        return (
            "Every function has moved to the new side."
            if count > 1
            else "The function has moved to the new side."
        )
    under_way = count - done - progress.by_stage[Stage.LEGACY]
    if not done and not under_way:
        return "Nothing has moved yet: legacy does everything."
    moving = (
        f"{under_way} {'is' if under_way == 1 else 'are'} under way" if under_way else "none is under way"
    )
    return f"{done or 'None'} of {count} {functions} moved to the new side, {moving}."


def situation(function: FunctionProgress) -> str:
    """Where a function stands, in one sentence."""
    standing = function.standing
    rule = RULES[standing.stage]
    if standing.stage is Stage.CANARY:
        return f"{weight(standing.weight)} of the reads are meant for the new service; {standing.owner} owns the writes."
    return f"{rule.meaning[0].upper()}{rule.meaning[1:]}."


def stage(function: FunctionProgress | CohortProgress) -> str:
    """The stage, with the weight where it counts."""
    standing = function.standing
    return (
        f"{standing.stage} {weight(standing.weight)}"
        if standing.stage is Stage.CANARY
        else str(standing.stage)
    )


def drift(function: FunctionProgress) -> str:
    """What the last reconciliation found."""
    if function.reconciled is None:
        return "never reconciled"
    run = function.reconciled.run
    if run.status not in ENDED:
        return outcome(run)
    counted = f"{number(run.drift)} of {number(run.compared)} keys"
    return counted if run.whole else f"{counted}, by a {run.mode} look"


def outcome(run: Run) -> str:
    """How a run ended, in a word or three."""
    return "could not check" if run.status is Status.FAILED else run.status.value


def reconciled_ago(function: FunctionProgress, now: float) -> str:
    """How long ago the last reconciliation ended."""
    run = function.reconciled.run if function.reconciled else None
    return f"{format_duration(max(0.0, now - (run.finished_at or run.started_at)))} ago" if run else NONE


def reconciled(run: Run) -> str:
    """What a run found, in one sentence; of one that says nothing about drift, why."""
    if run.status not in ENDED:
        return run.reason or "It was stopped half way."
    kinds = (
        (run.missing, "missing in the store"),
        (run.extra, "only in the store"),
        (run.different, "different"),
    )
    parts = ", ".join(f"{number(count)} {kind}" for count, kind in kinds if count) or "none differs"
    flying = f"; {number(run.in_flight)} were in flight and don't count" if run.in_flight else ""
    return f"{number(run.compared)} keys compared: {parts}{flying}."


def freshness(function: FunctionProgress, now: float) -> str:
    """How long ago the source was heard of."""
    if function.source is None or not function.source.seen_at:
        return "never heard of"
    return f"{format_duration(max(0.0, now - function.source.seen_at))} ago"


def lag(function: FunctionProgress) -> str:
    """How far the store is behind; no figure where nothing is delivered, or the lag isn't known."""
    delivered = RULES[function.standing.stage].delivery and function.delivery
    return duration(delivered.lag) if delivered else NONE


def decision(entry: Entry) -> str:
    """What a ledger entry says: from where to where, and why; of a refusal what was asked, and what stood against it."""
    if entry.kind == Kind.REFUSED:
        return _refusal(entry.body)
    body = entry.body
    words = str(body.get("reason") or "")
    before, after = body.get("before"), body.get("after")
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return words
    move = f"{_place(before)} → {_place(after)}"
    return f"{move}: {words}" if words else move


def _refusal(body: dict[str, Any]) -> str:
    """The gates that blocked by their names; where it wasn't a gate, the reason in words."""
    blocking = [gate["gate"] for gate in body.get("gates", ()) if gate["verdict"] != Verdict.PASS]
    because = ", ".join(blocking) or body.get("why")
    words = f"{body['what']} ({because})" if because else body["what"]
    return shorten(f"{body['asked']}: {words}", REFUSAL, placeholder=" …")


def side(owner: Side) -> str:
    return "legacy" if owner is Side.LEGACY else "new service"


def _place(standing: dict[str, object]) -> str:
    stage, share = standing.get("stage"), standing.get("weight")
    return f"{stage} {weight(share)}" if stage == Stage.CANARY and isinstance(share, int) else str(stage)


REFUSAL: Final = 240
"""Characters that are shown of a refusal; the ledger has it whole."""

DECISIONS: Final = 30
"""Entries of the ledger that are shown of each function, the newest."""


def rows(progress: Progress) -> str:
    """The rows of all stores."""
    return number(sum(function.rows for function in progress.functions))


def total_drift(progress: Progress) -> str:
    """The keys that differ by the last reconciliations; no figure where none came to its end."""
    runs = [f.reconciled.run for f in progress.functions if f.reconciled and f.reconciled.run.status in ENDED]
    return number(sum(run.drift for run in runs)) if runs else NONE


def filled(record: BackfillRecord) -> float:
    """The share of an entity's rows that its backfill has moved."""
    if record.finished_at is not None:
        return 1.0
    return min(record.rows / record.estimate, 0.99) if record.estimate else 0.0
