"""What stands on a function goes back before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import ledger, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.history import Kind
from strangler.cutover.plan import backwards
from strangler.cutover.retreat import refuse_from_beneath
from strangler.cutover.stages import EVERYONE, RULES, Stage, Standing, at_the_start
from strangler.errors import Refused
from strangler.settings import Settings

FUNCTION = """
  {name}:
    source: erp
    store: new
    service: {{url: "http://127.0.0.1:9"}}
    depends_on: {beneath}
    cohorts: {{from: [{{header: X-Company}}], of: {{{name}: id}}}}
    entities: {{{name}: {{table: {name}, key: id, fields: {{id: id}}}}}}
"""

CONFIGURATION = (
    "name: test\nsources: {erp: {kind: sqlite, url: 'sqlite:///erp.db'}}\nstores: {new: {url: 'sqlite:///new.db'}}\nfunctions:"
    + FUNCTION.format(name="party", beneath="[]")
    + FUNCTION.format(name="product", beneath="[]")
    + FUNCTION.format(name="sale", beneath="{party: live, product: canary}")
)


def at(function: str, stage: Stage, cohort: str = EVERYONE) -> Standing:
    start = at_the_start(function, cohort)
    return replace(start, stage=stage, owner=RULES[stage].owner, weight=500 if stage is Stage.CANARY else 0)


LIVE = (at("party", Stage.LIVE), at("product", Stage.LIVE), at("sale", Stage.LIVE))


@pytest.mark.parametrize("to", [Stage.SYNCING, Stage.SHADOW])
def test_who_is_stood_on_stays(settings: Settings, to: Stage) -> None:
    before = at("party", Stage.LIVE)
    with pytest.raises(Refused) as refused:
        refuse_from_beneath(settings, Snapshot(1, LIVE), before, backwards(before, to, None))
    assert refused.value.what == "party stays in live: sale (live) stands on it"
    assert refused.value.why == f"sale depends on it in live, and it would go back to {to}"
    assert refused.value.do == "strangler rollback sale --reason …, first"


def test_what_is_retired_is_told_to_stay_for_good(settings: Settings) -> None:
    before = at("party", Stage.LIVE)
    picture = Snapshot(1, (before, at("product", Stage.LIVE), at("sale", Stage.RETIRED)))
    with pytest.raises(Refused) as refused:
        refuse_from_beneath(settings, picture, before, backwards(before, None, None))
    assert refused.value.do == "nothing: sale is retired, and doesn't come back"


@pytest.mark.parametrize(
    ("others", "before"),
    [
        ((at("sale", Stage.CANARY),), at("party", Stage.LIVE)),  # legacy owns what stands on it
        ((at("sale", Stage.LIVE),), at("product", Stage.SHADOW)),  # it isn't where it was asked to be anyway
        ((at("party", Stage.LIVE),), at("sale", Stage.LIVE)),  # nothing stands on it
        (
            (at("sale", Stage.LEGACY), at("sale", Stage.LIVE, "7")),
            at("party", Stage.LIVE, "8"),
        ),  # another cohort's
    ],
)
def test_what_nothing_stands_on_goes_back(
    settings: Settings, others: tuple[Standing, ...], before: Standing
) -> None:
    refuse_from_beneath(settings, Snapshot(1, (*others, before)), before, backwards(before, None, None))


def test_a_cohort_stands_on_the_same_cohort(settings: Settings) -> None:
    before = at("party", Stage.LIVE, "7")
    picture = Snapshot(1, (before, at("sale", Stage.LEGACY), at("sale", Stage.LIVE, "7")))
    with pytest.raises(Refused, match="sale --cohort 7"):
        refuse_from_beneath(settings, picture, before, backwards(before, None, None))


def test_the_command_refuses_it_and_leaves_it_on_the_ledger(file: Path) -> None:
    with Control.open(f"sqlite:///{file.parent}/.strangler/control.db") as control:
        for each in LIVE:
            standings.change(control, at_the_start(each.function), each, at=1.0)
        told = CliRunner(env={"COLUMNS": "140"}).invoke(
            root, ["-c", str(file), "rollback", "party", "--reason", "slow"]
        )
        assert told.exit_code != 0
        assert "sale (live) stands on it" in told.output
        assert standings.of(control, "party").stage is Stage.LIVE
        assert [entry.kind for entry in ledger.entries(control, function="party")] == [Kind.REFUSED]
