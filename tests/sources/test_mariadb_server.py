"""The private MariaDB: it writes the binlog that connectors need, outlives nobody, and loses nothing when it is killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pymysql
import pytest
from sqlalchemy import make_url

from strangler.errors import Unavailable
from strangler.testing.mariadb import Standing, server

OWNER = """
import sys
from strangler.testing.mariadb import server
with server(sys.argv[1]) as running:
    print(running.pid, flush=True)
    sys.stdin.read()
"""


def ask(url: str, *statements: str) -> list[tuple[object, ...]]:
    parts = make_url(url)
    with closing(
        pymysql.connect(
            host=parts.host, port=parts.port or 3306, user=parts.username, password=parts.password,
            database=parts.database, autocommit=True,
        )
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def test_the_binlog_has_whole_rows_with_names(mariadb: Standing, mariadb_url: str) -> None:
    settings = "SELECT @@log_bin, @@binlog_format, @@binlog_row_image, @@binlog_row_metadata, database()"
    assert ask(mariadb_url, settings) == [(1, "ROW", "FULL", "FULL", mariadb_url.rsplit("/", 1)[1])]


def test_what_was_committed_outlives_a_kill() -> None:
    with server() as running:
        url = running.create_database("a-b")
        ask(url, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
        running.kill()
        running.start()
        assert ask(url, "SELECT id FROM t") == [(1,)]
        running.stop()
        running.start()
        assert ask(url, "SELECT id FROM t") == [(1,)]


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        process = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
        process.wait(10)
    assert not process.is_running()


def test_a_wrong_setting_says_why_it_does_not_start() -> None:
    with pytest.raises(Unavailable, match="no_such_setting"), server(no_such_setting="1"):
        pass
