"""Rehearsals of the way back, as they stand on the ledger: an auditor asks for them as for any other evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from strangler.control import ledger
from strangler.control.store import Control

REHEARSED: Final = "way back rehearsed"
"""The kind of the entry on the ledger."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of one; `at` in seconds since the epoch. `rows` were tried, by entity and its children; `failed` of them wouldn't come back
    as they are. `lost` are the fields that have no way back. `missing` is what stands in the way of writing to legacy, in words."""

    at: float
    rows: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing stands in the way of what was tried."""
        return not self.missing and not sum(self.failed.values())


def record(control: Control, function: str, found: Rehearsal, *, actor: str) -> None:
    """Put it on the ledger (invariant 8)."""
    body: dict[str, Any] = {
        "rows": dict(found.rows),
        "failed": dict(found.failed),
        "lost": {part: list(fields) for part, fields in found.lost.items()},
        "missing": list(found.missing),
    }
    ledger.append(control, actor=actor, kind=REHEARSED, function=function, body=body, at=found.at)


def latest(control: Control, function: str) -> Rehearsal | None:
    """The last one of a function; None when there was none."""
    found = ledger.entries(control, function=function, kind=REHEARSED, limit=1)
    return Rehearsal(found[-1].at, **found[-1].body) if found else None
