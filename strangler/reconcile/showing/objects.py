"""Reconciliations as objects for JSON: stable names, times in ISO 8601 UTC, durations in seconds. Pure."""

from __future__ import annotations

from typing import Any

from strangler.control.reconciliations import COUNTS, Finding, Run
from strangler.durations import moment
from strangler.reconcile.between import Between
from strangler.reconcile.showing.account import Account, EntityAccount


def whole(found: Account) -> dict[str, Any]:
    """Everything that is known of a run. What is recorded of an entity stands in it under the names of the record."""
    return summary(found.run) | {
        "entities": [_entity(entity) for entity in found.entities],
        "balances": [dict(balance.outcome) for balance in found.balances],
    }


def summary(run: Run) -> dict[str, Any]:
    """A recorded run without its keys. `asked` is the job that it was given."""
    ended = run.finished_at is not None
    return {
        "run": run.id,
        "function": run.function,
        "mode": run.mode,
        "status": run.status.value,
        "reason": run.reason,
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at) if run.finished_at is not None else None,
        "took_seconds": round(run.finished_at - run.started_at, 3) if run.finished_at is not None else None,
        "position": run.position,
        "drift": run.drift if ended else None,
        **{name: getattr(run, name) for name in COUNTS},
        "left_out": list(run.left_out),
        "asked": dict(run.job),
    }


def difference(finding: Finding) -> dict[str, Any]:
    """A key that differs. `fields` maps name → [legacy, store]."""
    return {
        "key": finding.key,
        "kind": finding.kind,
        "fields": {name: list(pair) for name, pair in finding.fields.items()},
        "written_at": finding.written_at,
        "why": None if finding.explanation is None else dict(finding.explanation),
    }


def _entity(found: EntityAccount) -> dict[str, Any]:
    return {
        "entity": found.entity,
        **found.part,
        "differences": [difference(each) for each in found.findings],
        "quarantine": [dict(each) for each in found.quarantine],
    }


def change(older: Account, newer: Account, found: Between) -> dict[str, Any]:
    """What has become of the keys between two runs."""
    return {
        "function": newer.run.function,
        "older": older.run.id,
        "newer": newer.run.id,
        "newly_different": [_with_entity(each) for each in found.newly],
        "healed": [_with_entity(each) for each in found.healed],
        "still_different": [_with_entity(each) for each in found.still],
        "untold": list(found.untold),
    }


def _with_entity(finding: Finding) -> dict[str, Any]:
    return {"entity": finding.entity, **difference(finding)}
