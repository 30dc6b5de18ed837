"""A service's store in PostgreSQL. Events go in as one JSON document a batch, backfilled chunks by COPY."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from psycopg.errors import CardinalityViolation, UniqueViolation

from strangler.changes import Position
from strangler.events import Event, decode_key, encode_key
from strangler.mapping.canonical import quote
from strangler.ports import Chunk, Finding, ReturningStore
from strangler.settings import Database
from strangler.shapes import Field, FieldType
from strangler_adapters import sql_own_tables as own_tables
from strangler_adapters.postgres_privileges import lacking
from strangler_adapters.sql_copy import copy_chunk
from strangler_adapters.sql_fit import POSTGRES_TYPES, Found, Table, as_finding, declared, misfit
from strangler_adapters.sql_layout import POSITION, Layout, Line, Row, quoted
from strangler_adapters.sql_postgres import PostgresSession, PostgresSide, PostgresTransaction
from strangler_adapters.sql_session import Session, Side
from strangler_adapters.sql_store import SqlStore

_STAGING: Final = "strangler_staging"

_OWN: Final = """
    CREATE OR REPLACE FUNCTION strangler_own() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW._position := NULL; RETURN NEW; END $$
"""


def connect(name: str, settings: Database) -> ReturningStore:
    """The store in the database that the URL names; touches nothing yet."""
    return PostgresStore(f"the store {name}", settings.url.get_secret_value())


class PostgresStore(SqlStore[PostgresTransaction]):
    """See `SqlStore`."""

    _dialect = "postgres"

    def __init__(self, what: str, url: str) -> None:
        super().__init__(what, PostgresSession(what, url))
        self._url = url
        self._contended: set[str] = set()

    def _examine(self, layouts: Sequence[Layout]) -> list[Finding]:
        found = [(layout, _found(self._session, layout)) for layout in layouts]
        misfits = [
            error
            for layout, table in found
            if table.columns and (error := misfit(self._what, layout, POSTGRES_TYPES, table))
        ]
        return lacking(self._session, layouts) + [as_finding(error) for error in misfits]

    def _another_session(self) -> PostgresSession:
        return PostgresSession(self._what, self._url)

    def reader(self) -> Side:
        return PostgresSide(self._what, self._url)

    def _close_to_writers(self, transaction: PostgresTransaction, layouts: list[Layout]) -> None:
        # In sorted order, so that two callers never wait for each other's tables. Readers go on.
        for table in sorted(layout.table for layout in layouts):
            transaction.script([f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"])

    @staticmethod
    def _differs(field: Field, left: str, right: str) -> str:
        if POSTGRES_TYPES.fields[field.type] == "text":
            left, right = f'{left} COLLATE "C"', f'{right} COLLATE "C"'
        return f"{left} IS DISTINCT FROM {right}"

    def _create(self, transaction: PostgresTransaction, layout: Layout) -> None:
        if not transaction.has_table(layout.shape.table):
            transaction.script([declared(layout, POSTGRES_TYPES)])
        elif error := misfit(self._what, layout, POSTGRES_TYPES, _found(transaction, layout)):
            raise error
        if not transaction.rows(
            "SELECT 1 FROM pg_class WHERE relname = ? AND pg_table_is_visible(oid)", (layout.own,)
        ):
            transaction.script(
                [
                    _OWN,
                    f"CREATE INDEX {layout.own} ON {layout.table} ({quoted(layout.shape.key)})"
                    f" WHERE {POSITION} IS NULL",
                    f"CREATE TRIGGER {layout.own} BEFORE UPDATE ON {layout.table} FOR EACH ROW"
                    f" WHEN (NEW.{POSITION} = OLD.{POSITION}) EXECUTE FUNCTION strangler_own()",
                ]
            )

    def _upsert(self, transaction: PostgresTransaction, layout: Layout, rows: Sequence[Row]) -> int:
        source = f"SELECT {_values(layout, layout.names)}, {POSITION} FROM {_recordset(layout, layout.names)}"
        try:
            return transaction.change(layout.upsert(source), (_json(_written(layout, rows)),))
        except CardinalityViolation:
            raise self._same_key(layout) from None

    def _clear(
        self, transaction: PostgresTransaction, layout: Layout, events: list[Event], said: Sequence[Line]
    ) -> None:
        root, key = layout.root, layout.shape.key
        # NOT IN makes one hash table of what is said. NOT EXISTS is a join to the planner, which thinks little of a JSON array's
        # length, and may compare every row with every other one.
        said_keys = f"SELECT {quoted(key)} FROM {_keyed(layout, 's')}"
        transaction.change(
            f"DELETE FROM {layout.table} AS t USING {_keyed(root, 'e')}"
            f" WHERE {root.same_key('t', 'e')} AND t.{POSITION} IS NOT NULL AND (t.{POSITION} >= e.{POSITION}"
            f" OR ({', '.join(f't.{quote(name)}' for name in key)}) NOT IN ({said_keys}))",
            (_json(_keys(root, events)), _json([_named(line, key) for line in said])),
        )

    def _own_below(
        self, transaction: PostgresTransaction, layout: Layout, events: list[Event]
    ) -> tuple[str, Position] | None:
        root = layout.root
        own = transaction.rows(
            f"SELECT {_key_as_text(layout)}, e.{POSITION} FROM {layout.table} AS t JOIN {_keyed(root, 'e')}"
            f" ON {root.same_key('t', 'e')} WHERE t.{POSITION} IS NULL LIMIT 1",
            (_json(_keys(root, events)),),
        )
        for key, position in own:
            return _encoded(key), Position(position)
        return None

    def _update(
        self, transaction: PostgresTransaction, layout: Layout, fields: tuple[str, ...], events: list[Event]
    ) -> int:
        named = tuple(dict.fromkeys((*layout.shape.key, *fields)))
        rows = [{**event.data, **_key(layout, event.key), POSITION: event.position} for event in events]
        changing = [name for name in fields if name not in layout.shape.key]
        assignments = "".join(f"{quote(name)} = e.{quote(name)}, " for name in changing)
        return transaction.change(
            f"UPDATE {layout.table} AS t SET {assignments}{POSITION} = e.{POSITION}"
            f" FROM (SELECT {_values(layout, named)}, {POSITION} FROM {_recordset(layout, named)}) AS e"
            f" WHERE {layout.same_key('t', 'e')} AND t.{POSITION} < e.{POSITION}",
            (_json(rows),),
        )

    def _delete(self, transaction: PostgresTransaction, layout: Layout, events: list[Event]) -> int:
        return transaction.change(
            f"DELETE FROM {layout.table} AS t USING {_keyed(layout, 'e')}"
            f" WHERE {layout.same_key('t', 'e')} AND t.{POSITION} < e.{POSITION}",
            (_json(_keys(layout, events)),),
        )

    def _positions(
        self, transaction: PostgresTransaction, layout: Layout, events: list[Event]
    ) -> dict[str, Position | None]:
        # The place of the key in the batch comes back instead of the key, for which the database would have other words.
        rows = [{**_key(layout, event.key), POSITION: str(n)} for n, event in enumerate(events)]
        found = transaction.rows(
            f"SELECT e.{POSITION}, t.{POSITION} FROM {_keyed(layout, 'e')} JOIN {layout.table} AS t"
            f" ON {layout.same_key('t', 'e')}",
            (_json(rows),),
        )
        return {events[int(n)].key: position for n, position in found}

    def _load(self, transaction: PostgresTransaction, layout: Layout, chunk: Chunk, stamp: Position) -> int:
        """Straight into the table as long as no row is there yet; by a staging table otherwise.

        A backfill's rows are nearly all new, and COPY into the table is twice as fast as anything that compares. Rows that stand under
        others have to be compared with these.
        """
        if layout.above is None and layout.entity not in self._contended and not _has_bytes(layout):
            try:
                with transaction.savepoint():
                    return self._load_straight(transaction, layout, chunk, stamp)
            except UniqueViolation:
                self._contended.add(layout.entity)
        return self._load_staged(transaction, layout, chunk, stamp)

    def _load_straight(
        self, transaction: PostgresTransaction, layout: Layout, chunk: Chunk, stamp: Position
    ) -> int:
        count = copy_chunk(transaction.cursor, layout.table, (*layout.names, POSITION), chunk, stamp)
        self._remove_since(transaction, layout, stamp)
        return count

    def _load_staged(
        self, transaction: PostgresTransaction, layout: Layout, chunk: Chunk, stamp: Position
    ) -> int:
        columns = ", ".join(f"{quote(field.name)} {_wire(field.type)}" for field in layout.shape.fields)
        transaction.script([f"CREATE TEMPORARY TABLE {_STAGING} ({columns}) ON COMMIT DROP"])
        count = copy_chunk(transaction.cursor, _STAGING, layout.names, chunk, None)
        source = f"SELECT {quoted(layout.names)}, ? FROM (SELECT {_values(layout, layout.names)} FROM {_STAGING}) AS e"
        try:
            if above := layout.above:
                place = (
                    f"SELECT 1 FROM {above.table} AS a WHERE {above.same_key('a', 'e')} AND a.{POSITION} <= ?"
                )
                statement = layout.upsert(f"{source} WHERE EXISTS ({place})")
                written = transaction.change(statement, (stamp, stamp))
            else:
                written = transaction.change(layout.upsert(f"{source} WHERE true"), (stamp,))
        except CardinalityViolation:
            raise self._same_key(layout) from None
        if written < count:
            self._refuse_own_staged(transaction, layout, stamp)
        self._remove_since(transaction, layout, stamp)
        return count

    def _refuse_own_staged(self, transaction: PostgresTransaction, layout: Layout, stamp: Position) -> None:
        own = transaction.rows(
            f"SELECT {_key_as_text(layout)} FROM {layout.table} AS t JOIN (SELECT {_values(layout, layout.shape.key)} FROM {_STAGING}) AS e"
            f" ON {layout.same_key('t', 'e')} WHERE t.{POSITION} IS NULL LIMIT 1"
        )
        for (key,) in own:
            raise self._own_row(layout, _encoded(key), stamp)

    def _remove_since(self, transaction: PostgresTransaction, layout: Layout, stamp: Position) -> None:
        """Invariant 3: take out again what the chunk brought of keys that were removed since its stamp."""
        removed = own_tables.tombstones(transaction, layout.entity, stamp)
        if removed:
            rows = [{**_key(layout, key), POSITION: stamp} for key in removed]
            transaction.change(
                f"DELETE FROM {layout.table} AS t USING {_keyed(layout, 'e')}"
                f" WHERE {layout.same_key('t', 'e')} AND t.{POSITION} = e.{POSITION}",
                (_json(rows),),
            )


def _wire(type: FieldType) -> str:
    """The type in which a canonical value of a field travels: its own, but bytes as the hex text that they are in JSON."""
    return POSTGRES_TYPES.fields[FieldType.TEXT if type is FieldType.BYTES else type]


def _has_bytes(layout: Layout) -> bool:
    return any(field.type is FieldType.BYTES for field in layout.shape.fields)


def _values(layout: Layout, names: Iterable[str]) -> str:
    """The select list that turns what travelled into the columns' values."""
    types = layout.types
    return ", ".join(
        f"decode({quote(name)}, 'hex') AS {quote(name)}" if types[name] is FieldType.BYTES else quote(name)
        for name in names
    )


def _recordset(layout: Layout, names: Iterable[str]) -> str:
    """A FROM item that unfolds a JSON array of objects with these fields and a position."""
    columns = ", ".join(f"{quote(name)} {_wire(layout.types[name])}" for name in names)
    return f"json_to_recordset(?::json) AS j({columns}, {POSITION} {POSTGRES_TYPES.position})"


def _keyed(layout: Layout, name: str) -> str:
    """A FROM item of this name that unfolds keys with positions."""
    key = layout.shape.key
    return f"(SELECT {_values(layout, key)}, {POSITION} FROM {_recordset(layout, key)}) AS {name}"


def _keys(layout: Layout, events: Sequence[Event]) -> list[dict[str, Any]]:
    """What `_keyed` unfolds."""
    return [{**_key(layout, event.key), POSITION: event.position} for event in events]


def _written(layout: Layout, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows as they travel; what stands below them doesn't travel with them."""
    if layout.children:
        return [_named(row, layout.names) for row in rows]
    return [{**row.data, POSITION: row.position} for row in rows]


def _named(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """These values of a row, and its position."""
    return {**{name: row.data[name] for name in names}, POSITION: row.position}


def _key_as_text(layout: Layout) -> str:
    """The key of a row of `t` as JSON; `_encoded` makes it that of an event."""
    return f"json_build_array({', '.join(f't.{quote(name)}' for name in layout.shape.key)})::text"


def _encoded(key: str) -> str:
    return encode_key(orjson.loads(key))


def _key(layout: Layout, key: str) -> dict[str, Any]:
    return dict(zip(layout.shape.key, decode_key(key), strict=True))


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _found(side: Session[Any] | PostgresTransaction, layout: Layout) -> Table:
    columns = side.rows(
        """SELECT a.attname, format_type(a.atttypid, a.atttypmod), c.collname, a.attnotnull,
            a.atthasdef OR a.attidentity <> ''
        FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
        WHERE a.attrelid = to_regclass(quote_ident(?)) AND a.attnum > 0 AND NOT a.attisdropped""",
        (layout.shape.table,),
    )
    unique = side.rows(
        """SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a
            ON a.attrelid = i.indrelid AND a.attnum = ANY((i.indkey::smallint[])[0:i.indnkeyatts - 1])
        WHERE i.indrelid = to_regclass(quote_ident(?)) AND i.indisunique AND i.indimmediate
            AND i.indpred IS NULL AND i.indexprs IS NULL
        GROUP BY i.indexrelid""",
        (layout.shape.table,),
    )
    return Table(
        [
            Found(name, f'{type} COLLATE "{collation}"' if name == POSITION else type, required, filled)
            for name, type, collation, required, filled in columns
        ],
        [frozenset(names) for (names,) in unique],
    )
