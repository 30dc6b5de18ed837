"""A function whose cohorts stand on both sides: each row is compared and mended in the direction in which it flows, on real databases."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.control import balances, reconciliations, repairs, standings
from strangler.control.reconciliations import Run, Status
from strangler.control.repairs import State
from strangler.control.shares import Found, Shares
from strangler.cutover import assessment, gates
from strangler.cutover.gates import Verdict
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.errors import ExitCode
from strangler.reconcile import repair, runs
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import reconcile
from strangler.reconcile.showing import account
from tests.reconcile.landscape import file_url
from tests.reconcile.repairs import Migration
from tests.sync.landscape import until

PASS, FAIL = Verdict.PASS, Verdict.FAIL

OF = {"partner": "CASE WHEN id <= 10 THEN 'north' ELSE 'south' END", "sale": "state"}

BALANCES = {
    "partners": {"of": "partner", "sums": {"numbers": "number"}},
    "quantities": {"of": "sale.lines", "sums": {"quantity": "quantity"}},
    "booked": {
        "of": "partner",
        "sums": {"numbers": "number"},
        "legacy": "SELECT SUM(CAST(number AS integer)) AS numbers FROM partner",
    },
}


@pytest.fixture(params=["postgresql-postgresql", pytest.param("sqlite-sqlite", marks=pytest.mark.nightly)])
def migration(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Migration]:
    """Partners of the north and of the south, and sales by their state."""
    if request.param == "sqlite-sqlite":
        made = Migration(
            tmp_path, *(file_url(tmp_path / f"{name}.db") for name in ("legacy", "store")), **SECTION
        )
        yield made
        made.close()
        return
    postgres = request.getfixturevalue("postgres")
    urls = [str(postgres.create_database(_name(side, tmp_path))) for side in ("legacy", "store")]
    made = Migration(tmp_path, *urls, **SECTION)
    yield made
    made.close()
    for url in urls:
        postgres.drop_database(url.rsplit("/", 1)[1])


SECTION: dict[str, Any] = {
    "cohorts": {"from": [{"header": "x-region"}], "of": OF},
    "balances": BALANCES,
}


def _name(side: str, home: Path) -> str:
    return re.sub(r"\W", "_", f"{side}_{os.getpid()}_{home.name}".lower())[-50:]


def live(migration: Migration, *cohorts: str) -> None:
    """New owns these cohorts from now on."""
    for cohort in cohorts:
        standings.amend(migration.control, "sales", cohort, at=time.time(), stage=Stage.LIVE, owner=Side.NEW)


def run(migration: Migration) -> Run:
    """Reconcile everything; the run as it is recorded."""
    found = reconciliations.get(
        migration.control, reconcile(migration.settings, migration.control, Job("sales")).run
    )
    assert found is not None
    return found


def keys(migration: Migration, found: Run) -> set[tuple[str, str]]:
    return {(each.entity, each.key) for each in reconciliations.findings(migration.control, found.id)}


def test_what_new_owns_is_no_drift_and_the_run_says_that_it_was_left_out(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        live(migration, "south", "done")
        migration.new.run(  # as the new service writes
            "UPDATE partner SET name = 'by new', number = 7000, _position = NULL WHERE id = 15",
            "DELETE FROM partner WHERE id = 16",
            "INSERT INTO partner (id, name, number) VALUES (700, 'only in new', 700)",
            "UPDATE sale_lines SET quantity = 99, _position = NULL WHERE code = 's2' AND position = 1",
        )
        found = run(migration)
        assert found.status is Status.DRIFT, "the ledger is of all cohorts, and new's writes aren't in it"
        assert (found.drift, keys(migration, found)) == (0, set())
        assert found.compared == 10 + 4 + 4 * 3
        assert found.left_out == (
            "the rows of cohort done, south were left out, since new owns them",
            "what legacy itself gives for booked is of all cohorts, and was compared with all rows",
        )
        assert found.left_out[0] in account.sentence(account.read(migration.control, found))
        differing = {each.name: each.different for each in balances.of_run(migration.control, found.id)}
        assert differing == {"partners": 0, "quantities": 0, "booked": 1}
        migration.damage("partner", "name = 'wrong'", "id = 4")
        migration.damage("sale_lines", "quantity = 7", "code = 's4' AND position = 1")
        migration.new.run("DELETE FROM partner WHERE id = 5")
        found = run(migration)
        assert keys(migration, found) == {("partner", "[4]"), ("partner", "[5]"), ("sale.lines", '["s4",1]')}
        differing = {each.name: each.different for each in balances.of_run(migration.control, found.id)}
        assert (differing["partners"], differing["quantities"]) == (1, 1)
        mended = migration.repair("sales", "--apply")
        assert mended.return_value is ExitCode.OK, mended.output
        assert run(migration).drift == 0
    named = {
        row[0]: row[1] for row in migration.rows("SELECT id, name FROM partner WHERE id IN (4, 15, 700)")
    }
    assert named == {4: "partner 4", 15: "by new", 700: "only in new"}
    assert migration.rows("SELECT id FROM partner WHERE id = 16") == []


def test_the_rest_of_a_function_is_left_out_too_while_legacy_owns_a_cohort(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        standings.amend(migration.control, "sales", "north", at=time.time(), stage=Stage.SHADOW)
        live(migration, EVERYONE)
        migration.new.run("DELETE FROM partner WHERE id = 15", "DELETE FROM sale WHERE code = 's1'")
        migration.damage("partner", "name = 'wrong'", "id = 4")
        found = run(migration)
    assert keys(migration, found) == {("partner", "[4]")}
    assert found.left_out[0] == (
        "the rows of all that don't move on their own were left out, since new owns them"
    )


def test_each_row_is_repaired_or_not_by_who_owns_its_cohort(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        migration.damage("partner", "name = 'wrong'", "id IN (4)")
        migration.damage("partner", "name = 'wrong'", "id IN (15)")
        migration.new.run("DELETE FROM partner WHERE id IN (5, 16)")
        assert keys(migration, run(migration)) == {("partner", f"[{n}]") for n in (4, 5, 15, 16)}
        live(migration, "south")
        mended = migration.repair("sales", "--apply")
        assert mended.return_value is ExitCode.FAILED
        why = (
            "can't be repaired so: sales (cohort south) is new's, in stage live, so what new has of it counts"
        )
        assert f"partner [15] {why}" in mended.output
        assert f"partner [16] {why}" in mended.output
        assert "2 keys of 4 mended" in mended.output
        assert run(migration).drift == 0
        told = migration.strangler("reconcile", "diff", "--function", "sales")
        assert told.exit_code == ExitCode.UNUSABLE, "what was left out hasn't healed"
        assert "the rows of cohort south were left out, since new owns them" in told.output
        assert "0 healed" in told.output
    assert migration.rows("SELECT name FROM partner WHERE id = 15") == [("wrong",)]


def test_a_cohort_that_new_owns_by_the_time_of_a_repair_is_left_alone(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        position = migration.rows("SELECT _position FROM partner WHERE id = 3")[0][0]
        migration.new.run(
            "DELETE FROM partner WHERE id IN (5, 16)",
            f"INSERT INTO partner (id, name, number, _position) VALUES (99, 'nobody', 1, '{position}')",
        )
        assert keys(migration, run(migration)) == {("partner", f"[{n}]") for n in (5, 16, 99)}
    latest = reconciliations.latest(migration.control, "sales")
    assert latest is not None
    planned = repair.plan(migration.settings, migration.control, latest, max_keys=10)
    asked = repair.ask(migration.control, planned, actor="test", at=1.0)
    live(migration, "south")
    with migration.worker():
        until(
            lambda: all(each.state is not State.ASKED for each in repairs.of(migration.control, asked)),
            "all are decided",
        )
    became = {each.key: each.state for each in repairs.of(migration.control, asked)}
    assert became == {"[5]": State.EMITTED, "[16]": State.LEFT, "[99]": State.LEFT}
    assert migration.rows("SELECT id FROM partner WHERE id IN (16, 99)") == [(99,)]


def verdicts(migration: Migration, cohort: str) -> dict[str, Verdict]:
    """What the gates say of a cohort that go by reconciliations."""
    section = migration.settings.functions["sales"]
    found = assessment.collect(
        migration.control, "sales", section, cohort, probe=assessment.probe, clock=time.time
    )
    results = (gates.drift.check(found, section), *gates.balances.checks(found, section))
    return {each.name: each.verdict for each in results}


def test_what_differs_keeps_its_own_cohort_from_moving_and_what_may_be_anybodys_all(
    migration: Migration,
) -> None:
    alike = dict.fromkeys(("drift", "balances partners", "balances quantities", "balances booked"), PASS)
    with migration.worker():
        migration.fill()
        for cohort in ("north", "south"):
            standings.amend(migration.control, "sales", cohort, at=1.0, stage=Stage.CANARY)
        assert run(migration).shares == Shares(dict.fromkeys((EVERYONE, "north", "south"), Found()))
        assert [verdicts(migration, each) for each in ("north", "south", EVERYONE)] == [alike] * 3

        migration.damage("partner", "name = 'wrong', number = 41", "id = 4")
        migration.new.run("DELETE FROM partner WHERE id = 5")
        found = run(migration)
        assert found.shares == Shares(
            {EVERYONE: Found(), "north": Found(2, 1), "south": Found()}, Found(0, 1)
        ), "a ledger is of all cohorts"
        booked = alike | {"balances booked": FAIL}
        assert verdicts(migration, "north") == booked | {"drift": FAIL, "balances partners": FAIL}
        assert verdicts(migration, "south") == verdicts(migration, EVERYONE) == booked

        migration.damage("sale", "state = 'south'", "code = 's4'")
        told = run(migration).shares.told
        assert told[EVERYONE] == told["south"] == Found(1, 1), "in one cohort here, in another one there"
        assert verdicts(migration, "south") == booked | {"drift": FAIL, "balances quantities": FAIL}

        migration.new.run("INSERT INTO sale_lines (code, position, quantity) VALUES ('s77', 1, 0)")
        found = run(migration)
        assert found.shares.untold.drift == 1, "a line without its sale"
        assert found.shares.untold.unbalanced == found.unbalanced == 3
        assert {verdicts(migration, each)["drift"] for each in ("north", "south", "east")} == {FAIL}


def test_a_cohort_that_changes_hands_meanwhile_makes_a_run_say_nothing(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    with migration.worker():
        migration.fill()
        migration.new.run("DELETE FROM partner WHERE id = 16")
        balanced = runs.compare_balances

        def switched(*given: Any, **more: Any) -> Any:
            live(migration, "south")
            return balanced(*given, **more)

        monkeypatch.setattr(runs, "compare_balances", switched)
        found = run(migration)
    assert found.status is Status.FAILED
    assert "a cohort of sales has changed its owner meanwhile" in (found.reason or "")
