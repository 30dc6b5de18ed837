"""A control store, and a configuration that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from strangler.control.store import Control
from strangler.settings import Database, Settings
from tests.dataplanes.landscape import settings as landscape

FUNCTIONS = ("party", "sale")


@pytest.fixture
def home(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/control.db"


@pytest.fixture
def settings(home: str) -> Settings:
    return configured(home)


def configured(home: str, **more: Any) -> Settings:
    """The functions of these tests, with their control store at this URL."""
    url = "http://127.0.0.1:1"
    made = landscape(url, dict.fromkeys(FUNCTIONS, ()), dict.fromkeys(FUNCTIONS, url), **more)
    return made.model_copy(update={"control": Database(url=SecretStr(home))})


@pytest.fixture
def control(home: str) -> Iterator[Control]:
    with Control.open(home) as opened:
        yield opened


@contextmanager
def out_of_reach(url: str) -> Iterator[None]:
    """The database of the session's PostgreSQL lets nobody in until the end."""
    base, _, name = url.rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as admin:
        let_in = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        admin.execute(let_in.format(sql.Identifier(name), sql.SQL("false")))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            admin.execute(let_in.format(sql.Identifier(name), sql.SQL("true")))
