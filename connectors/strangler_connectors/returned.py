"""The table that a writer has in the legacy database: a row for each function, changed first and last in each of its transactions.

`opened` is 1 from the first of these changes to the last, so whoever reads the database's changes knows those between them for returned
ones, also where the log doesn't tell where a transaction ends. `entries` is what the last transaction did. The row is locked for as
long as the transaction goes on, which lets one process at a time write for a function.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import orjson

from strangler.returning.marks import TABLE

CREATE: Final = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (of_function varchar(64) NOT NULL PRIMARY KEY, opened integer NOT NULL,"
    " entries {text} NOT NULL)"
)
"""`text` is a type for texts of any length."""

KNOWN: Final = f"SELECT 1 FROM {TABLE} WHERE of_function = ?"
ADD: Final = f"INSERT INTO {TABLE} (of_function, opened, entries) VALUES (?, 0, '[]')"
OPEN: Final = f"UPDATE {TABLE} SET opened = 1 WHERE of_function = ?"
CLOSE: Final = f"UPDATE {TABLE} SET opened = 0, entries = ? WHERE of_function = ?"
READ: Final = f"SELECT entries FROM {TABLE} WHERE of_function = ?"
REMOVE: Final = f"DELETE FROM {TABLE} WHERE of_function = ?"
OTHERS: Final = f"SELECT 1 FROM {TABLE}"
DROP: Final = f"DROP TABLE IF EXISTS {TABLE}"


def written(entries: Collection[str]) -> str:
    return orjson.dumps(sorted(entries)).decode()


def read(text: str) -> frozenset[str]:
    return frozenset(orjson.loads(text))
