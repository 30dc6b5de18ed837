"""PostgreSQL's slot, looked at from outside, so that one which is gone or made anew is noticed before Debezium has tried it.

Debezium confirms to the slot only what Kafka Connect has stored as its offset. So a slot that is confirmed further than
that isn't the one that was read: it was made anew, and what was written meanwhile is in no slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from strangler_connectors.databases import Database
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.rest import Connect

_SLOT: Final = """
SELECT pg_wal_lsn_diff(confirmed_flush_lsn, '0/0')::bigint, wal_status FROM pg_replication_slots WHERE slot_name = :slot
"""
_LSNS: Final = ("lsn_commit", "lsn_proc", "lsn")


def slot_trouble(options: Options, database: Database) -> str:
    """Why changes may be missing; empty where nothing speaks for it, or where there is no slot of ours."""
    if database.kind != "postgresql" or not options.connect:
        return ""
    # The slot first: Connect's offset only grows meanwhile.
    slots = database.execute(_SLOT, slot=options.slot)
    offsets = Connect(options.source, options.connect).offsets(options.connector)
    return judge(options.slot, slots[0] if slots else None, offsets[0] if offsets else None)


def judge(name: str, slot: tuple[Any, ...] | None, offset: Mapping[str, Any] | None) -> str:
    """See `slot_trouble`. `slot`: the LSN that is confirmed to it, and its wal_status; `offset`: Debezium's."""
    if slot is None:
        return f"the replication slot {name} is no longer there"
    confirmed, status = slot
    if status == "lost":
        return f"the server threw away what the slot {name} still needed (max_slot_wal_keep_size)"
    reached = (
        max((int(offset[lsn]) for lsn in _LSNS if offset.get(lsn) is not None), default=None)
        if offset
        else None
    )
    if reached is not None and confirmed is not None and confirmed > reached:
        return f"the replication slot {name} begins behind what Debezium has read: it was made anew"
    return ""
