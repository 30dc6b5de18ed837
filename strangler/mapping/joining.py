"""Joining: from `join` and `on` as they are written to the origin of an entity's rows, or to what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from strangler.mapping.nodes import BEFORE, Literal, Node, Reference
from strangler.mapping.origin import OWN, PARENT, Constant, Joined, Origin, joinable
from strangler.mapping.problems import Problems
from strangler.mapping.reading import padded
from strangler.names import nearest
from strangler.settings import Joins
from strangler.shapes import Column, FieldType, Table

Tables = Mapping[str, Table]
"""Table as configured → the table: all that joins and children name."""

_TAKEN: Final = (BEFORE, PARENT, OWN)


def joined(origin: Origin, joins: Joins, tables: Tables, problems: Problems) -> Origin:
    """The origin with these joins; those that don't hold are noted and left out."""
    for alias, section in joins.items():
        path = f"join.{alias}"
        if alias in _TAKEN:
            problems.add(path, f"{alias!r} has a meaning of its own here", "another name")
            continue
        other = tables[section.table]
        on = _on(path, section.on, origin, other, problems)
        if on is None:
            continue
        if missing := [name for name in other.key if name not in dict(on)] or not other.key:
            key = f"its primary key is {', '.join(other.key)}" if other.key else "it has no primary key"
            problems.add(
                f"{path}.on",
                f"several rows of {other.name} may be meant: {key}",
                f"a condition for {', '.join(missing)} too"
                if isinstance(missing, list)
                else "a table with one",
            )
            continue
        origin = Origin(origin.root, (*origin.joins, Joined(alias, other, on)))
    return origin


def child_origin(parent: Origin, table: Table, on: Mapping[str, str], problems: Problems) -> Origin | None:
    """The origin of children in `table` of the rows of `parent`, which are joined to them; None: `on` doesn't hold."""
    links: list[tuple[str, str | Constant]] = []
    for written, to in on.items():
        own, theirs = table.column_like(written), parent.root.column_like(to)
        if own is None or theirs is None:
            name, where = (written, table) if own is None else (to, parent.root)
            problems.add("on", f"there is no column {name!r} in {where.name}", _instead(name, where))
            return None
        if not joinable(own.type, theirs.type):
            problems.add(
                "on",
                _unlike(table, own, f"{theirs.name} of {parent.root.name}", theirs.type),
                "other columns",
            )
            return None
        links.append((theirs.name, own.name))
    missing = [name for name in parent.root.key if name not in dict(links)]
    if missing or len(links) > len(parent.root.key):
        problems.add(
            "on",
            f"which row of {parent.root.name} a line belongs to is told by its primary key, {', '.join(parent.root.key)}",
            f"columns of {table.name} for just these",
        )
        return None
    above, *rest = parent.under(PARENT)
    return Origin(
        table,
        (replace(above, on=tuple(sorted(links, key=lambda link: parent.root.key.index(link[0])))), *rest),
    )


def _on(
    path: str, written: Mapping[str, str], origin: Origin, other: Table, problems: Problems
) -> tuple[tuple[str, str | Constant], ...] | None:
    found: list[tuple[str, str | Constant]] = []
    for name, expression in written.items():
        column = other.column_like(name)
        if column is None:
            problems.add(f"{path}.on", f"there is no column {name!r} in {other.name}", _instead(name, other))
            return None
        node = problems.checked(f"{path}.on.{name}", expression, origin.table)
        if node is None:
            return None
        source = _source(node)
        if source is None:
            problems.add(
                f"{path}.on.{name}",
                f"rows are joined by columns as they stand\n    {expression}",
                "a column, or a constant: a text in quotes or a whole number",
            )
            return None
        if not joinable(column.type, node.type):
            problems.add(f"{path}.on.{name}", _unlike(other, column, expression, node.type), "another column")
            return None
        if isinstance(source, Constant) and isinstance(source.value, str) and padded(column):
            source = Constant(
                source.value.rstrip(" ")
            )  # As `=` has CHAR: PostgreSQL alone wouldn't mind the blanks.
        found.append((column.name, source))
    if wrong := _not_of_one_row([source for _, source in found if isinstance(source, str)], origin):
        problems.add(f"{path}.on", *wrong)
        return None
    return tuple(sorted(found, key=lambda pair: _place(other, pair[0])))


def _not_of_one_row(sources: Sequence[str], origin: Origin) -> tuple[str, str] | None:
    """What is wrong where a row isn't found from one other, and what to do: the mirror goes from row to row, both ways."""
    starts = {origin.places[source][0] for source in sources}
    if above := [join.alias for join in starts if join and join.is_above]:
        return (
            f"it leads on from {above[0]}, not from the line",
            "the same join at the parent, and its columns as parent.…",
        )
    if len(starts) > 1:
        where = " and ".join(sorted(join.alias if join else origin.root.name for join in starts))
        return f"it needs columns of several rows, {where}", "columns of one of them, and constants"
    return None


def _place(table: Table, name: str) -> int:
    """The columns of the key in its order, then the others."""
    return table.key.index(name) if name in table.key else len(table.key)


def _source(node: Node) -> str | Constant | None:
    match node:
        case Reference(column=column):
            return column.name
        case Literal(value=str() | int() as value) if not isinstance(value, bool):
            return Constant(value)
    return None


def _instead(name: str, table: Table) -> str:
    names = [each.name for each in table.columns]
    return nearest(name, names) or f"one of its columns: {', '.join(names[:12])}"


def _unlike(table: Table, column: Column, other: str, kind: FieldType) -> str:
    return (
        f"{column.name} of {table.name} is {column.type.value}, and {other} is {kind.value}: they never match"
    )
