"""Mending: make the tables of one aggregate equal to those of another by touching only the rows that differ.

A table stays the service's: with its indexes, rights, views and whatever refers to it, all of which would be lost if another
one took its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from strangler.mapping.canonical import quote
from strangler.ports import Mended
from strangler.shapes import Field
from strangler_adapters.sql_layout import POSITION, Layout, quoted
from strangler_adapters.sql_session import Transaction

Differs = Callable[[Field, str, str], str]
"""The condition that two columns of a field are not the same to the byte, NULL being equal to NULL: as a database writes it."""


def mend(transaction: Transaction, pairs: Sequence[tuple[Layout, Layout]], differs: Differs) -> Mended:
    """Make the first table of each pair equal to the second. The pairs are the parts of an aggregate, parents first: what refers to a
    parent in the database goes before it and comes after it."""
    removed = sum(transaction.change(_removal(*pair)) for pair in reversed(pairs))
    changed = added = 0
    for live, beside in pairs:
        each = [transaction.change(statement) for statement in _statements(live, beside, differs)]
        changed += each[0]
        added += each[-1]
    return Mended(removed, changed, added)


def _removal(live: Layout, beside: Layout) -> str:
    same = live.same_key("t", "b")
    return f"DELETE FROM {live.table} AS t WHERE NOT EXISTS (SELECT 1 FROM {beside.table} AS b WHERE {same})"


def _statements(live: Layout, beside: Layout, differs: Differs) -> Iterator[str]:
    table, other, same = live.table, beside.table, live.same_key("t", "b")
    rest = [field for field in live.shape.fields if field.name not in live.shape.key]
    # Written without another position, a row would count as the service's own; so what differs has none in between.
    if rest:
        differ = " OR ".join(differs(each, f"t.{quote(each.name)}", f"b.{quote(each.name)}") for each in rest)
        yield f"UPDATE {table} AS t SET {POSITION} = NULL FROM {other} AS b WHERE {same} AND ({differ})"
    else:
        yield f"UPDATE {table} SET {POSITION} = NULL WHERE false"
    yield (
        f"UPDATE {table} AS t SET {POSITION} = b.{POSITION} FROM {other} AS b"
        f" WHERE {same} AND t.{POSITION} <> b.{POSITION}"
    )
    names = [*(quote(field.name) for field in rest), POSITION]
    yield (
        f"UPDATE {table} AS t SET {', '.join(f'{name} = b.{name}' for name in names)} FROM {other} AS b"
        f" WHERE {same} AND t.{POSITION} IS NULL"
    )
    columns = f"{quoted(live.names)}, {POSITION}"
    yield (
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {other} AS b"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {same})"
    )
