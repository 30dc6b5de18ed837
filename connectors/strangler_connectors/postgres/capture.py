"""Slot and publication: made together, told apart from any other, and removed without a trace.

A slot keeps what wasn't read yet; the publication says of which tables. PostgreSQL doesn't say when a slot was made,
so a token is kept in the comment on the publication, with the LSN from which the slot is complete and the oids of
the tables. The identity of the capture is made of that, the cluster and the database. A slot that was dropped and made
again under its old name gives itself away otherwise: it begins behind what is remembered.

The publication names tables one by one: FOR ALL TABLES makes the ERP's writes to tables without a key fail. It names
no columns: a column list makes every UPDATE fail once somebody sets REPLICA IDENTITY FULL, and forbids
the ERP's upgrade to drop a listed column. What wasn't asked for is left out when decoding.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection, sql

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError, SourceLost
from strangler.ports import Finding
from strangler_connectors.postgres.catalog import Relation
from strangler_connectors.postgres.positions import confirmed, format_lsn, parse_lsn

_SLOT: Final = """
SELECT database = current_database() AND plugin = 'pgoutput', wal_status, confirmed_flush_lsn::text
FROM pg_replication_slots WHERE slot_name = %s
"""
_PUBLICATION: Final = """
SELECT obj_description(oid, 'pg_publication'),
    ARRAY(SELECT prrelid::bigint FROM pg_publication_rel WHERE prpubid = p.oid),
    pubinsert AND pubupdate AND pubdelete AND pubtruncate
        AND NOT EXISTS (SELECT FROM pg_publication_rel r WHERE prpubid = p.oid AND to_jsonb(r) ->> 'prqual' IS NOT NULL)
FROM pg_publication p WHERE pubname = %s
"""
_PLACE: Final = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || oid
FROM pg_database WHERE datname = current_database()
"""


_MISSING: Final = "source {source}: changes may be missing since the last position that is remembered"


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as the server shows it. `ours`: of this database and for pgoutput. `confirmed`: nothing before it is sent again."""

    ours: bool
    lost: bool
    confirmed: int


@dataclass(frozen=True, slots=True)
class Record:
    """What the comment on the publication remembers: a random `token`, the LSN from which the capture is complete,
    and for each table (as configured) the oids that were published for it."""

    token: str
    start: str
    tables: dict[str, list[int]]

    def identity(self, place: str, name: str) -> str:
        return f"{place}/{name}/{self.start.replace('/', '-')}/{self.token}"


class Capture:
    """The slot and the publication called `name`, seen through one connection."""

    def __init__(self, connection: Connection[Any], name: str) -> None:
        self._connection = connection
        self._name = name
        self._publication = sql.Identifier(name)

    def slot(self) -> Slot | None:
        row = self._connection.execute(_SLOT, [self._name]).fetchone()
        return Slot(bool(row[0]), row[1] == "lost", parse_lsn(row[2] or "0/0")) if row else None

    def identity(self) -> str | None:
        """The identity of the capture, None when there is none that is complete."""
        record, _ = self._remembered()
        return record.identity(self._place(), self._name) if record and self.slot() else None

    def require_whole(self, source: str, asked: Collection[str], relations: Sequence[Relation]) -> None:
        """Raise SourceLost where one of the `asked` tables is remembered as captured and isn't, or not all of it: what was
        written to it meanwhile is missing. Those that are to join the capture don't matter yet."""
        if why := self._why_broken(asked, relations):
            raise missing(source, why)

    def broken(self, asked: Collection[str], relations: Sequence[Relation]) -> list[Finding]:
        """What `require_whole` would refuse; nothing where there is no capture yet."""
        slot, why = self.slot(), self._why_broken(asked, relations)
        if slot is None or not slot.ours or not why:
            return []
        return [
            Finding(f"changes may be missing: {why}", "strangler source reset, with the name of this source")
        ]

    def _why_broken(self, asked: Collection[str], relations: Sequence[Relation]) -> str:
        row = self._connection.execute(_PUBLICATION, [self._name]).fetchone()
        if row is None or not row[0]:
            return f"the publication {self._name} isn't there any more"
        if not row[2]:
            return f"the publication {self._name} was altered: it leaves out operations or rows"
        tables = Record(**json.loads(row[0])).tables
        before = {table: oids for table, oids in tables.items() if table in asked}
        return gap(before, by_name(relations), frozenset(row[1]))

    def create(self, relations: Sequence[Relation]) -> str:
        """Make what is missing and publish exactly `relations`; the identity of the capture.

        A slot that is lost, or a table that was made anew, leaves a gap: then the identity is a new one.
        """
        slot = self.slot()
        if slot and not slot.ours:
            raise SourceError(
                f"the replication slot {self._name} belongs to another database or plugin",
                do="set another `name:` in strangler.yaml, or drop that slot",
            )
        record, published = self._remembered()
        self._publish(relations, published)
        tables = by_name(relations)
        if record is None or slot is None or slot.lost:
            if slot:
                self._drop_slot()
            record = Record(secrets.token_hex(8), self._create_slot(), tables)
        elif gap(_without_gone(record.tables, tables), tables, published or frozenset()):
            record = Record(secrets.token_hex(8), record.start, tables)
        else:
            record = Record(record.token, record.start, tables)
        self._remember(record)
        return record.identity(self._place(), self._name)

    def drop(self) -> None:
        """Remove slot and publication; what isn't there is no error."""
        slot = self.slot()
        if slot and slot.ours:
            self._drop_slot()
        self._connection.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(self._publication))

    def _remembered(self) -> tuple[Record | None, frozenset[int] | None]:
        row = self._connection.execute(_PUBLICATION, [self._name]).fetchone()
        if row is None:
            return None, None
        return Record(**json.loads(row[0])) if row[0] else None, frozenset(row[1])

    def _remember(self, record: Record) -> None:
        body = json.dumps({"token": record.token, "start": record.start, "tables": record.tables})
        comment = sql.SQL("COMMENT ON PUBLICATION {} IS {}")
        self._connection.execute(comment.format(self._publication, sql.Literal(body)))

    def _publish(self, relations: Sequence[Relation], published: frozenset[int] | None) -> None:
        # The publication comes before the slot: decoding looks it up as it was at the time of each change.
        tables = sql.SQL(", ").join(
            sql.SQL("ONLY {}").format(sql.Identifier(r.schema, r.name)) for r in relations
        )
        if published is None:
            create = "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
            self._connection.execute(sql.SQL(create).format(self._publication, tables))
        elif published != {relation.oid for relation in relations}:
            alter = "ALTER PUBLICATION {} SET TABLE {}"
            self._connection.execute(sql.SQL(alter).format(self._publication, tables))

    def _create_slot(self) -> str:
        create = "SELECT lsn::text FROM pg_create_logical_replication_slot(%s, 'pgoutput')"
        row = self._connection.execute(create, [self._name]).fetchone()
        assert row is not None
        return str(row[0])

    def _drop_slot(self) -> None:
        self._connection.execute("SELECT pg_drop_replication_slot(%s)", [self._name])

    def _place(self) -> str:
        row = self._connection.execute(_PLACE).fetchone()
        assert row is not None
        return str(row[0])


def capture_name(source: str) -> str:
    """The name of slot and publication; PostgreSQL allows 63 letters, digits and underscores."""
    name = f"strangler_{source}"
    if len(name) <= 63:
        return name
    return f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def missing(source: str, why: str) -> SourceLost:
    """The error for a capture that has a gap."""
    return SourceLost(_MISSING.format(source=source), why=why)


def require_unbroken(
    source: str, slot: Slot | None, found: str | None, expected: str, after: Position
) -> None:
    """Raise SourceLost unless the capture is the one with identity `expected` and still reaches back to `after`."""
    what = _MISSING.format(source=source)
    if slot is None or found is None:
        raise SourceLost(what, why="its slot or publication is no longer there")
    if found != expected:
        raise SourceLost(what, why="its slot, its publication or one of its tables was made anew")
    if slot.lost:
        why = "the server threw away what the slot still needed (max_slot_wal_keep_size)"
        raise SourceLost(what, why=why)
    reached = confirmed(after) if after != ORIGIN else parse_lsn(found.split("/")[-2].replace("-", "/"))
    if slot.confirmed > reached:
        why = f"the slot begins at {format_lsn(slot.confirmed)}, remembered is {format_lsn(reached)}"
        raise SourceLost(what, why=why + ": it was made anew, or read by somebody else")


def by_name(relations: Sequence[Relation]) -> dict[str, list[int]]:
    """Table as configured → the oids of it and of its descendants."""
    tables: dict[str, list[int]] = {}
    for relation in relations:
        tables.setdefault(relation.asked, []).append(relation.oid)
    return tables


def gap(before: Mapping[str, list[int]], now: Mapping[str, list[int]], published: Collection[int]) -> str:
    """Why changes of a captured table may be missing; empty when none are. `before` and `now`: table as configured → the oids
    of it and of its descendants, as they were captured and as the catalog has them; `published`: those that are captured now."""
    for table, oids in before.items():
        if table not in now:
            return f"the table {table} isn't there any more: it was dropped or renamed"
        if now[table][0] != oids[0]:
            return f"the table {table} is another one than was captured: it was made anew"
        if lost := set(oids).difference(now[table]):
            return f"{len(lost)} of the tables that inherit from {table} were dropped or taken away from it"
        if set(oids).difference(published):
            return f"the table {table} was taken out of the publication"
        if set(now[table]).difference(oids):
            return f"another table inherits from {table} now, and what was written to it wasn't captured"
    return ""


def _without_gone(before: Mapping[str, list[int]], now: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Tables that no mapping names any more leave the capture without harm."""
    return {table: oids for table, oids in before.items() if table in now}
