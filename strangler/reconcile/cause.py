"""Where a difference comes from: decided from all that is known of the key. Pure.

The first of these that holds is the cause. "The event" is the last one of the key in the log; "legacy's" and "the store's" are the
values of the fields that differ.

| cause | holds when |
| --- | --- |
| in quarantine | a change of the key waits there |
| late legacy write | new owns the function, and the event is younger than the switch |
| unknown | the event is younger than the comparison |
| removed, and back | only the store has the key, and the event removed it; no backfill wrote it since |
| write in the store | the store's row has no position: neither an event nor a backfill wrote it |
| write in the store | the store lacks the key, new owns the function, and the event says what legacy has |
| write in the store | the row has the position of the event, and the event says what legacy has |
| not applied | a backfill is under way, and the row is older than it, or isn't there |
| mapping version | another version of the mapping made the event or the backfill that the row has its position of |
| not applied | the event says what legacy has, and the row is older than it, or isn't there |
| unknown | the sides weren't compared at one position: what differs may be on its way |
| event lost | the event says something else than legacy has; or it is older than the row, which a backfill wrote |
| event lost | the log has no event of the key, none since the row was written; of a missing row none at all |
| unknown | anything else |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from strangler.changes import ORIGIN, Position
from strangler.cutover.stages import Side
from strangler.reconcile.explanation import Cause
from strangler.reconcile.narrow import Kind


class Told(NamedTuple):
    """The last event of a key: whether it `removes` it, and whether what it says is what legacy has; None where it says nothing of the
    fields that differ."""

    position: Position
    mapping: str
    removes: bool
    as_legacy: bool | None


class Filled(NamedTuple):
    """The last backfill of the entity: the position that its rows have, the version of the mapping that made them, and whether it is
    `running`, or asked for (then without a stamp)."""

    stamp: Position
    mapping: str
    running: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a key that differs.

    `written_at` is the position of the store's row. `told` is its last event, None where none was found; every event after `searched` was
    looked at, `unread` says why the log wasn't. `mapping` is the version of the mapping as it is now. `owner` has owned the function
    since `switched`, if that is new. `compared` is the position at which both sides were compared last; None: they weren't at any.
    `waits` in quarantine.
    """

    kind: Kind
    written_at: Position | None
    told: Told | None
    searched: Position | None
    filled: Filled | None
    mapping: str
    owner: Side
    switched: Position | None
    compared: Position | None
    waits: bool = False
    unread: str = ""


class Judgement(NamedTuple):
    """The cause, and what people are told."""

    cause: Cause
    words: str


def judge(known: Known) -> Judgement:
    """The cause, by the table above."""
    found = ((cause, why(known)) for cause, why in _RULES)
    return next(Judgement(cause, words) for cause, words in found if words)


_Why = Callable[[Known], str]
"""What is told where a rule holds; nothing where it doesn't."""


def _waits(known: Known) -> str:
    return "a change of it waits in quarantine since it was compared" if known.waits else ""


def _late(known: Known) -> str:
    if known.owner is Side.LEGACY or known.told is None or known.switched is None:
        return ""
    if known.told.position <= known.switched:
        return ""
    return f"legacy wrote it at {known.told.position}, after new became the owner at {known.switched}"


def _moved(known: Known) -> str:
    if known.told is None or known.compared is None or known.told.position <= known.compared:
        return ""
    return f"legacy wrote it again at {known.told.position}, after it was compared: compare again"


def _resurrected(known: Known) -> str:
    if known.kind is not Kind.EXTRA or known.told is None or not known.told.removes:
        return ""
    if known.written_at is not None and known.written_at > known.told.position:
        return ""
    by = "by somebody else than delivery" if known.written_at is None else f"with position {known.written_at}"
    return f"the event at {known.told.position} removed it, and the store has it again, written {by}"


def _own(known: Known) -> str:
    if known.kind is Kind.MISSING:
        told = known.told
        removed = known.owner is Side.NEW and told is not None and told.as_legacy
        return "the new service removed the store's row, as its owner" if removed else ""
    if known.written_at is not None:
        return ""
    if known.owner is Side.NEW:
        return "the new service wrote the store's row, as its owner"
    return "neither an event nor a backfill wrote the store's row as it is: somebody else did"


def _behind_the_back(known: Known) -> str:
    told = known.told
    if known.kind is Kind.MISSING or told is None or not told.as_legacy or known.written_at != told.position:
        return ""
    return f"the store's row is at the position of the event at {told.position}, which says what legacy has: somebody changed it since"


def _filling(known: Known) -> str:
    filled, written_at = known.filled, known.written_at
    if filled is None or not filled.running:
        return ""
    if filled.stamp and written_at is not None and written_at >= filled.stamp:
        return ""
    return "a backfill is under way, or asked for, and hasn't come to it yet"


def _other_mapping(known: Known) -> str:
    if known.written_at is None:
        return ""
    if (
        (filled := known.filled)
        and filled.stamp == known.written_at
        and filled.mapping not in ("", known.mapping)
    ):
        return f"a backfill made the row by mapping {filled.mapping}, and now it is {known.mapping}: fill it again"
    told = known.told
    if told and told.position == known.written_at and told.mapping != known.mapping:
        return (
            f"an event made the row by mapping {told.mapping}, and now it is {known.mapping}: fill it again"
        )
    return ""


def _not_applied(known: Known) -> str:
    told = known.told
    if told is None or not told.as_legacy:
        return ""
    if known.kind is Kind.MISSING:
        return f"the event at {told.position} says what legacy has: it wasn't applied, or somebody removed the row from the store"
    if known.written_at is None or known.written_at >= told.position:
        return ""
    return f"the event at {told.position} says what legacy has, and the store's row is still at {known.written_at}"


def _unconfirmed(known: Known) -> str:
    if known.compared is not None or known.unread:
        return ""
    return "the sides weren't compared at one position, so what legacy has may be on its way"


def _contradicted(known: Known) -> str:
    told = known.told
    if told is None or told.as_legacy is None:
        return ""
    if told.as_legacy:  # And the row is younger than it, or `_not_applied` held.
        return f"the row was filled at {known.written_at}, and no event since says what legacy has"
    if told.removes:
        return f"the event at {told.position} removed it, and no later one says that legacy has it again"
    if known.kind is Kind.EXTRA:
        return f"the log's last event of it, at {told.position}, doesn't remove it, and legacy has it no more"
    return f"the log's last event of it, at {told.position}, doesn't say what legacy has"


def _silent(known: Known) -> str:
    if known.told is not None or known.searched is None:
        return ""
    if known.written_at is None:
        never = "it never came there, or somebody removed the row from the store"
        return f"the log has no event of it: {never}" if known.searched == ORIGIN else ""
    if known.searched > known.written_at:
        return ""
    return f"the store's row was written at {known.written_at}, and the log has no event of it since"


def _unknown(known: Known) -> str:
    if known.unread:
        return f"the event log couldn't be read: {known.unread}"
    if known.told is not None:
        return f"the log's last event of it, at {known.told.position}, says nothing of what differs"
    since = f"after {known.searched}" if known.searched else "that was looked at"
    return f"no event of it {since} is in the log; older ones weren't looked at, or aren't kept"


_RULES: Final[tuple[tuple[Cause, _Why], ...]] = (
    (Cause.QUARANTINED, _waits),
    (Cause.LATE_WRITE, _late),
    (Cause.UNKNOWN, _moved),
    (Cause.RESURRECTED, _resurrected),
    (Cause.STORE_WRITE, _own),
    (Cause.STORE_WRITE, _behind_the_back),
    (Cause.NOT_APPLIED, _filling),
    (Cause.MAPPING_VERSION, _other_mapping),
    (Cause.NOT_APPLIED, _not_applied),
    (Cause.UNKNOWN, _unconfirmed),
    (Cause.EVENT_LOST, _contradicted),
    (Cause.EVENT_LOST, _silent),
    (Cause.UNKNOWN, _unknown),
)
