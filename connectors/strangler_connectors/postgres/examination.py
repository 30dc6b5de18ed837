"""What a PostgreSQL server wouldn't survive: no slot or sender left, WAL thrown away or kept without end, streams cut off.

Facts are asked of the server in one query; what they mean is decided by pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from psycopg import Connection, sql

from strangler.durations import format_duration
from strangler.ports import Finding
from strangler_connectors.postgres.stream import REPORT_INTERVAL

HELD: Final = 256 * 2**20
"""Bytes of WAL that a slot nobody reads may hold back before it is worth a word: 16 segments."""

SOON: Final = 5 * REPORT_INTERVAL
"""Least `wal_sender_timeout` in seconds: a report or two may be late on a busy machine."""

# The rate is that since the statistics were reset, nights and weekends included.
_FACTS: Final = """
SELECT s.slots, s.mine, s.mine_active, s.mine_lost,
    current_setting('max_replication_slots')::int,
    (SELECT count(*) FROM pg_stat_replication), current_setting('max_wal_senders')::int,
    (SELECT setting::bigint * 1024 * 1024 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
    (SELECT setting::bigint / 1000.0 FROM pg_settings WHERE name = 'wal_sender_timeout')::float8,
    coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'idle_replication_slot_timeout'), 0)::float8,
    {rate}
FROM (SELECT count(*) AS slots, bool_or(slot_name = %(slot)s) AS mine,
        bool_or(slot_name = %(slot)s AND active) AS mine_active,
        bool_or(slot_name = %(slot)s AND wal_status = 'lost') AS mine_lost
    FROM pg_replication_slots) s
"""

_RATE: Final = "(SELECT (wal_bytes / greatest(extract(epoch FROM clock_timestamp() - stats_reset), 1))::float8 FROM pg_stat_wal)"

_IDLE: Final = """
SELECT slot_name::text, pg_wal_lsn_diff(here, restart_lsn)::bigint AS held
FROM pg_replication_slots, LATERAL (
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END) AS now(here)
WHERE NOT active AND slot_name <> %(slot)s AND pg_wal_lsn_diff(here, restart_lsn) > %(held)s
ORDER BY held DESC
"""


class Facts(NamedTuple):
    """Slots and senders, how long WAL is kept, and how much there is of it.

    `kept` in bytes, negative without limit; `sender_timeout` and `idle_timeout` in seconds, 0 for never; `rate` in bytes of WAL a
    second, None where it isn't known: before PostgreSQL 14, and when they are counted only since some minutes. `mine…`: of the
    slot of this source; None when there are no slots.
    """

    slots: int
    mine: bool | None
    mine_active: bool | None
    mine_lost: bool | None
    most_slots: int
    senders: int
    most_senders: int
    kept: int
    sender_timeout: float
    idle_timeout: float
    rate: float | None


def examine(connection: Connection[Any], slot: str, outage: float) -> list[Finding]:
    """What the server lacks for one more stream, and what it wouldn't survive that nobody reads for `outage` seconds."""
    rate = sql.SQL(_RATE if connection.info.server_version >= 140000 else "NULL::float8")
    row = connection.execute(sql.SQL(_FACTS).format(rate=rate), {"slot": slot}).fetchone()
    assert row is not None
    facts = Facts(*row)
    idle = connection.execute(_IDLE, {"slot": slot, "held": HELD}).fetchall()
    return [*judged(facts, slot, outage), *(_held(name, held) for name, held in idle)]


def judged(facts: Facts, slot: str, outage: float) -> list[Finding]:
    """What the facts mean for the slot of this source."""
    return [*_places(facts), *_retention(facts, slot, outage), *_timeouts(facts, outage)]


def _places(facts: Facts) -> Iterator[Finding]:
    if not facts.mine and facts.slots >= facts.most_slots:
        what = f"all {facts.most_slots} replication slots are taken (max_replication_slots)"
        yield Finding(what, _set("max_replication_slots", str(facts.slots + 4), restart=True))
    if not facts.mine_active and facts.senders >= facts.most_senders:
        what = f"all {facts.most_senders} WAL senders are taken (max_wal_senders)"
        yield Finding(what, _set("max_wal_senders", str(facts.senders + 4), restart=True))


def _retention(facts: Facts, slot: str, outage: float) -> Iterator[Finding]:
    if facts.mine_lost:
        what = f"the server threw away WAL that the slot {slot} still needed: changes are missing"
        yield Finding(what, "strangler source reset, with the name of this source")
    needed = None if facts.rate is None else facts.rate * outage
    if facts.kept < 0:
        amount = (
            ""
            if needed is None
            else f", about {_size(needed)} in {format_duration(outage)} at the rate so far"
        )
        what = f"while nobody reads, the server keeps all of its WAL{amount}"
        enough = _set("max_slot_wal_keep_size", _setting(2 * needed) if needed else "…GB")
        yield Finding(what, f"see that its disk has room for that, or bound it: {enough}", blocks=False)
    elif needed is None:
        what = f"the server keeps {_size(facts.kept)} of WAL for a slot (max_slot_wal_keep_size), then the slot is lost"
        cure = f"see that this is more than it writes in {format_duration(outage)}"
        yield Finding(what, f"{cure}; if not: {_set('max_slot_wal_keep_size', '…GB')}", blocks=False)
    elif facts.kept < needed:
        lasts = format_duration(facts.kept / facts.rate) if facts.rate else "no time"
        what = (
            f"the server keeps {_size(facts.kept)} of WAL for a slot (max_slot_wal_keep_size), which lasts {lasts} at the rate"
            f" so far, not {format_duration(outage)}; then the slot is lost"
        )
        yield Finding(what, _set("max_slot_wal_keep_size", _setting(2 * needed)), blocks=False)


def _timeouts(facts: Facts, outage: float) -> Iterator[Finding]:
    if 0 < facts.sender_timeout < SOON:
        what = f"wal_sender_timeout is {format_duration(facts.sender_timeout)}: a short pause ends the stream"
        yield Finding(what, _set("wal_sender_timeout", "60s"), blocks=False)
    if 0 < facts.idle_timeout < outage:
        what = (
            f"a slot that nobody reads is lost after {format_duration(facts.idle_timeout)} (idle_replication_slot_timeout),"
            f" not after {format_duration(outage)}"
        )
        yield Finding(what, _set("idle_replication_slot_timeout", f"{round(2 * outage)}s"), blocks=False)


def _held(slot: str, held: int) -> Finding:
    name = sql.Literal(slot).as_string()
    what = (
        f"nobody reads the slot {slot}, which holds back {_size(held)} of WAL and may fill the server's disk"
    )
    return Finding(
        what, f"if it isn't needed any more: SELECT pg_drop_replication_slot({name})", blocks=False
    )


def _set(setting: str, value: str, restart: bool = False) -> str:
    then = "then restart PostgreSQL" if restart else "then SELECT pg_reload_conf()"
    return f"ALTER SYSTEM SET {setting} = '{value}', {then}"


def _size(count: float) -> str:
    for unit, size in (("TB", 2**40), ("GB", 2**30), ("MB", 2**20)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count / 2**10:.0f} kB"


def _setting(count: float) -> str:
    """A size as PostgreSQL takes it, in whole gigabytes, at least one."""
    return f"{max(1, -(-int(count) // 2**30))}GB"
