"""The example's clerk: what it changes stays consistent, as SAP's own transactions leave it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from click.testing import CliRunner

from examples.sap import generate, work
from examples.sap.database import Database
from examples.sap.tables import CLIENT
from examples.sap.work import Clerk
from strangler.errors import Refused


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def sap(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A small SAP."""
    with closing(Database(request.getfixturevalue(request.param))) as database:
        generate.fill(database, 1_000, seed=1)
        yield database


def test_all_kinds_of_work_are_done_and_nothing_is_left_behind(sap: Database) -> None:
    clerk = Clerk(sap)
    done = Counter(clerk.step() for _ in range(200))
    assert len(done) == 13, done
    orphans = sap.all(
        "SELECT count(*) FROM vbep e LEFT JOIN vbap p ON p.mandt = e.mandt AND p.vbeln = e.vbeln AND p.posnr = e.posnr "
        "LEFT JOIN vbak k ON k.mandt = p.mandt AND k.vbeln = p.vbeln WHERE p.vbeln IS NULL OR k.vbeln IS NULL"
    )
    wrong = sap.all(
        "SELECT k.vbeln, k.netwr FROM vbak k LEFT JOIN vbap p ON p.mandt = k.mandt AND p.vbeln = k.vbeln AND p.abgru = ' ' "
        "WHERE k.mandt = %s GROUP BY k.vbeln, k.netwr HAVING k.netwr <> coalesce(sum(p.netwr), 0)",
        CLIENT,
    )
    mixed = sap.all(
        "SELECT count(*) FROM vbak k JOIN vbap p ON p.mandt = k.mandt AND p.vbeln = k.vbeln WHERE p.waerk <> k.waerk"
    )
    assert (orphans, wrong, mixed) == ([(0,)], [], [(0,)])


def test_the_same_seed_does_the_same_work(postgres_url: str, mariadb_url: str) -> None:
    def worked(url: str) -> list[object]:
        with closing(Database(url)) as database:
            generate.fill(database, 300, seed=1)
            clerk = Clerk(database, seed=2)
            for _ in range(60):
                clerk.step()
            return database.all("SELECT * FROM vbap ORDER BY mandt, vbeln, posnr")

    assert worked(postgres_url) == worked(mariadb_url)


def test_there_has_to_be_something_to_work_on(postgres_url: str) -> None:
    with closing(Database(postgres_url)) as database:
        database.make_tables()
        with pytest.raises(Refused, match="nothing to work on"):
            Clerk(database)


def test_the_command_says_what_it_did(postgres_url: str) -> None:
    with closing(Database(postgres_url)) as database:
        generate.fill(database, 200, seed=1)
    result = CliRunner().invoke(work.main, ["--url", postgres_url, "--steps", "20"])
    assert result.exit_code == 0, result.output
    assert sum(int(line.split()[0]) for line in result.output.splitlines()) == 20
