"""What happens in the legacy database: each is one statement, however many rows it is about."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults.table import CREATE, TABLE, filling
from tests.reconcile.landscape import Database


class Legacy:
    """The table in its database."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.kind = self._database.kind

    def create(self, rows: int) -> None:
        """The table, with rows 1 to `rows`."""
        self._database.run(CREATE.format(moment="datetime(6)" if self.kind == "mysql" else "timestamp"))
        self.insert(1, rows)

    def insert(self, first: int, last: int) -> None:
        self._database.run(filling(first, last, self.kind))

    def rename(self, keys: Iterable[int]) -> None:
        """Give these customers another name, and more credit."""
        change = "name = 'Nachfolgerin GmbH', credit = credit + 100"
        self._database.run(f"UPDATE {TABLE} SET {change} WHERE id IN ({_listed(keys)})")

    def remove(self, keys: Iterable[int]) -> None:
        self._database.run(f"DELETE FROM {TABLE} WHERE id IN ({_listed(keys)})")


def _listed(keys: Iterable[int]) -> str:
    return ", ".join(map(str, keys))
