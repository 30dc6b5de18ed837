"""The two kinds of legacy database: how the ERP's tables are made there, and what its driver raises when the server is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import pymysql
from sqlalchemy.engine import make_url

PARTNER: Final = ("id", "name", "amount", "active", "since", "changed", "note")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of database. `connect` opens a DB-API connection that doesn't commit by itself; `gone`: the server, or what it was at."""

    create: tuple[str, ...]
    connect: Callable[[str], Any]
    gone: tuple[type[Exception], ...]


def _connect_mariadb(address: str) -> Any:
    url = make_url(address)
    return pymysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=str(url.password or ""), database=url.database,
        charset="utf8mb4", init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", read_timeout=60,
    )  # fmt: skip


def _tables(zoned: str) -> tuple[str, ...]:
    return (
        "CREATE TABLE partner (id bigint PRIMARY KEY, name text, amount numeric(14,2), active boolean NOT NULL, since date,"
        f" changed {zoned}, note text)",
        "CREATE TABLE clerk (id integer PRIMARY KEY, entries bigint NOT NULL)",
    )


POSTGRES: Final = Kind(
    _tables("timestamptz"), psycopg.connect, (psycopg.OperationalError, psycopg.InterfaceError)
)
MARIADB: Final = Kind(
    _tables("timestamp(6) NULL"), _connect_mariadb, (pymysql.OperationalError, pymysql.InterfaceError)
)
