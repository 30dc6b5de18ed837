"""Twins: one table of 8 columns in a legacy database and in a store on PostgreSQL, filled by the databases themselves.

The store's table is made by Strangler. Its money has two digits and its moments whole seconds, as the legacy table has them: reladiff
compares as many digits as both sides declare, and would leave out the cents of a plain `numeric`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pymysql
import yaml
from sqlalchemy.engine import make_url

from benchmarks import partners
from strangler import assembly, urls
from strangler.configuration import load
from strangler.settings import Settings

FUNCTION, TABLE, KEY = "partners", "partner", "id"

COLUMNS: Final = ("id", "number", "name", "city", "credit", "discount", "since", "changed")

_POSTGRES: Final = f"""
    CREATE TABLE {TABLE} (
        id bigint PRIMARY KEY, number varchar(10) NOT NULL, name varchar(80) NOT NULL, city varchar(80), credit numeric(16,2) NOT NULL,
        discount bigint NOT NULL, since date NOT NULL, changed timestamp(0) NOT NULL
    )
"""

_MARIADB: Final = _POSTGRES.replace("numeric", "decimal").replace("timestamp(0)", "datetime")

_FILL: Final = f"""
    INSERT INTO {TABLE} ({", ".join(COLUMNS)})
    SELECT i, lpad(i::text, 10, '0'), 'Partner ' || i || ' Łódź', 'City ' || i % 311, (i % 1000003) / 100.0, i % 40,
           date '2001-01-01' + (i % 9000)::int, timestamp '2026-01-01' + i * interval '1 second'
    FROM generate_series(1, {{rows}}) AS i
"""

_FILL_MARIADB: Final = f"""
    INSERT INTO {TABLE}
    SELECT seq, lpad(seq, 10, '0'), concat('Partner ', seq, ' Łódź'), concat('City ', seq % 311), (seq % 1000003) / 100.0, seq % 40,
           date '2001-01-01' + interval (seq % 9000) day, timestamp '2026-01-01 00:00:00' + interval seq second
    FROM seq_1_to_{{rows}}
"""

_FITTED: Final = (
    f"ALTER TABLE {TABLE} ALTER credit TYPE numeric(16,2), ALTER changed TYPE timestamp(0),"
    " ALTER _position SET DEFAULT '00000000FFFFFFFF/00000000'"  # as a backfill would have left it
)

_STRAY: Final = (
    f"UPDATE {TABLE} SET credit = credit + 0.01 WHERE id = {{rows}} / 7",
    f"UPDATE {TABLE} SET name = upper(name) WHERE id = {{rows}} / 3",
    f"UPDATE {TABLE} SET changed = changed + interval '1 hour' WHERE id = {{rows}} / 2",
    f"DELETE FROM {TABLE} WHERE id = {{rows}} / 5",
    f"INSERT INTO {TABLE} ({', '.join(COLUMNS)})"
    f" SELECT {{rows}} + 1, {', '.join(COLUMNS[1:])} FROM {TABLE} WHERE id = 1",
)
"""What becomes of five rows of the store."""


class Twins:
    """Both databases, by their URLs. `keys` are those that differ."""

    def __init__(self, home: Path, legacy: str, store: str, rows: int) -> None:
        self.legacy, self.store, self.rows = legacy, store, rows
        self.keys: set[int] = set()
        self.path = _described(home, legacy, store)
        self.settings: Settings = load(self.path)
        self._fill()

    def stray(self) -> None:
        """Let five rows of the store go their own way."""
        partners.execute(
            self.store, *(each.format(rows=self.rows) for each in _STRAY), f"VACUUM ANALYZE {TABLE}"
        )
        self.keys = {*(self.rows // part for part in (2, 3, 5, 7)), self.rows + 1}

    def _fill(self) -> None:
        fill = _FILL.format(rows=self.rows)
        settle = (f"VACUUM ANALYZE {TABLE}", "CHECKPOINT")
        if of_mariadb(self.legacy):
            for statement in (_MARIADB, _FILL_MARIADB.format(rows=self.rows), f"ANALYZE TABLE {TABLE}"):
                asked(self.legacy, statement)
        else:
            partners.execute(self.legacy, _POSTGRES, fill, *settle)
        with closing(assembly.source(self.settings, "legacy")) as source:
            (mapping,) = assembly.mappings(self.settings, FUNCTION, source)
        with closing(assembly.store(self.settings, "store")) as store:
            store.prepare([mapping.shape])
        partners.execute(self.store, _FITTED, fill, *settle)


def of_mariadb(url: str) -> bool:
    return urls.kind(url) == "mariadb"


def asked(url: str, statement: str) -> Sequence[Any] | None:
    """The first row that MariaDB answers."""
    parts = make_url(url)
    connection = pymysql.connect(
        host=parts.host, port=parts.port or 3306, user=parts.username, password=str(parts.password or ""),
        database=parts.database, charset="utf8mb4", autocommit=True,
    )  # fmt: skip
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)
        row: Sequence[Any] | None = cursor.fetchone()
        return row


def _described(home: Path, legacy: str, store: str) -> Path:
    """The file that tells Strangler of both."""
    kind = "mysql" if of_mariadb(legacy) else "postgres"
    entity = {"table": TABLE, "key": KEY, "fields": {name: name for name in COLUMNS}}
    document = {
        "name": "bench",
        "control": {"url": f"sqlite:///{home}/control.db"},
        "sources": {"legacy": {"kind": kind, "url": legacy}},
        "stores": {"store": {"url": store}},
        "functions": {FUNCTION: {"source": "legacy", "store": "store", "entities": {TABLE: entity}}},
    }
    path = home / "strangler.yaml"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        yaml.safe_dump(document, file)
    return path
