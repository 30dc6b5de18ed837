"""Quarantine: keep what couldn't be translated, and let it go again in order once it can be.

Here a change becomes text and back without loss, so that a retry translates just what the source said then. The rows live in
the control store (`strangler.control.quarantine`); only the worker releases them, so that one writer appends to the log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from strangler.boundary import Held, events_of
from strangler.changes import Change, Operation, Position, Row
from strangler.control import quarantine as record
from strangler.errors import Untranslatable
from strangler.events import Event
from strangler.legacy_values import TAG, decode_value, encode_value
from strangler.mapping import EntityMapping
from strangler.outcomes import events_now
from strangler.sensitive import masked

if TYPE_CHECKING:
    from strangler.mirror import Mirror


def encode_change(change: Change) -> str:
    """The change as JSON text; `decode_change` gives it back with the same Python types."""
    body = {
        "position": change.position,
        "table": change.table,
        "operation": change.operation.value,
        "before": _encode_row(change.before),
        "after": _encode_row(change.after),
    }
    return orjson.dumps(body).decode()


def decode_change(text: str) -> Change:
    """The change that `encode_change` wrote."""
    body = orjson.loads(text)
    return Change(
        Position(body["position"]),
        body["table"],
        Operation(body["operation"]),
        _decode_row(body["before"]),
        _decode_row(body["after"]),
    )


def _encode_row(row: Row | None) -> dict[str, Any] | None:
    return None if row is None else {name: encode_value(value) for name, value in row.items()}


def _decode_row(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {name: decode_value(value) for name, value in row.items()}


def shown_change(text: str, hidden: Collection[str] | None) -> dict[str, Any]:
    """A change that `encode_change` wrote as people see it, without the values of the columns `hidden` (lower case); None: of any.

    Values are as JSON has them, those of other types as text.
    """
    body: dict[str, Any] = orjson.loads(text)
    return body | {side: _shown_row(body[side], hidden) for side in ("before", "after")}


def _shown_row(row: dict[str, Any] | None, hidden: Collection[str] | None) -> dict[str, Any] | None:
    return None if row is None else {name: _shown_value(name, value, hidden) for name, value in row.items()}


def _shown_value(name: str, value: Any, hidden: Collection[str] | None) -> Any:
    if isinstance(value, dict) and value[TAG] == "unchanged":
        return "(not sent, for it didn't change)"
    if hidden is None or name.lower() in hidden:
        return masked(value)
    return value["value"] if isinstance(value, dict) else value


def to_record(held: Held, at: float) -> record.Held:
    """A held change as the control store keeps it, held since `at` (seconds since the epoch)."""
    position, change = held.change.position, encode_change(held.change)
    return record.Held(*held.key, position, held.reason, change, at, cohorts=held.cohorts)


class Release(NamedTuple):
    """What a retry of one key's changes gave: events to append, in order; what stays held, with the reason of now."""

    events: list[Event]
    held: list[record.Held]


def release(mapping: EntityMapping, waiting: Sequence[record.Held], mirror: Mirror | None = None) -> Release:
    """Translate what waits for one key again, in order. The first that still can't be keeps the rest behind it. Of an entity of
    several tables, which `mirror` makes, one event takes the place of all."""
    if mapping.mirrored and mirror is not None:
        return _release_aggregate(mirror, mapping, waiting)
    result = Release([], [])
    for held in waiting:
        change = decode_change(held.change)
        if result.held:
            result.held.append(replace(held, state=record.State.HELD))
            continue
        try:
            result.events.extend(events_of(mapping, held.key, change, held.at))
        except Untranslatable as error:
            result.held.append(replace(held, state=record.State.HELD, reason=str(error)))
    return result


def _release_aggregate(mirror: Mirror, mapping: EntityMapping, waiting: Sequence[record.Held]) -> Release:
    if not waiting:
        return Release([], [])
    changes = [decode_change(held.change) for held in waiting]
    try:
        return Release(events_now(mirror, mapping, waiting[0].key, changes, waiting[-1].at), [])
    except Untranslatable as error:
        first, *rest = (replace(held, state=record.State.HELD) for held in waiting)
        return Release([], [replace(first, reason=str(error)), *rest])
