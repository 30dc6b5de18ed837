"""Chaos: kill -9 whatever takes part, at random moments of backfill and stream, under write load; then prove that nothing happened.

    python -m tests.chaos [--way postgres|mysql|debezium] [--kills 100] [--seed N] [--store postgresql|sqlite]

The ways:

- `postgres`: PostgreSQL → log in SQLite → store. Killed: our worker, the legacy database.
- `mysql`: MariaDB, its binlog read directly → log in Kafka → store. Killed: our worker, the legacy database, the Kafka broker.
- `debezium`: PostgreSQL → Debezium on Kafka Connect → log in Kafka → store. Killed: all of those, and the Connect worker.

Two clerks write to the legacy database all the while: inserts, updates, deletes, changes of the key, values too long to be stored in
line, in transactions of one to several hundred rows, some rolled back. Now and then a backfill is asked for, so that kills meet
backfills too. What is killed comes back by itself a moment later, as under any supervisor; more is never done. Some
kills wait until the store has recovered from the one before, others meet a recovery under way.

Each clerk keeps a book of what it wrote and what became of it. In the end the clerks rest, everything converges without a hand,
`strangler reconcile` is clean, the store is what the books say, the log holds no event twice, and its positions grow for each key.

What a SIGKILL leaves in the operating system's memory isn't lost; this proves nothing about power cuts. The databases that are killed
are durable none the less: `fsync`, `sync_binlog` and `innodb_flush_log_at_trx_commit` are on.
"""
