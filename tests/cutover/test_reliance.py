"""What legacy still owns keeps its neighbours from being retired from under it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import ledger, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.history import Kind
from strangler.cutover.reliance import refuse_from_under_legacy
from strangler.cutover.stages import EVERYONE, RULES, Stage, Standing, at_the_start
from strangler.cutover.steps import Target
from strangler.errors import Refused
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

RETIRED = Target(Stage.RETIRED, 10_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "strangler.yaml"
    written.write_text(CONFIGURATION)
    return written


@pytest.fixture
def settings(file: Path) -> Settings:
    return load(file)


def at(function: str, stage: Stage, cohort: str = EVERYONE) -> Standing:
    return replace(at_the_start(function, cohort), stage=stage, owner=RULES[stage].owner, weight=10_000)


def test_what_legacy_reads_or_what_depends_on_it_keeps_it(settings: Settings) -> None:
    before = at("party", Stage.LIVE)
    with pytest.raises(Refused) as refused:
        refuse_from_under_legacy(settings, Snapshot(1, (before,)), before, RETIRED)
    assert refused.value.what == (
        "party stays in live: legacy still owns sale (legacy), ledger (legacy), which need it there"
    )
    assert refused.value.why.startswith("sale depends on party; ledger reads address; ")
    assert refused.value.do == "first take sale, ledger to live; until then leave party in live"


@pytest.mark.parametrize(
    "others",
    [
        (at("sale", Stage.LIVE), at("ledger", Stage.RETIRED)),
        (at("sale", Stage.LIVE), at("ledger", Stage.LIVE), at("sale", Stage.LIVE, "7")),
    ],
)
def test_a_database_of_its_own_and_what_new_owns_need_nothing_there(
    settings: Settings, others: tuple[Standing, ...]
) -> None:
    before = at("party", Stage.LIVE)
    refuse_from_under_legacy(settings, Snapshot(1, (before, *others)), before, RETIRED)


def test_a_cohort_that_is_still_on_legacy_keeps_the_whole(settings: Settings) -> None:
    before = at("party", Stage.LIVE)
    others = (at("ledger", Stage.LIVE), at("sale", Stage.LIVE), at("sale", Stage.SYNCING, "7"))
    with pytest.raises(Refused, match="sale --cohort 7"):
        refuse_from_under_legacy(settings, Snapshot(1, (before, *others)), before, RETIRED)


def test_a_cohort_is_kept_by_the_same_cohort_alone(settings: Settings) -> None:
    others = (at("ledger", Stage.LIVE), at("sale", Stage.LIVE), at("sale", Stage.SYNCING, "7"))
    seventh, eighth = (at("party", Stage.LIVE, cohort) for cohort in ("7", "8"))
    picture = Snapshot(1, (seventh, eighth, *others))
    refuse_from_under_legacy(settings, picture, eighth, RETIRED)
    with pytest.raises(Refused, match="sale --cohort 7"):
        refuse_from_under_legacy(settings, picture, seventh, RETIRED)


def test_only_a_retirement_asks_for_that(settings: Settings) -> None:
    before = at("party", Stage.CANARY)
    refuse_from_under_legacy(settings, Snapshot(1, (before,)), before, Target(Stage.LIVE, 10_000))


def test_the_command_refuses_it_and_leaves_it_on_the_ledger(file: Path) -> None:
    with Control.open(f"sqlite:///{file.parent}/.strangler/control.db") as control:
        for each in (at("party", Stage.LIVE), at("sale", Stage.LIVE)):
            standings.change(control, at_the_start(each.function), each, at=1.0)
        told = CliRunner(env={"COLUMNS": "140"}).invoke(root, ["-c", str(file), "advance", "party"])
        assert told.exit_code == 1
        assert "legacy still owns ledger (legacy), which needs it there" in told.output
        assert standings.of(control, "party").stage is Stage.LIVE
        assert [entry.kind for entry in ledger.entries(control, function="party")] == [Kind.REFUSED]
