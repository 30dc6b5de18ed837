"""A legacy database of each kind that can be fenced, with the tables of one function, as its users and as Strangler see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import yaml

from strangler.configuration import load
from strangler.control.store import Control
from strangler.cutover.kept import Kept
from strangler.cutover.moving import Moving
from strangler.cutover.stages import EVERYONE
from strangler.fencing.fence import take_down
from strangler.settings import Settings

TABLES = (
    "CREATE TABLE party (id INTEGER PRIMARY KEY, name VARCHAR(80), company INTEGER NOT NULL)",
    "CREATE TABLE party_line (id INTEGER PRIMARY KEY, party INTEGER NOT NULL, text VARCHAR(80))",
    "INSERT INTO party VALUES (1, 'Ann', 1000), (2, 'Bob', 2000)",
    "INSERT INTO party_line VALUES (1, 1, 'x')",
)


@dataclass
class Legacy:
    """`kind` is that of the connector, `url` as its configuration has it."""

    kind: str
    url: str
    home: Path

    @contextmanager
    def connection(self, user: str = "") -> Iterator[Any]:
        """Of the ERP's user, or the owner; not in autocommit."""
        with closing(_connect(self.kind, self.url, user)) as connection:
            yield connection

    def run(self, *statements: str, user: str = "") -> list[tuple[Any, ...]]:
        """Run the statements in one transaction; the rows of the last."""
        with self.connection(user) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
            return rows

    def refusal(self, *statements: str, user: str = "") -> str:
        """What the database says against these statements; empty when it runs them."""
        try:
            self.run(*statements, user=user)
        except (psycopg.Error, pymysql.Error, sqlite3.Error) as error:
            return str(error)
        return ""

    @contextmanager
    def moving(self, control: Control, cohort: str = EVERYONE, **function: Any) -> Iterator[Moving]:
        """The function, or a cohort of it, as it is moved with this configuration."""
        settings = self.settings(**function)
        with closing(Kept(settings, "party")) as kept:
            yield Moving(settings, control, "party", cohort, kept)

    def take_down(self, control: Control, cohort: str = EVERYONE) -> None:
        """The fence."""
        with self.moving(control, cohort) as moving:
            take_down(moving)

    def settings(self, **function: Any) -> Settings:
        """A configuration with the function `party`."""
        party: dict[str, Any] = {"table": "party", "key": "id", "fields": {"id": "id", "name": "name"}}
        party["fields"]["company"] = "company"
        said = {
            "sources": {"erp": {"kind": self.kind, "url": self.url}},
            "stores": {"new": {"url": f"sqlite:///{self.home}/new.db"}},
            "functions": {
                "party": {"source": "erp", "store": "new", "entities": {"party": party}} | function
            },
        }
        path = self.home / "strangler.yaml"
        path.write_text(yaml.safe_dump(said))
        return load(path)


def made(kind: str, url: str, home: Path) -> Legacy:
    """The database with its tables."""
    legacy = Legacy(kind, url, home)
    if kind == "sqlite":
        Path(urlsplit(url).path).touch()
    legacy.run(*TABLES)
    if kind == "postgres":
        legacy.run("ALTER TABLE party REPLICA IDENTITY FULL")
    return legacy


def _connect(kind: str, url: str, user: str) -> Any:
    if kind == "sqlite":
        return sqlite3.connect(urlsplit(url).path, timeout=1)
    if kind == "postgres":
        connection = psycopg.connect(url)
        if user:
            connection.execute(f'SET ROLE "{user}"')
        return connection
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=user or parts.username,
        password="secret" if user else parts.password or "",
        database=parts.path.lstrip("/"),
    )
