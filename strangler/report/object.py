"""The report as an object for JSON: stable names, times in ISO 8601 UTC, shares from 0 to 1, durations in seconds. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from strangler.control.comparisons import Compared
from strangler.control.ledger import Entry
from strangler.cutover.gates import GateResult
from strangler.durations import moment
from strangler.progress import Calls, CohortProgress, FunctionProgress, Point, Progress, Reconciled


def as_object(progress: Progress) -> dict[str, Any]:
    """Everything that the report says."""
    return {
        "name": progress.name,
        "generated_at": moment(progress.at),
        "begun_at": None if progress.begun is None else moment(progress.begun),
        "functions_by_stage": {stage.value: count for stage, count in progress.by_stage.items()},
        "share_on_new": progress.share,
        "facades": progress.facades,
        "ledger": {
            "verifies": progress.ledger.problem is None,
            "entries": progress.ledger.entries,
            "head": progress.ledger.head,
            "problem": progress.ledger.problem,
        },
        "attention": [
            {"function": each.function or None, "words": each.words, "wrong": each.wrong}
            for each in progress.attention
        ],
        "calls": [_point(point) for point in progress.history],
        "functions": [_function(function) for function in progress.functions],
    }


def _function(function: FunctionProgress) -> dict[str, Any]:
    standing, delivery, source, target = (
        function.standing,
        function.delivery,
        function.source,
        function.target,
    )
    return {
        "name": function.name,
        "title": function.title,
        "entities": list(function.entities),
        "stage": standing.stage.value,
        "owner": standing.owner.value,
        "weight": standing.weight / 10_000,
        "since": _moment(standing.since),
        "fenced": standing.fenced,
        "hold": standing.hold,
        "share_on_new": function.share,
        "rows": function.rows,
        "lag_seconds": delivery.lag if delivery else None,
        "late_writes": function.late_writes,
        "late_authors": list(function.late_authors),
        "source_seen_at": _moment(source.seen_at) if source else None,
        "quarantined": function.quarantined,
        "next": {"stage": target.stage.value, "weight": target.weight / 10_000} if target else None,
        "gates": [_gate(gate) for gate in function.gates],
        "backfill": [
            {
                "entity": record.entity,
                "rows": record.rows,
                "estimate": record.estimate,
                "started_at": _moment(record.started_at),
                "finished_at": _moment(record.finished_at),
            }
            for record in function.backfills
        ],
        "reconciliation": _reconciled(function.reconciled) if function.reconciled else None,
        "shadow": _shadow(function.compared),
        "effects": asdict(function.effects),
        "calls_last_hour": [_calls(each) for each in function.calls],
        "cohorts": [_cohort(each) for each in function.cohorts],
        "calls": [_point(point) for point in function.history],
        "history": [_decision(entry) for entry in function.decisions],
    }


def _cohort(cohort: CohortProgress) -> dict[str, Any]:
    standing, target = cohort.standing, cohort.target
    return {
        "cohort": standing.cohort,
        "stage": standing.stage.value,
        "owner": standing.owner.value,
        "weight": standing.weight / 10_000,
        "since": _moment(standing.since),
        "fenced": standing.fenced,
        "hold": standing.hold,
        "share_on_new": cohort.share,
        "next": {"stage": target.stage.value, "weight": target.weight / 10_000} if target else None,
        "gates": [_gate(gate) for gate in cohort.gates],
        "shadow": _shadow(cohort.compared),
        "effects": asdict(cohort.effects),
        "calls_last_hour": [_calls(each) for each in cohort.calls],
    }


def _gate(gate: GateResult) -> dict[str, str]:
    return {
        "gate": str(gate.name),
        "verdict": gate.verdict.value,
        "figure": gate.figure,
        "limit": gate.limit,
        "words": gate.words,
        "do": gate.do,
    }


def _shadow(compared: Compared) -> dict[str, int]:
    counts = ("matched", "mismatched", "failed", "uncompared", "dropped", "noisy", "pairs")
    return {name: getattr(compared, name) for name in counts}


def _calls(each: Calls) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "side": each.side.value,
        "calls": each.calls,
        "errors": each.errors,
        "fenced": each.fenced,
        "mean_latency_seconds": each.latency,
    }


def _reconciled(reconciled: Reconciled) -> dict[str, Any]:
    run = reconciled.run
    return {
        "run": run.id,
        "mode": run.mode,
        "status": run.status.value,
        "finished_at": _moment(run.finished_at),
        "compared": run.compared,
        "missing": run.missing,
        "extra": run.extra,
        "different": run.different,
        "in_flight": run.in_flight,
        "reason": run.reason,
        "examples": [
            {"entity": each.entity, "key": each.key, "kind": each.kind, "fields": sorted(each.fields)}
            for each in reconciled.findings
        ],
    }


def _point(point: Point) -> dict[str, Any]:
    return {"at": moment(point.at), "minutes": point.minutes, "legacy": point.legacy, "new": point.new}


def _decision(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": moment(entry.at),
        "actor": entry.actor,
        "kind": entry.kind,
        "body": entry.body,
        "hash": entry.hash,
    }


def _moment(at: float | None) -> str | None:
    """None for never."""
    return moment(at) if at else None
