"""Ledgers: the legacy side's figures as a SELECT of the user's, which goes around the mapping and so proves that too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any, NamedTuple

from strangler.errors import StranglerError, Unavailable
from strangler.mapping.canonical import plain, text_of
from strangler.mapping.legacy import quoted
from strangler.ports import ChangeSource, SqlSide
from strangler.reconcile.balances.declared import COUNT, Balance
from strangler.reconcile.balances.groups import Amount, Group, amount
from strangler.shapes import FieldType


class Wrong(NamedTuple):
    """What is wrong with a ledger, and what would do."""

    what: str
    instead: str


def ledger_groups(balance: Balance, dialect: str, side: SqlSide) -> Iterator[Group]:
    """What the SELECT gives, in its own order; maybe several rows of one group."""
    return (_group(balance, row) for row in side.rows(_sql(balance, dialect)))


def wrong_ledger(balance: Balance, source: ChangeSource) -> Wrong | None:
    """What the legacy database says against the balance's SELECT, if there is one; it is asked for no rows. Raises Unavailable."""
    if balance.ledger is None:
        return None
    with closing(source.reader()) as reader:
        try:
            for _ in reader.rows(f"{_sql(balance, reader.dialect)} WHERE 1 = 0"):
                pass
        except Unavailable:
            raise
        except StranglerError as error:
            columns = ", ".join(_columns(balance))
            return Wrong(error.why or error.what, f"one SELECT that gives the columns {columns}")
    return None


def _columns(balance: Balance) -> list[str]:
    return [*balance.dimensions, *balance.names, *([COUNT] if balance.count else [])]


def _sql(balance: Balance, dialect: str) -> str:
    """The columns that count, in their order. Inside of another SELECT nothing but a SELECT can stand."""
    assert balance.ledger is not None
    selected = ", ".join(quoted(name, dialect) for name in _columns(balance))
    return f"SELECT {selected} FROM ({balance.ledger.strip().rstrip(';')}\n) {quoted('ledger', dialect)}"


def _group(balance: Balance, row: tuple[Any, ...]) -> Group:
    by = balance.figures.by
    key = tuple(_text(each.node.type, value) for each, value in zip(by, row, strict=False))
    amounts = row[len(by) : len(by) + len(balance.names)]
    return Group(key, int(row[-1] or 0) if balance.count else 0, tuple(map(_amount, amounts)))


def _text(kind: FieldType, value: Any) -> str | None:
    """The canonical text of a dimension, as the driver of whatever database gives it."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if kind is FieldType.BOOLEAN and value is not None:
        value = bool(value)
    return text_of(plain(value))


def _amount(value: Any) -> Amount:
    """The figure, as the driver of whatever database gives it; a sum of no rows is nothing."""
    return amount(value if isinstance(value, float) else Decimal(value or 0))
