"""The commands as a user types them: what they print, how they end, and that a mistake changes nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.changes import Change, Operation, Position
from strangler.cli.cutover import Narrator
from strangler.cli.main import root
from strangler.control import ledger, quarantine, standings
from strangler.control.quarantine import Held, State
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.journal import Intent, Step
from strangler.cutover.stages import Side, Stage
from strangler.cutover.ways import WAYS, Way
from strangler.quarantine import encode_change

CONFIGURATION = """
sources:
  erp: {kind: sqlite, url: "sqlite:///erp.db"}
stores:
  new: {url: "sqlite:///new.db"}
functions:
  party:
    title: Business partners
    source: erp
    store: new
    service: {url: "http://127.0.0.1:1"}
    entities:
      party: {table: party_party, key: id, fields: {id: id}}
"""

Strangler = Callable[..., Result]


@pytest.fixture
def strangler(tmp_path: Path) -> Strangler:
    """Runs a command with a small configuration."""
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)

    def run(*arguments: str, input: str | None = None) -> Result:
        result = CliRunner(env={"COLUMNS": "140"}).invoke(
            root, ["--config", str(path), *arguments], input=input
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Control]:
    """The control store of that configuration."""
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        yield control


def test_stages_explains_every_stage(strangler: Strangler) -> None:
    output = strangler("stages").output
    assert all(stage in output for stage in Stage)
    (live,) = [line for line in output.splitlines() if line.strip().startswith("live")]
    assert "store → legacy, where the function has" in live


def test_status_shows_each_function_and_what_is_in_its_way(strangler: Strangler) -> None:
    assert "→ syncing" in strangler("status").output
    strangler("advance", "party")
    assert "✗ backfill (+3): the backfill of party hasn't begun" in strangler("status").output
    (found,) = json.loads(strangler("status", "--json").output)
    assert (found["function"], found["title"], found["stage"]) == ("party", "Business partners", "syncing")
    assert found["blocking"] == ["backfill", "freshness", "lag", "service"]


def test_status_fits_a_narrow_screen(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    narrow = CliRunner(env={"COLUMNS": "80"})
    narrow.invoke(root, ["--config", str(path), "advance", "party"])
    output = narrow.invoke(root, ["--config", str(path), "status"]).output
    assert "✗ backfill (+3): the backfill of party" in output
    assert max(map(len, output.splitlines())) <= 80
    assert "…" not in output


@pytest.mark.parametrize("width", [80, 120])
def test_plan_fits_its_screen_and_its_lines_stand_below_each_other(tmp_path: Path, width: int) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    output = CliRunner(env={"COLUMNS": str(width)}).invoke(root, ["-c", str(path), "plan", "party"]).output
    steps = output[: output.index("the switch:")].splitlines()
    assert max(map(len, steps)) <= width
    assert "…" not in output
    margins = {line[:5] for line in steps[1:] if line.strip()}
    assert margins == {"     ", *(f"  {number}. " for number in range(1, 8))}
    beside = [line for line in steps if "backfill" in line and "0 / 1" in line]
    assert bool(beside) == (width == 120), "figure and limit stand beside the words where there is room"
    assert "writes wait up to 0.5 s for the switch, then are answered 503" in " ".join(output.split())


def test_plan_shows_the_whole_way_and_changes_nothing(strangler: Strangler, store: Control) -> None:
    output = strangler("plan", "party").output
    positions = [
        output.index(f"{number}. {stage}")
        for number, stage in enumerate(["syncing", "shadow", "canary 5%"], 1)
    ]
    assert positions == sorted(positions)
    assert "can't be undone" in output
    assert "doesn't see" in output
    assert "INSERT OR REPLACE" in output
    steps = json.loads(strangler("plan", "party", "--json").output)["steps"]
    assert [step["to"]["stage"] for step in steps] == [
        "syncing",
        "shadow",
        *["canary"] * 4,
        "live",
        "retired",
    ]
    assert standings.generation(store) == 0
    assert ledger.entries(store) == []


def test_plan_and_dry_run_say_each_step_of_the_switch_and_what_it_runs_in_legacy(
    strangler: Strangler, store: Control, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "erp.db")) as legacy:
        legacy.execute("CREATE TABLE party_party (id INTEGER PRIMARY KEY)")
    path = tmp_path / "strangler.yaml"
    path.write_text(
        path.read_text().replace("    store: new\n", "    store: new\n    fence: {by: trigger}\n")
    )
    output = strangler("plan", "party").output
    found = json.loads(strangler("plan", "party", "--json").output)["steps"]
    told = {step["to"]["stage"]: step["switch"] for step in found}
    assert [stage for stage, switch in told.items() if switch] == ["live", "retired"]
    assert all(each["does"] in output for each in told["live"] + told["retired"])
    (fenced,) = [each for each in told["live"] if each["statements"]]
    assert fenced["step"] == "legacy fenced"
    assert sum("CREATE TRIGGER" in statement for statement in fenced["statements"]) == 3
    shown = [line.strip() for line in output.splitlines()]
    assert all(line.strip() in shown for each in fenced["statements"] for line in each.splitlines())
    standings.amend(store, "party", at=1.0, stage=Stage.LIVE, owner=Side.NEW, weight=10_000)
    assert "new has nothing that legacy hasn't" in strangler("rollback", "party", "--dry-run").output
    planned = json.loads(strangler("plan", "party", "--json").output)["steps"]
    assert [bool(step["switch"]) for step in planned] == [True], "only the retirement is left"


def test_plan_lists_what_has_no_way_back_and_what_would_stay_empty(
    strangler: Strangler, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "erp.db")) as legacy:
        legacy.execute(
            "CREATE TABLE party_party (id INTEGER PRIMARY KEY, name TEXT, code TEXT NOT NULL, active BOOLEAN)"
        )
    path = tmp_path / "strangler.yaml"
    fields = "{id: id, title: TRIM(name), size: LENGTH(code), on: {value: active, reverse: false}}"
    path.write_text(path.read_text().replace("fields: {id: id}", f"fields: {fields}"))
    output = " ".join(strangler("plan", "party").output.split())
    assert "Back to legacy, party" in output
    assert "size has no way back: it says how long a text is, not which" in output
    assert "on has no way back: `reverse: false`" in output
    assert "title: legacy may get another value" in output
    assert "party_party: code would stay empty" in output
    assert json.loads(strangler("plan", "party", "--json").output)["returning"] == {
        "party": {
            "lost": {"size": "it says how long a text is, not which", "on": "`reverse: false`"},
            "through": {},
            "respelled": ["title"],
            "empty": ["code"],
        }
    }


def test_plan_says_so_when_legacy_cannot_be_looked_at(strangler: Strangler) -> None:
    assert "Back to legacy couldn't be checked:" in strangler("plan", "party").output
    planned = json.loads(strangler("plan", "party", "--json").output)
    assert planned["returning"] is None
    assert planned["unchecked"]


def test_advance_moves_or_refuses_with_exit_1_and_the_reasons(strangler: Strangler, store: Control) -> None:
    moved = strangler("advance", "party", "--as", "eva@office")
    assert (moved.exit_code, "party: legacy → syncing" in moved.output) == (0, True)
    refused = strangler("advance", "party")
    assert refused.exit_code == 1
    assert "4 of 4 gates don't pass on the way to shadow" in refused.output
    assert "freshness is inconclusive: source erp was never heard of" in refused.output
    assert standings.of(store, "party").stage is Stage.SYNCING
    assert ledger.entries(store)[0].actor == "eva@office (claimed)"


def test_rollback_goes_back_with_its_reason_on_the_ledger(strangler: Strangler, store: Control) -> None:
    strangler("advance", "party")
    assert "legacy stays the owner" in strangler("rollback", "party", "--dry-run").output
    assert strangler("rollback", "party", "--reason", "too early").exit_code == 0
    assert ledger.entries(store)[-1].body["reason"] == "too early"
    assert standings.of(store, "party").stage is Stage.LEGACY
    assert strangler("rollback", "party").exit_code == 1


def test_hold_and_release(strangler: Strangler) -> None:
    assert strangler("hold", "party", "--reason", "period close").exit_code == 0
    assert "paused: period close" in strangler("status").output
    assert "period close" in strangler("advance", "party").output
    assert strangler("release", "party").exit_code == 0
    assert strangler("advance", "party").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["advance", "partie"], "did you mean 'party'?"),
        (["plan", "partie"], "did you mean 'party'?"),
        (["advance", "party", "--to", "lve"], "is not one of"),
        (["advance", "party", "--weight", "7"], "write a percentage like 25%"),
        (["advance", "party", "--weight", "x%"], "write a percentage like 25%"),
        (["hold", "party"], "Missing option '--reason'"),
        (["quarantine", "retry", "party"], "name ENTITY and KEY, or give --all"),
        (["quarantine", "drop", "party"], "name ENTITY and KEY, or give --all"),
        (["quarantine", "show", "party", "partie", "[1]"], "did you mean 'party'?"),
    ],
)
def test_a_mistake_is_said_in_words_with_exit_2_and_changes_nothing(
    strangler: Strangler, store: Control, arguments: list[str], words: str
) -> None:
    result = strangler(*arguments)
    assert (result.exit_code, words in result.output) == (2, True), result.output
    assert (standings.generation(store), ledger.entries(store)) == (0, [])


def test_every_command_first_ends_a_switch_whose_process_is_gone(
    strangler: Strangler, store: Control
) -> None:
    before = standings.amend(store, "party", at=1.0, stage=Stage.CANARY, weight=500)
    with store.begin():
        intent = Intent("party", "*", Stage.LIVE, 10_000, "max@host", "", [])
        journal.begin(store, intent, before, Step.FENCED, at=time.time() - 60)
        standings.amend(store, "party", at=1.0, fenced=True)
    result = strangler("status")
    assert "recovered: the interrupted switch of party to new was undone" in result.output
    assert not standings.of(store, "party").fenced


def test_who_interrupts_a_command_is_told_what_became_of_its_switch(
    strangler: Strangler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        error = KeyboardInterrupt()
        error.add_note("the switch of party to new was undone; legacy owns it as before")
        raise error

    monkeypatch.setattr("strangler.cli.cutover._recover", interrupted)
    result = strangler("advance", "party")
    assert result.exit_code == 130
    assert result.output == "interrupted\nthe switch of party to new was undone; legacy owns it as before\n"


def test_quarantine_is_listed_shown_and_marked(strangler: Strangler, store: Control) -> None:
    assert "nothing waits" in strangler("quarantine", "list").output
    update = Change(
        Position("1"), "party_party", Operation.UPDATE, {"name": "Lodz", "age": 7}, {"name": "Łódź", "age": 7}
    )
    change = encode_change(update)
    for key, position in (("[1]", "1"), ("[1]", "2"), ("[2]", "3")):
        quarantine.hold(store, [Held("party", "party", key, Position(position), "bad date", change, 1.0)])
    listed = strangler("quarantine", "list", "party").output
    assert "bad date" in listed
    assert "2 keys wait in all" in listed
    assert len(json.loads(strangler("quarantine", "list", "--json").output)) == 3
    shown = strangler("quarantine", "show", "party", "party", "[1]").output
    assert "2 changes of party.party [1] in quarantine, 1 change behind the first" in shown
    assert 'name = "Łódź" (was "Lodz")' in shown
    assert "update of party_party at 2" in shown or "update of party_party at 1" in shown
    assert "2 changes will be tried again" in strangler("quarantine", "retry", "party", "party", "[1]").output
    assert [held.state for held in quarantine.take(store)] == [State.RETRY, State.RETRY]
    assert strangler("quarantine", "drop", "party", "--all", input="n\n").exit_code == 1
    assert strangler("quarantine", "drop", "party", "--all", "--yes").exit_code == 0
    assert {held.state for held in quarantine.take(store)} == {State.DROP}
    missing = strangler("quarantine", "show", "party", "party", "[9]")
    assert (missing.exit_code, "nothing waits in quarantine for key [9]" in missing.output) == (1, True)


def test_db_upgrades_shows_and_checks_the_control_store(strangler: Strangler, tmp_path: Path) -> None:
    assert "revision none" in strangler("db", "current").output
    assert strangler("db", "check").exit_code == 1
    assert "upgraded to revision 0001" in strangler("db", "upgrade").output
    assert "already at revision 0001" in strangler("db", "upgrade").output
    check = strangler("db", "check")
    assert (check.exit_code, "as it must be" in check.output) == (0, True)


def test_a_control_store_that_cannot_be_reached_is_said_in_words(
    tmp_path: Path, strangler: Strangler
) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION + '\ncontrol: {url: "postgresql://me:hunter2@127.0.0.1:1/control"}\n')
    result = strangler("status")
    assert (result.exit_code, "doesn't answer" in result.output) == (2, True), result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize("way", list(Way))
def test_a_switch_is_told_in_the_words_of_its_plan(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator(back=way is Way.TO_LEGACY)
    for action in WAYS[way]:
        narrator(action.step, False)
        narrator(action.step, True)
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(" ms  ")[2] for line in told] == [action.does for action in WAYS[way]]
