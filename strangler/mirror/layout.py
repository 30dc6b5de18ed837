"""The layout of a mirror: which tables it keeps, which columns of them, and by what rows are found. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import orjson

from strangler.changes import Row
from strangler.mapping import EntityMapping
from strangler.mapping.origin import Constant, Joined
from strangler.mirror.identity import Identify, Source, identify
from strangler.shapes import Table


@dataclass(frozen=True)
class Edge:
    """Many rows of one table name one row of another, by its primary key: `by` are the columns, and constants, that do, in its
    order."""

    many: Table
    one: Table
    by: tuple[str | Constant, ...]

    @cached_property
    def name(self) -> str:
        """Short, the same in every run, and fit for a column of the file."""
        told = [
            self.many.name,
            self.one.name,
            [each if isinstance(each, str) else [each.value] for each in self.by],
        ]
        return f"to_{hashlib.md5(orjson.dumps(told), usedforsecurity=False).hexdigest()[:12]}"

    @cached_property
    def of(self) -> Identify:
        """Which row of `one` a row of `many` names."""
        return identify([_source(self.many, each) for each in self.by])


@dataclass(frozen=True)
class Kept:
    """A table of the mirror: the columns that are kept, in its own order, and the edges that begin at its rows."""

    table: Table
    columns: tuple[str, ...]
    edges: tuple[Edge, ...]

    def only(self, row: Row) -> Row:
        """The row with the columns that are kept."""
        return row if len(row) == len(self.columns) else {name: row[name] for name in self.columns}

    @cached_property
    def links(self) -> Callable[[Row], object]:
        """The values by which a row names others: while they stay, so do all its edges."""
        names = sorted({each for edge in self.edges for each in edge.by if isinstance(each, str)})
        return itemgetter(*names) if names else lambda row: None

    @cached_property
    def identity(self) -> Identify:
        """The identity of a row of the table: of its primary key."""
        return identify([_source(self.table, name) for name in self.table.key])


@dataclass(frozen=True)
class Layout:
    """Table as configured → how it is kept. `tables` holds no others."""

    tables: Mapping[str, Kept]

    @cached_property
    def fingerprint(self) -> str:
        """Another one: what is kept isn't what would be kept now."""
        told = [
            [name, kept.table.key, sorted(edge.name for edge in kept.edges), _declared(kept)]
            for name, kept in sorted(self.tables.items())
        ]
        return hashlib.sha256(orjson.dumps(told)).hexdigest()


def layout(mappings: Iterable[EntityMapping]) -> Layout:
    """What the mirror of these mappings keeps; those of single tables need none."""
    tables: dict[str, Table] = {}
    columns: dict[str, set[str]] = {}
    edges: dict[str, dict[str, Edge]] = {}
    for mapping in mappings:
        if not mapping.mirrored:
            continue
        for part in mapping.parts():
            origin = part.plan.origin
            for table in (origin.root, *(join.table for join in origin.joins)):
                tables.setdefault(table.name, table)
            for join in origin.joins:
                found = edge_of(origin.root, origin.joins, join)
                edges.setdefault(found.many.name, {})[found.name] = found
        for name, read in mapping.reads().items():
            columns.setdefault(name, set()).update(read)
    return Layout(
        {
            name: Kept(
                table,
                tuple(column.name for column in table.columns if column.name in columns[name]),
                tuple(edges.get(name, {}).values()),
            )
            for name, table in tables.items()
        }
    )


def edge_of(root: Table, joins: Iterable[Joined], join: Joined) -> Edge:
    """The edge that leads to what is joined, from the table of the row whose columns it is found by."""
    by = dict(join.on)
    named = [by[column] for column in join.table.key]
    many, prefix = start_of(root, joins, join)
    own = tuple(each if isinstance(each, Constant) else each.removeprefix(prefix) for each in named)
    return Edge(many, join.table, own)


def start_of(root: Table, joins: Iterable[Joined], join: Joined) -> tuple[Table, str]:
    """The table of the row from which a join leads on, and how its columns' names begin in the flat row."""
    for each in joins:
        if any(isinstance(origin, str) and origin in _names(each) for _, origin in join.on):
            return each.table, f"{each.alias}."
    return root, ""


def _names(join: Joined) -> frozenset[str]:
    return frozenset(join.name(column.name) for column in join.table.columns)


def _source(table: Table, name: str | Constant) -> Source:
    if isinstance(name, Constant):
        return name
    column = table.column(name)
    assert column is not None, "the mapping was compiled against this table"
    return column


def _declared(kept: Kept) -> list[list[str]]:
    named = {column.name: column for column in kept.table.columns}
    return [[name, named[name].type.value, named[name].declared] for name in kept.columns]
