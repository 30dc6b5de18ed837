"""Values: from the JSON of a message to the rows of `strangler.changes.Row`, by code written for one table.

As with the direct connector, what a general loop would ask for every value is asked once, when a table is first seen: how each
column is written (by the message's schema, or by catalog and properties, see `writing`) and how that is read (`readers`). The
code that is compiled picks the wanted columns and builds the row as one dict display.

What can't be read as its type stays text, and for a column of text the JSON as bytes; neither is of the column's type, so that the
mapping puts the row into quarantine and says why.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from strangler.changes import UNCHANGED, Row
from strangler.errors import SourceError
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.inline import Fields, Written
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.readers import Reader, reader
from strangler_connectors.debezium.shortcuts import RAISED, SCOPE, shortcut
from strangler_connectors.debezium.writing import Catalog, null_or_gap

Values = Mapping[str, Any]
Read = Callable[[Values], dict[str, Any]]


NULL_OR_GAP: Final = b"NULL, or large and left alone"
"""What a column of text holds where Debezium wrote NULL for both; no text, so that no mapping reads it."""


class Reading(NamedTuple):
    """A captured table as `describe` gives it, and the columns that were asked for, key included.

    `bases`: column → declared type without domains (`numeric(16,4)` where the catalog says `money_amount`), `text` for an enum.
    Only PostgreSQL has such; where it isn't given, a type of the user's own is taken for an enum.
    `filled`: columns of MySQL's that are declared NOT NULL, though a zero date in them reads as NULL.
    """

    table: Table
    columns: frozenset[str]
    bases: Mapping[str, str] = {}
    filled: frozenset[str] = frozenset()


class Rows(NamedTuple):
    """What reads a table's rows: `whole` those that are all there, `changed` those that may have gaps (then UNCHANGED).

    `surprises` are the columns that came as another kind of JSON value than announced, which is how a changed definition shows.
    """

    whole: Read
    changed: Read
    surprises: set[str]


def compile_rows(
    reading: Reading, names: Iterable[str], fields: Fields | None, kind: str, modes: Modes
) -> Rows:
    """Readers of the columns `names`. `fields` is the messages' schema if they have one, `kind` Debezium's name of the connector.

    Raises SourceError for a column that isn't there or can't be read with what is known.
    """
    catalog = Catalog(reading.table.name, kind, modes)
    surprises: set[str] = set()
    scope: dict[str, Any] = {
        **SCOPE, "RAISED": RAISED, "placeholder": modes.placeholder, "null_or_gap": NULL_OR_GAP
    }  # fmt: skip
    whole: list[_Line] = []
    changed: list[_Line] = []
    for i, name in enumerate(sorted(names)):
        column = _column(reading, name)
        written = _written(column, fields, catalog, reading.table.name)
        read = reader(column, written, kind)
        scope[f"whole_{i}"] = _guarded(column, read, surprises)
        scope[f"changed_{i}"] = _with_gaps(scope[f"whole_{i}"], modes.placeholder)
        empty = "null_or_gap" if null_or_gap(column, kind) else "None"
        whole.append(_Line(name, "None", shortcut(column, written, kind, read, False), f"whole_{i}(x)"))
        changed.append(_Line(name, empty, shortcut(column, written, kind, read, True), f"changed_{i}(x)"))
    source = [*_function("whole", whole), *_function("changed", changed)]
    exec(compile("\n".join(source), f"<rows of {reading.table.name}>", "exec"), scope)
    return Rows(scope["whole"], scope["changed"], surprises)


class _Line(NamedTuple):
    """How a column is read: what NULL is, the shortcut, the call of its reader."""

    name: str
    null: str
    shortcut: str
    call: str

    def code(self, value: str) -> str:
        return f"{self.name!r}: {self.null} if (x := v[{self.name!r}]) is None else {value}"


def _function(function: str, lines: Sequence[_Line]) -> list[str]:
    """By the shortcuts, and where one gives up by the readers, which never do."""
    common = ", ".join(line.code(line.shortcut.replace("{read}", line.call)) for line in lines)
    calls = ", ".join(line.code(line.call) for line in lines)
    return [
        f"def {function}(v):",
        "    try:",
        f"        return {{{common}}}",
        "    except RAISED:",
        f"        return {{{calls}}}",
    ]


def missing(table: str, column: str) -> SourceError:
    """The error for a column that the messages don't have."""
    return SourceError(
        f"table {table} has no column {column} in a change of the stream",
        why="the ERP's schema isn't, or at that time wasn't yet, as the mapping has it, or the connector leaves the column out",
        do="bring the mapping in line with the table; let column.include.list and column.exclude.list of the connector include it",
    )


def _column(reading: Reading, name: str) -> Column:
    column = reading.table.column(name)
    if column is None:
        raise missing(reading.table.name, name)
    declared = reading.bases.get(name, column.declared)
    return replace(column, declared=declared, nullable=column.nullable and name not in reading.filled)


def _written(column: Column, fields: Fields | None, catalog: Catalog, table: str) -> Written:
    if fields is None:
        return catalog.written(column)
    written = fields.columns.get(column.name)
    if written is None:
        raise missing(table, column.name)
    return catalog.completed(column, written)


def _guarded(column: Column, read: Reader, surprises: set[str]) -> Reader:
    """The reader that never fails. No mapping reads a text as a number, nor bytes as a text."""
    textual = column.type in (FieldType.TEXT, FieldType.JSON)

    def guarded(value: Any) -> Any:
        try:
            return read(value)
        except (
            ValueError,
            TypeError,
            LookupError,
            ArithmeticError,
            AttributeError,
            RecursionError,
            struct.error,
        ):
            if value.__class__ is str and not textual:
                return value
            surprises.add(column.name)
            written = msgspec.json.encode(value)
            return written if textual else written.decode()

    return guarded


def _with_gaps(read: Reader, placeholder: str) -> Reader:
    """The reader that also knows the stand-ins for a value that the database didn't log."""
    texts, structures = _forms(placeholder)

    def read_or_gap(value: Any) -> Any:
        if value.__class__ is str:
            return UNCHANGED if value in texts else read(value)
        if (value.__class__ is list or value.__class__ is dict) and value in structures:
            return UNCHANGED
        return read(value)

    return read_or_gap


def _forms(placeholder: str) -> tuple[frozenset[str], tuple[Any, ...]]:
    """The placeholder as text, in each form of bytes, as the element or the numbers of an array, as a pair of hstore."""
    raw = placeholder.encode()
    encoded = (b64encode(raw).decode(), urlsafe_b64encode(raw).decode(), raw.hex())
    pair = f'{{"{placeholder}":"{placeholder}"}}'
    # Java's UUID.nameUUIDFromBytes: MD5 without a namespace.
    name = uuid.UUID(bytes=hashlib.md5(raw, usedforsecurity=False).digest(), version=3)
    texts = frozenset((placeholder, pair, *encoded, *(each.rstrip("=") for each in encoded)))
    arrays = [[text] for text in (*texts, str(name))]
    return texts, (*arrays, list(raw), {placeholder: placeholder})


def select(read: Read, values: Values, table: str) -> Row:
    """Read a row; a column that it lacks is an error, not a NULL."""
    try:
        return read(values)
    except KeyError as error:
        raise missing(table, str(error.args[0])) from None
