"""The two tables of ours in a legacy database that Debezium reads: a heartbeat, and signals to Debezium.

`strangler_heartbeat` has one row for each source. Debezium counts its `beat` up when it is idle; we write a token there
and wait for its echo, which then proves that everything committed before it has come through. Every write raises
`beat` by one, so a number that is left out is a change that was lost. `capture` is drawn when the row is made, and again
when a capture is made anew: another one means that changes in between may be missing. It ends with a question mark until the
capture has begun, that is until Kafka remembers from where on it is read. `strangler_signal` is Debezium's
own shape: a row in it asks for an incremental snapshot.

The definitions are standard SQL that all six databases take as it stands.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final

from strangler.changes import Row
from strangler.errors import SourceError
from strangler_connectors.databases import Database, Place

HEARTBEAT: Final = "strangler_heartbeat"
SIGNAL: Final = "strangler_signal"

DEFINITIONS: Final = {
    HEARTBEAT: f"CREATE TABLE {HEARTBEAT} (source varchar(128) NOT NULL PRIMARY KEY, beat integer NOT NULL, "
    "token varchar(64) NOT NULL, capture varchar(64) NOT NULL)",
    # Debezium goes by the order of the columns.
    SIGNAL: f"CREATE TABLE {SIGNAL} (id varchar(42) NOT NULL PRIMARY KEY, type varchar(32) NOT NULL, "
    "data varchar(2048))",
}
"""Table → the statement that makes it."""

_NOT_BEGUN: Final = "?"

_QUOTES: Final = {"mysql": "`", "mariadb": "`"}


def stored(database: Database, table: str) -> str:
    """The name of one of the two tables as this kind of database keeps it: unquoted, Oracle and Db2 write it in capitals."""
    return table.upper() if database.kind in ("oracle", "db2") else table


def places(database: Database) -> dict[str, Place]:
    """Where the two tables stand, those that are there; by `HEARTBEAT` and `SIGNAL`."""
    names = {stored(database, table): table for table in DEFINITIONS}
    return {names[name]: place for place, name in database.places(list(names)).items()}


def create(database: Database, source: str) -> None:
    """Make both tables where they aren't there, and the row of `source` in the heartbeat; idempotent."""
    there = places(database)
    for table, definition in DEFINITIONS.items():
        if table not in there:
            _unless_there(database, table, definition)
    if capture(database, source) is not None:
        return
    insert = f"INSERT INTO {HEARTBEAT} (source, beat, token, capture) VALUES (:source, 0, '-', :capture)"
    try:
        database.execute(insert, source=source, capture=secrets.token_hex(8) + _NOT_BEGUN)
    except SourceError:
        # Another process may have been quicker.
        if capture(database, source) is None:
            raise


def capture(database: Database, source: str) -> str | None:
    """What was drawn for the capture, with a mark behind it until that has begun; None if there is no row, or no table."""
    if HEARTBEAT not in places(database):
        return None
    rows = database.execute(f"SELECT capture FROM {HEARTBEAT} WHERE source = :source", source=source)
    return str(rows[0][0]) if rows else None


def renew(database: Database, source: str, identity: str = "") -> None:
    """Make `capture` another one, for a capture that can't be proven to go on where the last one ended.

    With `identity`, what the database itself calls its capture, it changes only when that does.
    """
    drawn = hashlib.sha256(identity.encode()).hexdigest()[:16] if identity else secrets.token_hex(8)
    update = f"UPDATE {HEARTBEAT} SET beat = beat + 1, capture = :new WHERE source = :source AND capture NOT IN (:new, :begun)"
    database.execute(update, source=source, new=drawn + _NOT_BEGUN, begun=drawn)


def begun(database: Database, source: str) -> bool:
    """Whether `begin` was called since the capture was made."""
    return not (capture(database, source) or _NOT_BEGUN).endswith(_NOT_BEGUN)


def begin(database: Database, source: str) -> None:
    """From now on the capture goes on where Kafka remembers that it is."""
    drawn = capture(database, source) or ""
    update = f"UPDATE {HEARTBEAT} SET beat = beat + 1, capture = :begun WHERE source = :source AND capture = :drawn"
    database.execute(update, source=source, begun=drawn.removesuffix(_NOT_BEGUN), drawn=drawn)


def drop(database: Database, source: str) -> None:
    """Remove the row of `source`, and both tables once no other source has a row. Idempotent."""
    there = places(database)
    if HEARTBEAT in there:
        database.execute(f"DELETE FROM {HEARTBEAT} WHERE source = :source", source=source)
        if database.execute(f"SELECT source FROM {HEARTBEAT}"):
            return
    for table in there:
        database.execute(f"DROP TABLE {table}")


def write(database: Database, source: str, token: str) -> None:
    """Write `token` (at most 64 characters) into the row of `source`, committed on return.

    Its echo is a change of the table `HEARTBEAT` for whose new row `echoes` holds. Raises SourceError if there is no table.
    """
    update = f"UPDATE {HEARTBEAT} SET beat = beat + 1, token = :token WHERE source = :source"
    database.execute(update, source=source, token=token)


def echoes(row: Row, source: str, token: str) -> bool:
    """Whether a row of the heartbeat table, as it came through Debezium, carries this token of this source."""
    lowered: dict[str, Any] = {name.lower(): value for name, value in row.items()}
    return lowered.get("source") == source and lowered.get("token") == token


def beat_statement(kind: str, place: Place, source: str) -> str:
    """What Debezium does when it is idle, so that its position moves on and an idle source is heard of."""
    quote = _QUOTES.get(kind, '"')
    table = ".".join(f"{quote}{part}{quote}" for part in place if part)
    return f"UPDATE {table} SET beat = beat + 1 WHERE source = '{source.replace(chr(39), chr(39) * 2)}'"


def _unless_there(database: Database, table: str, definition: str) -> None:
    try:
        database.execute(definition)
    except SourceError:
        # Another process may have been quicker.
        if table not in places(database):
            raise
