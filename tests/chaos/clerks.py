"""Clerks: the ERP's writers, which survive their database and always know what became of what they wrote.

With each transaction a clerk counts up its own row of the table `clerk`. So when the server is gone in the moment of the commit, that row
tells afterwards whether it was in time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from random import Random
from typing import Any, Final

from tests.chaos.database import Kind
from tests.chaos.entries import Book, Entry, Partner, any_partner, draw, insert

CLERKS: Final = 2

PACE: Final = 0.02
"""Seconds between two transactions of a clerk."""

PATIENCE: Final = 90.0
"""Seconds within which the database must be back."""


class Clerk(threading.Thread):
    """Writes from `start` to `stop`. `book` is what it committed, `entries` in how many transactions, `figures` for people."""

    def __init__(self, number: int, url: str, kind: Kind, seed: int) -> None:
        super().__init__(name=f"clerk {number}", daemon=True)
        self.number, self.entries, self.figures = number, 0, Counter[str]()
        self.book = Book(number, CLERKS)
        self.failure: Exception | None = None
        self._url, self._kind, self._dice = url, kind, Random(f"{seed} {number}")
        self._resting = threading.Event()
        self._connection: Any = None

    def fill(self, rows: int) -> None:
        """Write the first rows, before the work begins."""
        entry = Entry()
        for _ in range(rows):
            insert(entry, self.book.fresh_key(), any_partner(self._dice))
        with self._connected().cursor() as cursor:
            cursor.executemany(entry.statements[0][0], [values for _, values in entry.statements])
            cursor.execute("INSERT INTO clerk (id, entries) VALUES (%s, 0)", (self.number,))
        self._connection.commit()
        self.book.enter(entry)

    def run(self) -> None:
        try:
            while not self._resting.wait(PACE):
                self._work()
        except Exception as error:  # noqa: BLE001 - told by whoever waits for it
            self.failure = error
        finally:
            self._disconnect()

    def rest(self) -> None:
        """End the work, and raise what went wrong in it."""
        self._resting.set()
        self.join(2 * PATIENCE)
        assert not self.is_alive(), f"{self.name} doesn't come to rest"
        if self.failure is not None:
            raise self.failure

    def _work(self) -> None:
        entry, commit = draw(self._dice, self.book), self._dice.random() < 0.9
        try:
            self._write(entry, commit)
            committed = commit
        except self._kind.gone:
            committed = self._found_out()
            self.figures["found committed" if committed else "found rolled back"] += 1
        if committed:
            self.entries += 1
            self.book.enter(entry)
            self.figures["changes"] += len(entry.statements)
        self.figures["transactions" if committed else "rolled back"] += 1

    def _write(self, entry: Entry, commit: bool) -> None:
        connection = self._connected()
        with connection.cursor() as cursor:
            for statement, values in entry.statements:
                cursor.execute(statement, values)
            # Counted by the database, so that an entry which it lost or doubled is never made up for.
            cursor.execute("UPDATE clerk SET entries = entries + 1 WHERE id = %s", (self.number,))
        if commit:
            connection.commit()
        else:
            connection.rollback()

    def _found_out(self) -> bool:
        """Whether the last transaction was committed, asked until the database answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self._disconnect()
            try:
                with self._connected().cursor() as cursor:
                    cursor.execute("SELECT entries FROM clerk WHERE id = %s", (self.number,))
                    (entries,) = cursor.fetchone()
                self._connection.rollback()
            except self._kind.gone:
                assert time.monotonic() < deadline, "the legacy database doesn't come back"
                time.sleep(0.05)
            else:
                assert entries - self.entries in (0, 1), (
                    "the legacy database itself has lost or doubled an entry"
                )
                return bool(entries > self.entries)

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._kind.connect(self._url)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(*self._kind.gone, Exception):
                self._connection.close()
            self._connection = None


class Clerks:
    """All clerks together. A context manager: they work for as long as it lasts."""

    def __init__(self, url: str, kind: Kind, rows: int, seed: int) -> None:
        connection = kind.connect(url)
        with connection.cursor() as cursor:
            for statement in kind.create:
                cursor.execute(statement)
        connection.commit()
        connection.close()
        self._all = [Clerk(number, url, kind, seed) for number in range(CLERKS)]
        for clerk in self._all:
            clerk.fill(rows // CLERKS)

    def __enter__(self) -> Clerks:
        for clerk in self._all:
            clerk.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for clerk in self._all:
            clerk.rest()

    def entries(self) -> dict[int, int]:
        """Clerk → how many transactions it has committed by now, at least."""
        return {clerk.number: clerk.entries for clerk in self._all}

    def partners(self) -> dict[int, Partner]:
        """Key → row, of all books."""
        return {key: row for clerk in self._all for key, row in clerk.book.rows.items()}

    def figures(self) -> dict[str, int]:
        """What was done, in numbers."""
        return dict(sum((clerk.figures for clerk in self._all), Counter[str]()))
