"""The triggers that fill an outbox, and what they write: which row, and what it was.

They run in the service's own sessions, whose settings nobody knows, and with its rights. So in PostgreSQL the functions have settings and
rights of their own, and write canonical texts; no name in them means what a session made. In SQLite, where only what is built in can be
called, they write literals, which are read back by SQLite itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

import orjson

from strangler.mapping import canonical_columns
from strangler.mapping.canonical import quote, quoted_text, value_of
from strangler.ports import SqlSide
from strangler.shapes import Field, Shape
from strangler_adapters.sql_image import array
from strangler_adapters.sql_layout import POSITION, Layout
from strangler_adapters.sql_session import Transaction
from strangler_adapters.sql_sqlite import DELIVERY

OUTBOX: Final = "strangler_outbox"

_COLUMNS: Final = "root, part, key, line, image"


def create(transaction: Transaction, dialect: str, parts: Sequence[Layout]) -> None:
    """Make the outbox and the triggers on the tables of these parts. Those that are there already are left alone: to make them takes a
    lock that waits for the service. Those for another shape go."""
    transaction.script(_TABLE[dialect])
    [(outbox,)] = transaction.rows(_PLACE[dialect])
    for part in parts:
        name = _name(dialect, part, outbox)
        if not any(each.startswith(f"{name}_") for each in _ours(transaction, dialect, part)):
            remove(transaction, dialect, [part])
            transaction.script(_TRIGGERS[dialect](part, name, outbox))


def remove(transaction: Transaction, dialect: str, parts: Sequence[Layout]) -> None:
    """Take the triggers away from the tables of these parts."""
    for part in parts:
        on = f" ON {part.table}" if dialect == "postgres" else ""
        transaction.script(f"DROP TRIGGER {quote(name)}{on}" for name in _ours(transaction, dialect, part))


def _ours(transaction: Transaction, dialect: str, part: Layout) -> list[str]:
    there = [name for (name,) in transaction.rows(_THERE[dialect], (part.shape.table,))]
    return sorted(name for name in there if name.startswith(f"{_stem(part)}_"))


def fields_of(shape: Shape, names: Sequence[str]) -> tuple[Field, ...]:
    """The fields with these names, in their order."""
    known = {field.name: field for field in shape.fields}
    return tuple(known[name] for name in names)


def read_back(side: SqlSide, fields: Sequence[Field], written: str) -> dict[str, Any]:
    """The canonical values of fields that a trigger wrote."""
    texts = list(chain.from_iterable(orjson.loads(written)))
    if side.dialect == "sqlite":
        [texts] = map(list, side.rows(_evaluated(fields, texts)))
    return {field.name: value_of(text, field.type) for field, text in zip(fields, texts, strict=True)}


def _evaluated(fields: Sequence[Field], literals: Sequence[str]) -> str:
    given = ", ".join(f"{each} AS {quote(field.name)}" for field, each in zip(fields, literals, strict=True))
    shape = Shape("", "", "", (), tuple(fields))
    return f"SELECT {', '.join(canonical_columns(shape, 'sqlite'))} FROM (SELECT {given})"


def written(dialect: str, shape: Shape, names: Sequence[str], row: str) -> str:
    """SQL of these fields of a row, `NEW` or `OLD` in a trigger, as the JSON text that an entry has."""
    if dialect == "sqlite":
        return array("json_array", [f"quote({row}.{quote(name)})" for name in names])
    fields = Shape("", "", "", (), fields_of(shape, names))
    values = array("json_build_array", canonical_columns(fields, dialect))
    given = ", ".join(f"{row}.{quote(name)} AS {quote(name)}" for name in names)
    return f"(SELECT CAST({values} AS text) FROM (SELECT {given}) AS r)"


def _entry(dialect: str, outbox: str, part: Layout, row: str, *, image: bool) -> str:
    """The statement that writes an entry about the row `NEW` or `OLD` into the outbox with this name."""
    shape = part.shape
    key = written(dialect, shape, part.root.shape.key, row)
    line = written(dialect, shape, shape.key, row)
    before = written(dialect, shape, part.names, row) if image else "NULL"
    of = f"{quoted_text(part.root.entity)}, {quoted_text(part.entity)}"
    return f"INSERT INTO {outbox} ({_COLUMNS}) SELECT {of}, {key}, {line}, {before};"


def _stem(part: Layout) -> str:
    """Short enough for any database."""
    return f"strangler_out_{_digest(part.shape.table)}"


def _name(dialect: str, part: Layout, outbox: str) -> str:
    """Of what the triggers do, too."""
    return f"{_stem(part)}_{_digest(*_TRIGGERS[dialect](part, '', outbox))}"


def _digest(*texts: str) -> str:
    return hashlib.md5("".join(texts).encode(), usedforsecurity=False).hexdigest()[:8]


def _other_key(part: Layout) -> str:
    return " OR ".join(f"NEW.{quote(name)} <> OLD.{quote(name)}" for name in part.shape.key)


def _postgres(part: Layout, name: str, outbox: str) -> Iterator[str]:
    table = part.table
    inserted = _entry("postgres", outbox, part, "NEW", image=False)
    was = _entry("postgres", outbox, part, "OLD", image=True)
    yield f"""
        CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp SET TimeZone TO 'UTC' SET DateStyle TO 'ISO' SET extra_float_digits TO 1 AS $strangler$
        BEGIN
            IF current_setting('strangler.delivery', true) = 'on' THEN RETURN NULL; END IF;
            IF TG_OP = 'TRUNCATE' THEN
                RAISE EXCEPTION 'TRUNCATE of % would not be returned to legacy', TG_TABLE_NAME USING HINT = 'DELETE the rows';
            ELSIF TG_OP = 'INSERT' THEN {inserted}
            ELSE {was}
                IF TG_OP = 'UPDATE' THEN IF {_other_key(part)} THEN {inserted} END IF; END IF;
            END IF;
            RETURN NULL;
        END $strangler$"""
    # Else anybody could have a table of their own write entries, with the owner's rights. Who writes to a table needs none to its triggers.
    yield f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC"
    for operation in ("INSERT", "UPDATE"):
        yield (
            f"CREATE TRIGGER {name}_{operation.lower()} AFTER {operation} ON {table} FOR EACH ROW"
            f" WHEN (NEW.{POSITION} IS NULL) EXECUTE FUNCTION {name}()"
        )
    yield f"CREATE TRIGGER {name}_delete AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    yield f"CREATE TRIGGER {name}_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {name}()"


def _sqlite(part: Layout, name: str, outbox: str) -> Iterator[str]:
    table, names = part.table, part.names
    inserted = _entry("sqlite", outbox, part, "NEW", image=False)
    was = _entry("sqlite", outbox, part, "OLD", image=True)
    moved = f"{inserted.removesuffix(';')} WHERE {_other_key(part)};"
    own = f"NOT EXISTS (SELECT 1 FROM {DELIVERY})"
    replaced = " AND ".join(f"{quote(each)} = NEW.{quote(each)}" for each in part.shape.key)
    image = written("sqlite", part.shape, names, "t")
    key, line = (written("sqlite", part.shape, each, "t") for each in (part.root.shape.key, part.shape.key))
    new, old = (f"({', '.join(f'{row}.{quote(each)}' for each in names)})" for row in ("NEW", "OLD"))
    bodies = {
        # INSERT OR REPLACE removes a row without a word to other triggers.
        "replace": (
            "BEFORE INSERT",
            f"NEW.{POSITION} IS NULL",
            f"INSERT INTO {outbox} ({_COLUMNS}) SELECT {quoted_text(part.root.entity)}, {quoted_text(part.entity)},"
            f" {key}, {line}, {image} FROM {table} AS t WHERE {replaced};",
        ),
        "insert": ("AFTER INSERT", f"NEW.{POSITION} IS NULL", inserted),
        # The store's own trigger sets the position to NULL with an update behind the service's: that one isn't another change.
        "update": (
            "AFTER UPDATE",
            f"(NEW.{POSITION} IS OLD.{POSITION} OR (NEW.{POSITION} IS NULL AND {new} IS NOT {old}))",
            f"{was} {moved}",
        ),
        "delete": ("AFTER DELETE", "true", was),
    }
    for what, (when, condition, body) in bodies.items():
        yield (
            f"CREATE TRIGGER {name}_{what} {when} ON {table} FOR EACH ROW"
            f" WHEN {own} AND {condition} BEGIN {body} END"
        )


_THERE: Final = {
    "postgres": "SELECT tgname::text FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(?))",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?",
}

_PLACE: Final = {
    "postgres": f"SELECT quote_ident(nspname) || '.{OUTBOX}' FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    f" WHERE c.oid = to_regclass('{OUTBOX}')",
    "sqlite": f"SELECT '{OUTBOX}'",
}
"""The outbox's name, as it is the same in every session."""

_TRIGGERS: Final = {"postgres": _postgres, "sqlite": _sqlite}

_TABLE: Final = {
    "postgres": [
        f"""CREATE TABLE IF NOT EXISTS {OUTBOX} (
            id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, token text NOT NULL DEFAULT gen_random_uuid()::text UNIQUE,
            at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp()),
            root text NOT NULL, part text NOT NULL, key text NOT NULL, line text NOT NULL, image text)""",
        f"CREATE INDEX IF NOT EXISTS {OUTBOX}_key ON {OUTBOX} (root, key)",
    ],
    "sqlite": [
        f"CREATE TABLE IF NOT EXISTS {DELIVERY} (one INTEGER NOT NULL)",
        f"""CREATE TABLE IF NOT EXISTS {OUTBOX} (
            id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
            at REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400.0),
            root TEXT NOT NULL, part TEXT NOT NULL, key TEXT NOT NULL, line TEXT NOT NULL, image TEXT)""",
        f"CREATE INDEX IF NOT EXISTS {OUTBOX}_key ON {OUTBOX} (root, key)",
    ],
}
