"""The legacy rows of an aggregate: how they are found by its key, and the statements that write them. Pure.

A key leads back to columns of the root's table; what stands under a row is found by the columns that the mapping joins it by. Values
go by placeholders, save where the mapping's own SELECTs are narrowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

from strangler.changes import Row
from strangler.errors import Untranslatable
from strangler.events import decode_key
from strangler.mapping import EntityMapping
from strangler.mapping.canonical import plain, quoted_text
from strangler.mapping.legacy import quoted, statement, table_of
from strangler.mapping.nodes import columns
from strangler.mapping.origin import PARENT, Joined
from strangler.parts import Part
from strangler.rereading import Statements
from strangler.shapes import Table


class Statement(NamedTuple):
    """SQL with `?` for each value."""

    sql: str
    values: tuple[Any, ...]


def own_key(mapping: EntityMapping) -> tuple[str, ...]:
    """The fields of a part's key that are its own: of a line, without those of what it stands under."""
    above = len(mapping.shape.under.key) if mapping.shape.under else 0
    return mapping.shape.key[above:]


def key_columns(mapping: EntityMapping) -> tuple[str, ...]:
    """The columns of the part's own table that its own key is made of."""
    own = own_key(mapping)
    nodes = [field.node for field in mapping.plan.fields if field.name in own]
    names = dict.fromkeys(column.name for node in nodes for column in columns(node))
    return tuple(name for name in names if mapping.plan.origin.places[name][0] is None)


def by_key(mapping: EntityMapping, data: Mapping[str, Any], dialect: str) -> Row:
    """What the columns of a row's own key are, of the data or of its key alone. Raises Untranslatable."""
    wanted = key_columns(mapping)
    made = mapping.inverse.row({name: data[name] for name in own_key(mapping)}, dialect)
    if not wanted or not all(name in made for name in wanted):
        raise Untranslatable(
            f"the key of {mapping.shape.entity} has no way back",
            why=f"legacy rows are found by {', '.join(wanted) or 'no column of their own'}",
            do="say with `reverse:` of the key's fields what these columns get",
        )
    return {name: made[name] for name in wanted}


def links(mapping: EntityMapping, above: Row) -> Row:
    """What the columns are by which rows of a part are joined to the row `above`. Raises Untranslatable where they aren't its own."""
    found = {}
    for theirs, origin in _parent(mapping).on:
        if not isinstance(origin, str) or mapping.plan.origin.places[origin][0] is not None:
            what = f"{mapping.shape.entity} has no way back"
            raise Untranslatable(
                what, why=f"no column of {mapping.table.name} itself says which {theirs} it is"
            )
        found[origin] = above[theirs]
    return found


def _parent(mapping: EntityMapping) -> Joined:
    return next(join for join in mapping.plan.origin.joins if join.alias == PARENT)


def statements_of(root: EntityMapping, keys: Collection[str], dialect: str) -> Statements:
    """The SELECTs of the legacy rows of the aggregates with these keys, by the columns that the keys lead back to."""
    named = (dict(zip(root.shape.key, decode_key(key), strict=True)) for key in keys)
    found = [by_key(root, data, dialect) for data in named]

    def of(part: Part) -> Iterable[str]:
        prefix = f"{PARENT}." * part.depth
        each = (
            " AND ".join(
                f"{quoted(prefix + name, dialect)} {_is(value, dialect)}" for name, value in row.items()
            )
            for row in found
        )
        yield part.mapping.select(dialect).legacy_sql(" OR ".join(f"({one})" for one in each))

    return of


def finding(mapping: EntityMapping, key: Mapping[str, Any], dialect: str) -> str:
    """The SELECT of the primary key of the root's row with this key of the aggregate. Raises Untranslatable."""
    names = ", ".join(quoted(name, dialect) for name in mapping.table.key)
    each = by_key(mapping, key, dialect).items()
    where = " AND ".join(f"{quoted(name, dialect)} {_is(value, dialect)}" for name, value in each)
    return f"SELECT {names} FROM {_table(mapping.table, dialect)} WHERE {where}"


def told_by(mapping: EntityMapping) -> tuple[str, ...]:
    """The columns of a part's table by which a row of it is known, and what stands under that is found."""
    parents = (_parent(child.mapping) for child in mapping.children)
    return tuple(
        dict.fromkeys((*mapping.table.key, *(theirs for parent in parents for theirs, _ in parent.on)))
    )


def locking(table: Table, wanted: Iterable[str], where: Row, dialect: str) -> Statement:
    """Reads these columns of the rows of which others are so, and keeps others from changing them."""
    names = ", ".join(quoted(name, dialect) for name in wanted)
    lock = "" if dialect == "sqlite" else " FOR UPDATE"  # In SQLite the transaction has the whole file.
    condition, values = _condition(where, dialect)
    return Statement(f"SELECT {names} FROM {_table(table, dialect)} WHERE {condition}{lock}", values)


def inserting(table: Table, row: Row, dialect: str) -> Statement:
    names = ", ".join(quoted(name, dialect) for name in row)
    places = ", ".join("?" * len(row))
    return Statement(f"INSERT INTO {_table(table, dialect)} ({names}) VALUES ({places})", tuple(row.values()))


def updating(table: Table, key: Row, changed: Row, dialect: str) -> Statement:
    assignments = ", ".join(f"{quoted(name, dialect)} = ?" for name in changed)
    condition, values = _condition(key, dialect)
    sql = f"UPDATE {_table(table, dialect)} SET {assignments} WHERE {condition}"
    return Statement(sql, (*changed.values(), *values))


def deleting(table: Table, key: Row, dialect: str) -> Statement:
    condition, values = _condition(key, dialect)
    return Statement(f"DELETE FROM {_table(table, dialect)} WHERE {condition}", values)


def _table(table: Table, dialect: str) -> str:
    return statement(table_of(table), dialect)


def _condition(where: Row, dialect: str) -> tuple[str, tuple[Any, ...]]:
    given = [name for name, value in where.items() if value is not None]
    each = (f"{quoted(name, dialect)} {'= ?' if name in given else 'IS NULL'}" for name in where)
    return " AND ".join(each), tuple(where[name] for name in given)


def _is(value: Any, dialect: str) -> str:
    """`= 7`, `= 'x'`: a literal without a type takes on the column's, whichever that is."""
    match value:
        case None:
            return "IS NULL"
        case bool():
            return f"= {str(value).upper() if dialect == 'postgres' else int(value)}"
        case int() | float():
            return f"= {value!r}"
        case bytes():
            return f"= '\\x{value.hex()}'" if dialect == "postgres" else f"= X'{value.hex()}'"
        case date() | time() | datetime():
            return f"= {quoted_text(str(value))}"
    text = quoted_text(str(plain(value)))
    return "= " + (text.replace("\\", "\\\\") if dialect == "mysql" else text)
