"""What legacy still owns keeps its neighbours from being retired from under it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import ledger, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.gates import GateResult, Verdict
from strangler.cutover.history import Kind
from strangler.cutover.reliance import dependents
from strangler.cutover.stages import EVERYONE, RULES, Stage, Standing, at_the_start
from strangler.settings import Settings

CONFIGURATION = """
name: test
sources: {erp: {kind: sqlite, url: 'sqlite:///erp.db'}, hr: {kind: sqlite, url: 'sqlite:///hr.db'}}
stores: {new: {url: 'sqlite:///new.db'}}
functions:
  party:
    source: erp
    store: new
    service: {url: "http://127.0.0.1:9"}
    cohorts: {from: [{header: X-Company}], of: {party: company}}
    entities:
      party:
        table: party
        key: id
        fields: {id: id, company: company}
        children: {addresses: {table: address, on: {party: id}, key: number, fields: {number: number}}}
  sale:
    source: erp
    store: new
    depends_on: [party]
    cohorts: {from: [{header: X-Company}], of: {sale: company}}
    entities: {sale: {table: sale, key: id, fields: {id: id, company: company}}}
  ledger:
    source: erp
    store: new
    entities: {line: {table: line, key: id, join: {where: {table: Address, on: {id: address}}}, fields: {id: id, city: where.city}}}
  staff:
    source: hr
    store: new
    entities: {person: {table: party, key: id, fields: {id: id}}}
"""


def at(function: str, stage: Stage, cohort: str = EVERYONE) -> Standing:
    return replace(at_the_start(function, cohort), stage=stage, owner=RULES[stage].owner, weight=10_000)


def judged(settings: Settings, before: Standing, *others: Standing) -> GateResult:
    """What the one gate says of retiring it."""
    (result,) = dependents(settings, Snapshot(1, (before, *others)), before)
    return result


def test_what_legacy_reads_or_what_depends_on_it_keeps_it(settings: Settings) -> None:
    found = judged(settings, at("party", Stage.LIVE))
    assert (found.verdict, found.figure, found.limit) == (Verdict.FAIL, "2 on legacy", "0 on legacy")
    assert found.words == (
        "legacy still owns sale (legacy), ledger (legacy), and nothing would return there any more: "
        "sale depends on party; ledger reads address"
    )
    assert found.do == "first take sale, ledger to live; until then leave party in live"


@pytest.mark.parametrize(
    "others",
    [
        (at("sale", Stage.LIVE), at("ledger", Stage.RETIRED)),
        (at("sale", Stage.LIVE), at("ledger", Stage.LIVE), at("sale", Stage.LIVE, "7")),
    ],
)
def test_what_new_owns_needs_nothing_there(settings: Settings, others: tuple[Standing, ...]) -> None:
    assert judged(settings, at("party", Stage.LIVE), *others).passes


def test_a_cohort_that_is_still_on_legacy_keeps_the_whole(settings: Settings) -> None:
    others = (at("ledger", Stage.LIVE), at("sale", Stage.LIVE), at("sale", Stage.SYNCING, "7"))
    found = judged(settings, at("party", Stage.LIVE), *others)
    assert not found.passes
    assert "sale --cohort 7 (syncing), and" in found.words


@pytest.mark.parametrize(("cohort", "passes"), [("7", False), ("8", True)])
def test_a_cohort_is_kept_by_the_same_cohort_alone(settings: Settings, cohort: str, passes: bool) -> None:
    others = (at("ledger", Stage.LIVE), at("sale", Stage.LIVE), at("sale", Stage.SYNCING, "7"))
    assert judged(settings, at("party", Stage.LIVE, cohort), *others).passes is passes


@pytest.mark.parametrize("name", ["sale", "ledger", "staff"])
def test_who_is_needed_by_nobody_isnt_asked(settings: Settings, name: str) -> None:
    before = at(name, Stage.LIVE)
    assert list(dependents(settings, Snapshot(1, (before,)), before)) == []


def test_the_command_refuses_it_and_leaves_it_on_the_ledger(file: Path) -> None:
    with Control.open(f"sqlite:///{file.parent}/.strangler/control.db") as control:
        for each in (at("party", Stage.LIVE), at("sale", Stage.LIVE)):
            standings.change(control, at_the_start(each.function), each, at=1.0)
        told = CliRunner(env={"COLUMNS": "140"}).invoke(
            root, ["-c", str(file), "advance", "party", "--to", "retired"]
        )
        assert told.exit_code == 1
        assert "dependents is failing: legacy still owns ledger (legacy)" in told.output
        assert standings.of(control, "party").stage is Stage.LIVE
        assert [entry.kind for entry in ledger.entries(control, function="party")] == [Kind.REFUSED]
