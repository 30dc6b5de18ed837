"""Wellness: whether sources are read and stores are filled, in words that an operator understands."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from strangler.control import backfills, deliveries, sources, standings
from strangler.control.backfills import BackfillRecord
from strangler.control.deliveries import DeliveryRecord
from strangler.control.sources import SourceRecord
from strangler.control.store import Control
from strangler.cutover.stages import RULES
from strangler.durations import format_duration
from strangler.settings import Settings

SILENT: Final = 30.0
"""Seconds without a sign of life after which a part isn't well; the worker gives one twice a second."""


@dataclass(frozen=True, slots=True)
class Part:
    """One source or store, and how it is."""

    name: str
    well: bool
    words: str


@dataclass(frozen=True, slots=True)
class Wellness:
    """How all parts are."""

    parts: tuple[Part, ...]

    @property
    def well(self) -> bool:
        return all(part.well for part in self.parts)

    @property
    def words(self) -> str:
        """What is wrong, or that nothing is."""
        wrong = [f"{part.name} {part.words}" for part in self.parts if not part.well]
        return "; ".join(wrong) or "every source is read and every store is filled"


def look(settings: Settings, control: Control) -> Wellness:
    """How sources and stores are now, from what the worker tells the control store."""
    now = time.time()
    heard, delivered, standing = (
        sources.all_sources(control),
        deliveries.all_deliveries(control),
        standings.snapshot(control),
    )
    parts = [_source(name, heard.get(name), now) for name in settings.sources]
    parts += [
        _store(name, delivered.get(name), now)
        for name in settings.functions
        if RULES[standing.of(name).stage].delivery
    ]
    parts += [_backfill(record) for record in backfills.all_backfills(control) if record.error]
    return Wellness(tuple(parts))


def _source(name: str, record: SourceRecord | None, now: float) -> Part:
    title = f"source {name}"
    if record is None or not record.seen_at:
        return Part(title, False, f"was never read: {(record and record.error) or 'does a worker run?'}")
    return _part(title, record.error, now - record.seen_at, "is read")


def _store(name: str, record: DeliveryRecord | None, now: float) -> Part:
    title = f"store of {name}"
    if record is None or not record.seen_at:
        return Part(title, False, f"was never filled: {(record and record.error) or 'does a worker run?'}")
    return _part(title, record.error, now - record.seen_at, "is filled")


def _backfill(record: BackfillRecord) -> Part:
    """A backfill that doesn't go on; one that does is nothing to tell."""
    return _part(f"backfill of {record.function}/{record.entity}", record.error, 0.0, "goes on")


def _part(title: str, error: str | None, silence: float, well: str) -> Part:
    if error:
        return Part(title, False, f"fails: {error}")
    if silence > SILENT:
        return Part(title, False, f"wasn't heard of for {format_duration(silence)}: does a worker run?")
    return Part(title, True, well)
