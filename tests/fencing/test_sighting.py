"""A cohort that nobody and nothing knows gets no standing by mistake."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import access_tokens, ledger, standings
from strangler.control.store import Control
from strangler.cutover import approvals
from strangler.cutover.sighting import refuse_unseen
from strangler.cutover.stages import EVERYONE, Stage
from strangler.errors import Refused
from strangler.roles import Role
from strangler.settings import Settings
from tests.fencing.legacies import Legacy, made

COMPANY = {"from": [{"header": "X-Company"}], "of": {"party": "company"}}
STORED = "CREATE TABLE party (id INTEGER PRIMARY KEY, name TEXT, company INTEGER, _position TEXT)"


def refusal(settings: Settings, control: Control, cohort: str) -> Refused:
    with pytest.raises(Refused, match=f"nobody knows party .cohort {cohort}.") as refused:
        refuse_unseen(settings, control, "party", cohort)
    return refused.value


def test_what_a_row_of_legacy_is_of_is_known_and_what_none_is_of_is_refused_with_the_nearest(
    legacy: Legacy, control: Control
) -> None:
    settings = legacy.settings(cohorts=COMPANY)
    for known in (EVERYONE, "1000", "2000"):
        refuse_unseen(settings, control, "party", known)
    error = refusal(settings, control, "10000")
    assert "no row is of it in legacy or in the store" in error.why
    assert "seen are: 1000, 2000" in error.why
    assert "did you mean '1000'?" in error.do
    assert "--new-cohort" in error.do


def test_what_has_a_standing_of_its_own_is_known_and_named_too(legacy: Legacy, control: Control) -> None:
    settings = legacy.settings(cohorts=COMPANY)
    standings.amend(control, "party", "10001", at=1.0, hold="stocktaking")
    refuse_unseen(settings, control, "party", "10001")
    assert "seen are: 1000, 10001, 2000" in refusal(settings, control, "10002").why


def test_what_only_a_row_of_the_store_is_of_is_known(legacy: Legacy, control: Control) -> None:
    settings = legacy.settings(cohorts=COMPANY)
    refusal(settings, control, "3000")
    with closing(sqlite3.connect(legacy.home / "new.db")) as store:
        store.execute(STORED)
        store.execute("INSERT INTO party VALUES (9, 'Eve', 3000, NULL)")
        store.commit()
    standings.amend(control, "party", at=1.0, stage=Stage.SYNCING)
    refuse_unseen(settings, control, "party", "3000")


def test_where_it_can_not_be_told_it_is_refused(legacy: Legacy, control: Control) -> None:
    settings = legacy.settings(cohorts=COMPANY)
    legacy.run("DROP TABLE party")
    assert "whether there is one can't be told" in refusal(settings, control, "1000").why


def test_names_that_are_configured_are_enough(legacy: Legacy, control: Control) -> None:
    legacy.run("DROP TABLE party")
    refuse_unseen(legacy.settings(cohorts=COMPANY | {"names": ["1000"]}), control, "party", "1000")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a configuration of which all cohorts stand in syncing, and the next step waits for approval."""
    home = tmp_path_factory.mktemp("erp")
    steps = [{"to": "syncing"}, {"to": "shadow", "approve": {"count": 1}}]
    made("sqlite", f"sqlite:///{home}/erp.db", home).settings(cohorts=COMPANY, steps=steps)
    with closing(sqlite3.connect(home / "new.db")) as store:
        store.execute(STORED)
    with Control.open(f"sqlite:///{home}/.strangler/control.db") as control:
        standings.amend(control, "party", at=1.0, stage=Stage.SYNCING)
    return home


def run(home: Path, *asked: str, token: str | None = None) -> str:
    runner = CliRunner(env={"STRANGLER_TOKEN": token})
    return runner.invoke(root, ["--config", str(home / "strangler.yaml"), *asked]).output


@pytest.mark.parametrize(
    "command",
    [["advance"], ["rollback"], ["hold", "--reason", "stocktaking"], ["separate"]],
    ids=lambda it: it[0],
)
def test_commands_refuse_it_unless_it_is_meant(home: Path, command: list[str]) -> None:
    asked = [command[0], "party", *command[1:], "--cohort", "9999"]
    with Control.open(f"sqlite:///{home}/.strangler/control.db") as control:
        assert "nobody knows party (cohort 9999)" in run(home, *asked)
        assert standings.cohorts(control, "party") == []
        assert "nobody knows" not in run(home, *asked, "--new-cohort")
        own = standings.cohorts(control, "party")
    assert [each.cohort for each in own] == ([] if command[0] == "advance" else ["9999"])


def test_it_is_not_approved_unless_it_is_meant(home: Path) -> None:
    asked = "approve", "party", "--cohort", "9999"
    with Control.open(f"sqlite:///{home}/.strangler/control.db") as control:
        eva = access_tokens.add(control, name="eva", role=Role.APPROVER, expires_at=None, actor="ida", at=1.0)
        assert "nobody knows party (cohort 9999)" in run(home, *asked, token=eva)
        assert ledger.entries(control, kind=approvals.APPROVED) == []
        assert "eva approves the move of party (cohort 9999)" in run(home, *asked, "--new-cohort", token=eva)
        (entry,) = ledger.entries(control, kind=approvals.APPROVED)
    assert entry.body["cohort"] == "9999"


ASKED: tuple[tuple[str, ...], ...] = (
    ("--cohort", "9999"),
    ("--cohort", "9999", "--new-cohort"),
    ("--cohort", "1000"),
    (),
)


def test_a_plan_says_that_nothing_knows_it(home: Path) -> None:
    told = " ".join(run(home, "plan", "party", "--cohort", "9999").split())
    assert told.startswith("nobody knows party (cohort 9999): no row is of it in legacy or in the store")
    assert "party (cohort 9999) stands in syncing" in told
    known = {each: json.loads(run(home, "plan", "party", "--json", *each))["unknown"] for each in ASKED}
    assert [known[each] and known[each]["what"] for each in ASKED] == [
        "nobody knows party (cohort 9999)",
        None,
        None,
        None,
    ]
