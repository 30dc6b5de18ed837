"""`strangler reconcile run|list|show|diff`: what is said, in every form, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from typing import Any

import psycopg
import pytest
import yaml

from strangler.changes import Position
from strangler.control import balances, reconciliations
from strangler.control.holders import myself
from strangler.control.reconciliations import Status
from strangler.durations import moment, parse_since
from tests.sync.landscape import until

from .conftest import Make, strangler
from .landscape import Landscape, partners

RUN = ("reconcile", "run", "partners", "--no-confirm")


@pytest.fixture
def drifted(local: Landscape) -> Landscape:
    """Two keys differ, one is missing, one is only in the store."""
    local.new.run(
        "UPDATE partner SET name = '=1+1' WHERE id = 7",
        "UPDATE partner SET name = NULL, credit = -1.5 WHERE id = 9",
        "DELETE FROM partner WHERE id = 8",
        "INSERT INTO partner (id, name) VALUES (1001, 'only here')",
    )
    return local


def as_json(landscape: Landscape, *arguments: str) -> Any:
    return json.loads(strangler(landscape, *arguments, "--format", "json").stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "partner"), "there is no function 'partner'"),
        (("run", "partners", "--all"), "name FUNCTION, or give --all"),
        (("run", "partners", "--entity", "parner"), "did you mean 'partner'?"),
        (("run", "--entity", "partner"), "--entity is one of a FUNCTION"),
        (("run", "partners", "--sample", "10"), "--sample goes with --mode sample"),
        (("run", "partners", "--since", "1h"), "--since goes with --mode recent"),
        (("run", "partners", "--mode", "recent", "--since", "yesterday"), "neither a duration like 1h nor"),
        (("run", "partners", "--mode", "recent", "--since", "2999-01-01"), "in the future"),
        (("run", "partners", "--within", "soon"), "not a duration"),
        (("run", "partners", "--format", "xml"), "xml"),
        (("list", "partner"), "there is no function 'partner'"),
        (("show", "7"), "there is no reconciliation 7"),
        (("show", "latest"), "nothing was ever reconciled"),
        (("show", "newest"), "neither the number of a run nor `latest`"),
        (("diff", "3", "4"), "there is no reconciliation 3"),
        (("diff",), "nothing was ever reconciled"),
    ],
)
def test_a_wrong_call_is_one_clear_message_and_exit_2(
    local: Landscape, arguments: tuple[str, ...], words: str
) -> None:
    result = strangler(local, "reconcile", *arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.split())
    assert reconciliations.listed(local.control) == []


def test_whoever_asks_for_a_run_that_is_not_there_is_told_which_there_are(local: Landscape) -> None:
    strangler(local, *RUN)
    said = strangler(local, "reconcile", "show", "7").output
    assert "1 (partners, clean)" in said


def test_every_function_is_compared_and_the_worst_exit_code_is_given(drifted: Landscape) -> None:
    document = yaml.safe_load(drifted.path.read_text())
    document["functions"]["people"] = deepcopy(document["functions"]["partners"])
    document["functions"]["people"]["entities"]["partner"] |= {"table": "no_such_table", "into": "people"}
    drifted.path.write_text(yaml.safe_dump(document, sort_keys=False))
    result = strangler(drifted, "reconcile", "run", "--no-confirm", "--format", "json")
    assert result.exit_code == 2, "what couldn't be checked may hide anything"
    found = {each["function"]: (each["status"], each["drift"]) for each in json.loads(result.stdout)}
    assert found == {"partners": ("drift", 4), "people": ("failed", 0)}
    said = strangler(drifted, "reconcile", "run", "--all", "--no-confirm").stdout
    assert said.index("partners: drift") < said.index("people: could not check")


def test_the_table_shows_each_field_and_how_many_more_there_are(drifted: Landscape) -> None:
    said = strangler(drifted, *RUN, "--limit", "2").output
    assert "partners: drift, 4 of 51 keys differ" in said
    assert "[1001]" in said
    assert "… and 2 more" in said


def test_json_has_all_that_is_kept(drifted: Landscape) -> None:
    found = as_json(drifted, *RUN)
    assert (found["mode"], found["status"], found["drift"], found["compared"]) == ("full", "drift", 4, 51)
    (entity,) = found["entities"]
    assert [each["key"] for each in entity["differences"]] == ["[1001]", "[7]", "[8]", "[9]"]
    assert found == as_json(drifted, "reconcile", "show", "latest"), (
        "a recorded run is shown as one that has just ended"
    )


def test_csv_has_a_row_for_each_field_and_no_formula(drifted: Landscape) -> None:
    text = strangler(drifted, *RUN, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["key"], row["kind"], row["field"]) for row in rows] == [
        ("[1001]", "extra", ""),
        ("[7]", "different", "name"),
        ("[8]", "missing", ""),
        ("[9]", "different", "credit"),
        ("[9]", "different", "name"),
    ]
    assert json.loads(rows[2]["legacy"])["id"] == 8
    assert [json.loads(row["store"]) for row in rows if row["field"]] == ["=1+1", "-1.5", None]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


def test_the_page_is_written_where_it_is_wanted_and_says_the_verdict_first(drifted: Landscape) -> None:
    path = drifted.path.parent / "out" / "page.html"
    result = strangler(drifted, *RUN, "--format", "html", "--output", str(path))
    assert result.exit_code == 1
    assert f"the reconciliation is in {path}" in result.stderr
    page = path.read_text()
    assert (
        page.index("4 keys differ.") < page.index("The keys that differ") < page.index("How it was checked")
    )
    assert "no: what was on its way counts as different" in page
    assert "src=" not in page, "nothing is loaded from anywhere"


def test_what_a_database_holds_is_text_on_the_page(local: Landscape) -> None:
    local.new.run("UPDATE partner SET name = '<script>alert(1)</script>' WHERE id = 7")
    path = local.path.parent / "page.html"
    strangler(local, *RUN, "--format", "html", "--output", str(path))
    assert "<script>" not in path.read_text()
    assert "&lt;script&gt;" in path.read_text()


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_output_goes_to_a_file_without_colours(drifted: Landscape, form: str) -> None:
    path = drifted.path.parent / "found"
    result = strangler(drifted, *RUN, "--format", form, "--output", str(path))
    assert result.stdout == ""
    assert "[7]" in path.read_text()
    assert "\x1b" not in path.read_text()


def test_past_runs_are_listed(local: Landscape) -> None:
    assert "partners was never reconciled" in strangler(local, "reconcile", "list", "partners").output
    strangler(local, *RUN)
    local.new.run("DELETE FROM partner WHERE id = 8")
    strangler(local, *RUN)
    assert [each["status"] for each in as_json(local, "reconcile", "list")] == ["drift", "clean"]
    assert [each["run"] for each in as_json(local, "reconcile", "list", "--status", "clean")] == [1]
    assert "no reconciliation is failed" in strangler(local, "reconcile", "list", "--status", "failed").output
    rows = csv.DictReader(io.StringIO(strangler(local, "reconcile", "list", "--format", "csv").stdout))
    assert [row["missing"] for row in rows] == ["1", "0"]


def test_invariant_7_a_run_whose_process_is_gone_is_listed_as_incomplete(local: Landscape) -> None:
    run = reconciliations.start(local.control, "partners", mode="full", job={}, at=1.0)
    assert reconciliations.get(local.control, run)
    listed = as_json(local, "reconcile", "list")
    assert [each["status"] for each in listed] == ["incomplete"]
    assert myself() in listed[0]["reason"]
    assert "--resume" in strangler(local, "reconcile", "show", "latest").output


@pytest.mark.parametrize("form", ["table", "json", "html"])
def test_what_is_tolerated_is_shown_with_who_answers_for_it(
    local: Landscape, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    document = yaml.safe_load(local.path.read_text())
    rule = {
        "field": "credit",
        "within": 0.05,
        "owner": "finance",
        "reason": "legacy rounds each line",
        "until": "2999-12-31",
    }
    document["functions"]["partners"]["entities"]["partner"]["tolerances"] = [rule]
    local.path.write_text(yaml.safe_dump(document, sort_keys=False))
    local.new.run("UPDATE partner SET credit = credit + 0.01 WHERE id IN (3, 9)")
    path = local.path.parent / "found"
    result = strangler(local, *RUN, "--format", form, "--output", str(path))
    assert result.exit_code == 0, result.output
    said = path.read_text()
    for expected in ("finance", "legacy rounds each line", "within 0.05", "2999-12-31"):
        assert expected in said
    assert as_json(local, "reconcile", "show", "latest")["tolerated"] == 2


@pytest.mark.parametrize("form", ["table", "json", "html"])
def test_balances_are_shown_with_their_figures(local: Landscape, form: str) -> None:
    run = reconciliations.start(local.control, "partners", mode="full", job={}, at=1.0)
    sides = {"legacy": "30", "store": "29", "difference": "-1"}
    groups = [{"dimensions": {"company": None}, "figures": {"count": sides}}]
    more = {"of": "partner", "unseen": 0, "quarantined": 3, "owner": "finance", "reason": "rounded"}
    outcome = {"balance": "by_company", **more, "differences": groups, "tolerances": groups}
    balances.record(local.control, run, [balances.Balance("by_company", 5, 2, 1, 0, 0, outcome)])
    reconciliations.finish(local.control, run, Status.DRIFT, at=2.0)
    path = local.path.parent / "found"
    strangler(local, "reconcile", "show", "latest", "--format", form, "--output", str(path))
    said = path.read_text()
    for expected in ("by_company", "company=NULL", "-1", "finance"):
        assert expected in said or form == "json"
    if form == "json":
        assert json.loads(said)["balances"] == [outcome]
    else:
        assert "3 keys of partner wait in quarantine" in said
        assert "f the balances 2 groups differ" in said
        assert "1 more" in said


Change = Callable[[Landscape], None]


def heal(landscape: Landscape) -> None:
    landscape.new.run("UPDATE partner SET name = (SELECT name FROM partner WHERE id = 31) WHERE id = 7")


def spoil(landscape: Landscape) -> None:
    landscape.new.run("UPDATE partner SET name = 'x' WHERE id = 11")


@pytest.mark.parametrize(
    ("changes", "exit_code", "newly", "healed", "still"),
    [
        ((), 0, [], [], ["[7]"]),
        ((heal,), 0, [], ["[7]"], []),
        ((spoil,), 1, ["[11]"], [], ["[7]"]),
        ((heal, spoil), 1, ["[11]"], ["[7]"], []),
    ],
)
def test_two_runs_tell_which_keys_are_newly_different_and_which_have_healed(
    local: Landscape,
    changes: tuple[Change, ...],
    exit_code: int,
    newly: list[str],
    healed: list[str],
    still: list[str],
) -> None:
    local.new.run("UPDATE partner SET name = 'x' WHERE id = 7")
    strangler(local, *RUN)
    for change in changes:
        change(local)
    strangler(local, *RUN)
    for arguments in ((), ("2",), ("1", "2"), ("2", "1"), ("latest",), ("--function", "partners")):
        assert strangler(local, "reconcile", "diff", *arguments).exit_code == exit_code
        found = as_json(local, "reconcile", "diff", *arguments)
        assert (found["older"], found["newer"]) == (1, 2)
        told = (found["newly_different"], found["healed"], found["still_different"])
        assert tuple([each["key"] for each in keys] for keys in told) == (newly, healed, still)


def test_keys_that_were_not_kept_are_not_taken_for_healed(local: Landscape) -> None:
    local.new.run("UPDATE partner SET name = 'x'")
    for limit in (100, 3):
        run = reconciliations.start(local.control, "partners", mode="full", job={}, at=1.0)
        part = {"entity": "partner", "different": 5}
        found = [reconciliations.Finding("partner", f"[{n}]", "different", {}) for n in range(min(5, limit))]
        reconciliations.add_findings(local.control, run, found)
        reconciliations.finish(local.control, run, Status.DRIFT, at=2.0, parts=[part])
    result = strangler(local, "reconcile", "diff")
    assert result.exit_code == 2, "whether a key is newly different can't be told"
    assert "run 2 kept 3 of 5 keys of partner that differ" in result.output
    assert "0 healed" in result.output


def test_a_run_that_did_not_come_to_its_end_is_no_base_for_a_comparison(local: Landscape) -> None:
    strangler(local, *RUN)
    run = reconciliations.start(local.control, "partners", mode="full", job={}, at=1.0)
    reconciliations.finish(local.control, run, Status.INCOMPLETE, at=2.0, reason="asked to stop")
    assert "run 2 (full, incomplete) doesn't tell" in strangler(local, "reconcile", "diff", "1", "2").output
    assert "no run of partners before run 1" in strangler(local, "reconcile", "diff").output


@pytest.mark.parametrize(
    "asked",
    [
        ("--no-confirm",),
        ("--mode", "sample", "--sample", "20"),
        ("--mode", "quick", "--entity", "partner"),
        ("--limit", "2000"),
    ],
)
def test_the_command_that_is_told_to_go_on_asks_for_the_same_job(
    local: Landscape, asked: tuple[str, ...]
) -> None:
    local.deliver(Position("1"))
    result = strangler(local, "reconcile", "run", "partners", *asked, "--within", "1ms")
    assert result.exit_code == 3, result.output
    (told,) = (line for line in result.stdout.splitlines() if line.startswith("go on with: "))
    assert strangler(local, *told.removeprefix("go on with: strangler ").split()).exit_code == 0
    runs = reconciliations.listed(local.control)
    assert runs[0].status is Status.CLEAN
    assert all(run.job == runs[0].job for run in runs), "where nothing was read yet it begins anew"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1h", 1_796_000_000.0),
        ("2026-11-29T03:00", 1_795_921_200.0),
        ("2026-11-29T03:00:07+01:00", 1_795_917_607.0),
    ],
)
def test_a_moment_in_the_past_is_one_that_can_be_written_again(text: str, at: float) -> None:
    now = 1_796_003_600.4
    assert parse_since(text, now) == at
    assert parse_since(moment(at), now) == at


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_it_as_incomplete_with_exit_3_and_says_how_to_go_on(
    make: Make, monkeypatch: pytest.MonkeyPatch, presses: int
) -> None:
    """Once asks it to stop, twice ends it at once; here it waits for a table that is locked."""
    landscape = make("postgresql", "sqlite")
    landscape.legacy.insert("partner", partners(5, "postgresql"))
    landscape.fill()
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    answered = threading.Event()
    monkeypatch.setattr(os, "write", lambda *_: answered.set())

    def press() -> None:
        with closing(psycopg.connect(landscape.legacy.url, autocommit=True)) as look:
            until(lambda: look.execute(waiting).fetchone(), "the comparison waits for the table")
        for _ in range(presses):
            os.kill(os.getpid(), signal.SIGINT)
            assert answered.wait(10)
        lock.rollback()

    with closing(psycopg.connect(landscape.legacy.url)) as lock:
        lock.execute("LOCK TABLE partner IN ACCESS EXCLUSIVE MODE")
        pressing = threading.Thread(target=press)
        pressing.start()
        result = strangler(landscape, *RUN)
        pressing.join()
    assert result.exit_code == 3, result.output
    assert "--resume" in result.output
    run = reconciliations.latest(landscape.control, "partners")
    assert run is not None
    assert run.status is Status.INCOMPLETE
