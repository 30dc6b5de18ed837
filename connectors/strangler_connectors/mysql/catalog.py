"""The catalog: which tables there are, their columns and keys, and whether their changes can be captured.

Names are compared as they stand, or without regard to case where the server does so (`lower_case_table_names`). A name
without a database is looked for in that of the url.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymysql.connections import Connection

from strangler.shapes import Column, FieldType, Table
from strangler_connectors.mysql.connection import ask, variables
from strangler_connectors.mysql.values import field_type

_TABLES: Final = """
SELECT table_schema, table_name, table_type, engine FROM information_schema.tables
WHERE (table_schema, table_name) IN ({})
"""
_COLUMNS: Final = """
SELECT table_schema, table_name, column_name, is_nullable, data_type, column_type, extra, column_default IS NOT NULL
FROM information_schema.columns
WHERE (table_schema, table_name) IN ({}) ORDER BY table_schema, table_name, ordinal_position
"""
# Without a function of a column (MySQL) and without a prefix: those identify nothing by whole values.
_INDEXES: Final = """
SELECT table_schema, table_name, index_name, column_name, nullable FROM information_schema.statistics
WHERE (table_schema, table_name) IN ({}) AND non_unique = 0 AND column_name IS NOT NULL
ORDER BY table_schema, table_name, index_name <> 'PRIMARY', index_name, seq_in_index
"""
# MariaDB's JSON is a text with a check.
_CHECKS: Final = """
SELECT constraint_schema, table_name, check_clause FROM information_schema.check_constraints
WHERE (constraint_schema, table_name) IN ({})
"""
_JSON: Final = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)", re.IGNORECASE)


# In `extra`: the database fills the column.
_FILLED: Final = re.compile("auto_increment|GENERATED", re.IGNORECASE)
# Whatever they are declared, a zero in them reads as NULL.
_ZERO: Final = frozenset({"date", "datetime", "timestamp"})


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index. `total`: none of its columns may be NULL."""

    name: str
    columns: tuple[str, ...]
    total: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as the catalog has it. `asked` is the configured name. `computed` are the columns that are stored nowhere,
    `compressed` those that MariaDB logs compressed."""

    asked: str
    schema: str
    name: str
    kind: str
    engine: str
    columns: tuple[Column, ...]
    computed: frozenset[str]
    compressed: frozenset[str]
    indexes: tuple[Index, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key, in its own order; empty when there is none."""
        return next((index.columns for index in self.indexes if index.name == "PRIMARY"), ())

    @property
    def quoted(self) -> str:
        """The name as SQL, database included."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    def table(self) -> Table:
        return Table(self.asked, self.columns, self.key)


class Names:
    """How table names are compared on a server, and in which database those without one are looked for."""

    def __init__(self, database: str, folded: bool) -> None:
        self._database, self._folded = database, folded

    def fold(self, name: str) -> str:
        """The name as it is compared."""
        return name.lower() if self._folded else name

    def candidates(self, asked: str) -> list[tuple[str, str]]:
        """What a configured name may mean, as (database, table), the likeliest first."""
        found = [(self.fold(self._database), self.fold(asked))]
        schema, dot, table = asked.partition(".")
        if dot:
            found.append((self.fold(schema), self.fold(table)))
        return found


def quote(name: str) -> str:
    """The name as an identifier in SQL."""
    return "`" + name.replace("`", "``") + "`"


def names(connection: Connection[Any], database: str) -> Names:
    """How this server compares names."""
    return Names(
        database, variables(connection, "lower_case_table_names").get("lower_case_table_names") != "0"
    )


def relations(connection: Connection[Any], naming: Names, tables: Sequence[str]) -> list[Relation]:
    """The asked tables that exist and that the user may see, in the order in which they were asked."""
    if not tables:
        return []
    pairs = [pair for asked in tables for pair in naming.candidates(asked)]
    found = {
        (naming.fold(schema), naming.fold(name)): (schema, name, kind, engine or "")
        for schema, name, kind, engine in _among(connection, _TABLES, pairs)
    }
    columns, computed, compressed = _columns(connection, pairs)
    indexes = _indexes(connection, pairs)
    result = []
    for asked in tables:
        place = next((pair for pair in naming.candidates(asked) if pair in found), None)
        if place is not None:
            schema, name, kind, engine = found[place]
            mine = (schema, name)
            result.append(
                Relation(
                    asked, schema, name, kind, engine, tuple(columns.get(mine, ())),
                    frozenset(computed.get(mine, ())), frozenset(compressed.get(mine, ())), tuple(indexes.get(mine, ())),
                )
            )  # fmt: skip
    return result


def _among(
    connection: Connection[Any], query: str, pairs: Sequence[tuple[str, str]]
) -> Iterable[tuple[str, ...]]:
    marks = ", ".join(["(%s, %s)"] * len(pairs))
    rows: Any = ask(connection, query.format(marks), [part for pair in pairs for part in pair])
    return rows  # type: ignore[no-any-return]


def _columns(
    connection: Connection[Any], pairs: Sequence[tuple[str, str]]
) -> tuple[dict[Any, list[Column]], dict[Any, set[str]], dict[Any, set[str]]]:
    json = _json_columns(connection, pairs)
    columns: dict[Any, list[Column]] = {}
    computed: dict[Any, set[str]] = {}
    compressed: dict[Any, set[str]] = {}
    for schema, table, name, nullable, type, declared, extra, given in _among(connection, _COLUMNS, pairs):
        place = (schema, table)
        kind = FieldType.JSON if (*place, name) in json else field_type(type, declared)
        optional, default = (
            nullable == "YES" or type in _ZERO,
            int(given) == 1 or _FILLED.search(extra) is not None,
        )
        columns.setdefault(place, []).append(Column(name, kind, optional, declared, default))
        if "VIRTUAL" in extra.upper():
            computed.setdefault(place, set()).add(name)
        if "COMPRESSED" in declared.upper():
            compressed.setdefault(place, set()).add(name)
    return columns, computed, compressed


def _json_columns(connection: Connection[Any], pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str, str]]:
    if "MariaDB" not in connection.get_server_info():
        return set()
    return {
        (schema, table, column.replace("``", "`"))
        for schema, table, clause in _among(connection, _CHECKS, pairs)
        for column in _JSON.findall(clause)
    }


def _indexes(connection: Connection[Any], pairs: Sequence[tuple[str, str]]) -> dict[Any, list[Index]]:
    gathered: dict[Any, dict[str, list[tuple[str, bool]]]] = {}
    for schema, table, index, column, nullable in _among(connection, _INDEXES, pairs):
        gathered.setdefault((schema, table), {}).setdefault(index, []).append((column, nullable != "YES"))
    return {
        place: [
            Index(name, tuple(c for c, _ in parts), all(total for _, total in parts))
            for name, parts in of.items()
        ]
        for place, of in gathered.items()
    }
