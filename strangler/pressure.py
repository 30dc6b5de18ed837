"""How busy a PostgreSQL is: the question and what its answer means, for whoever has a connection to one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from strangler.ports import Pressure

POSTGRES: Final = """
SELECT
    CASE WHEN pg_is_in_recovery() THEN
        CASE WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
        ELSE extract(epoch FROM clock_timestamp()
            - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) END
    END::float8,
    (SELECT max(extract(epoch FROM f.replay_lag)) FROM pg_stat_replication f
     WHERE NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = f.pid AND s.slot_type = 'logical'))::float8,
    CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN
        (SELECT count(*) FROM pg_stat_activity a
         WHERE a.state = 'active' AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
             AND a.application_name NOT LIKE 'strangler%')
    END
"""
"""One row: how far the server is behind as a standby, how far its standbys are, what others run.

A standby whose primary is idle has replayed all that it received, however long ago that was; one that receives nothing more is
as far behind as its last transaction is old. Readers of logical slots are no standbys. Without pg_read_all_stats the server
shows neither the standbys nor what others do, and answers NULL.
"""


def of_postgres(row: Sequence[Any]) -> Pressure:
    """What the row of `POSTGRES` says."""
    own, followers, running = row
    lags = [max(0.0, float(lag)) for lag in (own, followers) if lag is not None]
    return Pressure(max(lags, default=None), None if running is None else int(running))
