"""A counter in a database: what its last number is, and how it is set. Statements per dialect."""

from __future__ import annotations

from typing import Any

from strangler.errors import Refused
from strangler.mapping.canonical import quoted_text
from strangler.mapping.legacy import quoted
from strangler.ports import Hand
from strangler.settings import Counter


def last(hand: Hand, counter: Counter) -> int:
    """The last number that it may have given; 0 for none. Raises Refused where there is no such counter."""
    if counter.sequence:
        return _sequence(hand, counter.sequence)
    table, column = _name(hand, counter.table), quoted(counter.column or "", hand.dialect)
    if counter.where is None:
        return _number(counter, hand.ask(f"SELECT MAX({column}) FROM {table}"))
    rows = hand.ask(f"SELECT {column} FROM {table} WHERE {counter.where}")
    if len(rows) != 1:
        raise Refused(
            f"{counter} is no counter: {len(rows)} rows of {counter.table} are so",
            do="write a `where` that holds for the one row in which the last number stands",
        )
    return _number(counter, rows)


def setting(hand: Hand, counter: Counter, number: int, *, back: bool = False) -> tuple[str, ...]:
    """The statements after which `number` is the last one that was given; none for the largest number of a table's rows, which the
    rows themselves say. `back`: it may be below the last one, and nobody draws."""
    if counter.sequence:
        set_to = _mysql_back if back and hand.dialect == "mysql" else _SET[hand.dialect]
        return set_to(counter.sequence, number)
    if counter.where is None:
        return ()
    table, column = _name(hand, counter.table), quoted(counter.column or "", hand.dialect)
    ((before,),) = hand.ask(f"SELECT {column} FROM {table} WHERE {counter.where}")
    return (f"UPDATE {table} SET {column} = {_written(before, number)} WHERE {counter.where}",)


def _written(before: Any, number: int) -> str:
    """The number as SQL, padded where the one before was."""
    text = str(before)
    padded = str(number).zfill(len(text)) if text.startswith("0") and len(text) > 1 else str(number)
    return quoted_text(padded) if isinstance(before, str) else padded


def _sequence(hand: Hand, name: str) -> int:
    if hand.dialect == "postgres":
        query = f"SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {_name(hand, name)}"
    elif hand.dialect == "mysql":  # What is cached may have been given.
        query = f"SELECT next_not_cached_value - 1 FROM {_name(hand, name)}"
    else:
        _refuse_other_keys(hand, name)
        query = f"SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = {quoted_text(name)}"
    return int(hand.ask(query)[0][0])


def _refuse_other_keys(hand: Hand, table: str) -> None:
    """SQLite keeps the last number of AUTOINCREMENT keys only."""
    query = f"SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table' AND name = {quoted_text(table)}"
    if hand.ask(query) != [(1,)]:
        raise Refused(
            f"sequence {table} is no counter: SQLite has no table {table} whose key is AUTOINCREMENT",
            do="name one that is, or the table and column whose largest number counts",
        )


def _postgres(name: str, number: int) -> tuple[str, ...]:
    table = quoted_text(".".join(quoted(part, "postgres") for part in name.rsplit(".", 1)))
    return (f"SELECT setval({table}, {max(number, 1)}, {'true' if number > 0 else 'false'})",)


def _mysql(name: str, number: int) -> tuple[str, ...]:
    """MariaDB never sets it back by this. ALTER would wait for whoever drew within an open transaction, and all others who draw for it."""
    return (f"SELECT SETVAL({_in_mysql(name)}, {number})",)


def _mysql_back(name: str, number: int) -> tuple[str, ...]:
    return (f"ALTER SEQUENCE {_in_mysql(name)} RESTART WITH {number + 1}",)


def _in_mysql(name: str) -> str:
    return ".".join(quoted(part, "mysql") for part in name.rsplit(".", 1))


def _sqlite(name: str, number: int) -> tuple[str, ...]:
    """Of a table in which nothing was ever written there is no line yet."""
    table = quoted_text(name)
    return (
        f"DELETE FROM sqlite_sequence WHERE name = {table}",
        f"INSERT INTO sqlite_sequence VALUES ({table}, {number})",
    )


_SET = {"postgres": _postgres, "mysql": _mysql, "sqlite": _sqlite}


def _name(hand: Hand, name: str | None) -> str:
    assert name is not None
    return ".".join(quoted(part, hand.dialect) for part in name.rsplit(".", 1))


def _number(counter: Counter, rows: list[tuple[Any, ...]]) -> int:
    value = rows[0][0]
    try:
        return int(value or 0)
    except ValueError:
        raise Refused(
            f"the last number of {counter} is {value!r}, which is no number",
            do="name a column that holds numbers only",
        ) from None
