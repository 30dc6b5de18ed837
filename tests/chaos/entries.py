"""Entries: what a clerk does to the partners in one transaction, drawn by dice, and what the book says afterwards. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

SIZES: Final = (1, 1, 1, 1, 2, 5, 30)
LARGE: Final = 400
"""Changes in a transaction: mostly one of `SIZES`, once in a hundred `LARGE`."""

LONG: Final = 3000
"""Bytes of a long note. PostgreSQL stores it out of line, and then doesn't log it with changes that leave it as it was."""

_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


class Partner(NamedTuple):
    """A row of the legacy table, but for its key."""

    name: str
    amount: Decimal
    active: bool
    since: date | None
    changed: datetime | None
    note: str | None


@dataclass(slots=True)
class Entry:
    """One transaction: statements with their values, in order, and what becomes of each key: its row, or None."""

    statements: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    outcome: dict[int, Partner | None] = field(default_factory=dict)


class Book:
    """What one clerk's partners are, as far as committed. Keys are `number`, `number + step`, …, so that clerks don't share any."""

    def __init__(self, number: int, step: int) -> None:
        self.rows: dict[int, Partner] = {}
        self._keys: list[int] = []
        self._next, self._step = number, step

    def fresh_key(self) -> int:
        """A key that was never used, not even by what was rolled back."""
        self._next += self._step
        return self._next

    def any_key(self, dice: Random) -> int | None:
        """A key that is there."""
        while self._keys:
            at = dice.randrange(len(self._keys))
            if self._keys[at] in self.rows:
                return self._keys[at]
            self._keys[at] = self._keys[-1]
            self._keys.pop()
        return None

    def enter(self, entry: Entry) -> None:
        """The entry was committed."""
        for key, row in entry.outcome.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                if key not in self.rows:
                    self._keys.append(key)
                self.rows[key] = row


def draw(dice: Random, book: Book) -> Entry:
    """Something that a clerk might do."""
    entry = Entry()
    for _ in range(LARGE if dice.random() < 0.01 else dice.choice(SIZES)):
        key = book.any_key(dice)
        row = entry.outcome.get(key, book.rows[key]) if key is not None else None
        if key is None or row is None or dice.random() < 0.3:
            insert(entry, book.fresh_key(), any_partner(dice))
        else:
            _alter(dice, entry, book, key, row)
    return entry


def insert(entry: Entry, key: int, row: Partner) -> None:
    """Add the insertion of a row."""
    statement = "INSERT INTO partner (id, name, amount, active, since, changed, note) VALUES (%s, %s, %s, %s, %s, %s, %s)"
    entry.statements.append((statement, (key, *row)))
    entry.outcome[key] = row


def any_partner(dice: Random) -> Partner:
    """A row with some of what is odd in an ERP."""
    number = dice.randrange(1_000_000)
    return Partner(
        dice.choice((f" Łódź O'Neil {number} ", f"Nippon 日本 {number}", "", f'"{number}\\ %s')),
        _amount(dice),
        dice.random() < 0.5,
        dice.choice((None, date(2020, 1, 1) + timedelta(days=dice.randrange(2000)))),
        dice.choice((None, _moment(dice))),
        dice.choice((None, "é" * dice.randrange(50))),
    )


def _alter(dice: Random, entry: Entry, book: Book, key: int, row: Partner) -> None:
    match dice.randrange(5):
        case 0:
            row = row._replace(name=f"{row.name[:200]}!", amount=_amount(dice))
            _update(entry, key, row, "name", "amount")
        case 1:
            row = row._replace(note=dice.randbytes(LONG).hex(), changed=_moment(dice))
            _update(entry, key, row, "note", "changed")
        case 2:
            row = row._replace(active=not row.active)
            _update(entry, key, row, "active")
        case 3:
            entry.statements.append(("DELETE FROM partner WHERE id = %s", (key,)))
            entry.outcome[key] = None
        case _ if len(row.note or "") > LONG:
            # Its new key would come without the note that it had, which is for a person to mend (REPLICA IDENTITY FULL).
            _update(entry, key, row._replace(name="kept"), "name")
        case _:
            moved = book.fresh_key()
            entry.statements.append(("UPDATE partner SET id = %s WHERE id = %s", (moved, key)))
            entry.outcome |= {key: None, moved: row}


def _update(entry: Entry, key: int, row: Partner, *columns: str) -> None:
    values = [getattr(row, column) for column in columns]
    assignments = ", ".join(f"{column} = %s" for column in columns)
    entry.statements.append((f"UPDATE partner SET {assignments} WHERE id = %s", (*values, key)))
    entry.outcome[key] = row


def _amount(dice: Random) -> Decimal:
    return Decimal(dice.randrange(-(10**9), 10**9)) / 100


def _moment(dice: Random) -> datetime:
    return _EPOCH + timedelta(microseconds=dice.randrange(10**14))
