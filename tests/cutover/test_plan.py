"""The way of a function: which move comes next, which are refused, and what a plan says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strangler.changes import Position
from strangler.cutover.plan import backwards, forwards, moved, plan
from strangler.cutover.stages import RULES, Side, Stage, Standing, at_the_start
from strangler.cutover.steps import Target, way
from strangler.errors import Refused
from strangler.settings import Settings
from tests.cutover.test_gates import GOOD, function

SOURCES = {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}}


def settings(**changes: Any) -> Settings:
    party = function(**changes).model_dump(by_alias=True)
    return Settings.model_validate({"sources": SOURCES, "functions": {"party": party}})


WAY = way(settings(steps=[{"weight": "5%"}, {"weight": "25%"}, {"weight": "100%"}]), "party")


def at(stage: Stage, weight: int = 0) -> Standing:
    return replace(at_the_start("party"), stage=stage, weight=weight, owner=RULES[stage].owner)


def test_the_whole_way_in_its_order() -> None:
    standing, found = at(Stage.LEGACY), []
    while leg := WAY.after(standing):
        found.append(str(leg.target))
        standing = moved(standing, leg.target)
    assert found == ["syncing", "shadow", "canary 5%", "canary 25%", "canary 100%", "live", "retired"]
    assert standing.owner is Side.NEW


@pytest.mark.parametrize(
    ("standing", "stage", "weight", "target"),
    [
        (at(Stage.LEGACY), None, None, Target(Stage.SYNCING, 0)),
        (at(Stage.SHADOW), Stage.CANARY, None, Target(Stage.CANARY, 500)),
        (at(Stage.SHADOW), None, 1000, Target(Stage.CANARY, 1000)),
        (at(Stage.CANARY, 500), None, 3000, Target(Stage.CANARY, 3000)),
        (at(Stage.CANARY, 500), Stage.LIVE, None, Target(Stage.LIVE, 10_000)),
        (at(Stage.CANARY, 10_000), None, None, Target(Stage.LIVE, 10_000)),
        (at(Stage.LIVE), Stage.RETIRED, None, Target(Stage.RETIRED, 10_000)),
    ],
)
def test_forwards(standing: Standing, stage: Stage | None, weight: int | None, target: Target) -> None:
    assert forwards(standing, WAY, stage, weight) == target


@pytest.mark.parametrize(
    ("standing", "stage", "weight", "why"),
    [
        (at(Stage.SYNCING), Stage.LIVE, None, "shadow comes before live"),
        (at(Stage.LIVE), None, None, "what comes next is final"),
        (at(Stage.SYNCING), Stage.SYNCING, None, "doesn't lie ahead"),
        (at(Stage.CANARY, 500), Stage.SHADOW, None, "doesn't lie ahead"),
        (at(Stage.CANARY, 500), None, 500, "isn't more"),
        (at(Stage.CANARY, 500), Stage.LIVE, 500, "in canary only"),
        (at(Stage.SYNCING), None, 500, "shadow comes before canary"),
        (at(Stage.LIVE), Stage.CANARY, None, "doesn't lie ahead"),
        (at(Stage.RETIRED), None, None, "the way ends here"),
    ],
)
def test_forwards_refused(standing: Standing, stage: Stage | None, weight: int | None, why: str) -> None:
    with pytest.raises(Refused) as raised:
        forwards(standing, WAY, stage, weight)
    assert why in raised.value.why
    assert raised.value.do


@pytest.mark.parametrize(
    ("standing", "stage", "weight", "target"),
    [
        (at(Stage.SYNCING), None, None, Target(Stage.LEGACY, 0)),
        (at(Stage.CANARY, 500), None, None, Target(Stage.SHADOW, 0)),
        (at(Stage.CANARY, 500), Stage.LEGACY, None, Target(Stage.LEGACY, 0)),
        (at(Stage.CANARY, 500), None, 100, Target(Stage.CANARY, 100)),
        (at(Stage.LIVE), None, None, Target(Stage.SYNCING, 0)),
        (at(Stage.LIVE), Stage.SHADOW, None, Target(Stage.SHADOW, 0)),
    ],
)
def test_backwards(standing: Standing, stage: Stage | None, weight: int | None, target: Target) -> None:
    assert backwards(standing, stage, weight) == target


@pytest.mark.parametrize(
    ("standing", "stage", "weight", "why"),
    [
        (at(Stage.LEGACY), None, None, "where every function begins"),
        (at(Stage.SYNCING), Stage.LIVE, None, "go back to legacy"),
        (at(Stage.RETIRED), None, None, "a retired function doesn't come back"),
        (at(Stage.CANARY, 500), None, 500, "isn't less"),
        (at(Stage.LIVE), None, 500, "within canary"),
    ],
)
def test_backwards_refused(standing: Standing, stage: Stage | None, weight: int | None, why: str) -> None:
    with pytest.raises(Refused) as raised:
        backwards(standing, stage, weight)
    assert why in raised.value.why


def test_going_back_to_legacy_lets_delivery_go_on_from_its_mark() -> None:
    live = replace(at(Stage.LIVE), sync_until=Position("7"))
    assert moved(live, Target(Stage.SYNCING, 0)).sync_until is None
    assert moved(live, Target(Stage.RETIRED, 10_000)).sync_until == "7"


def test_a_plan_says_of_each_move_what_it_does_what_it_needs_and_what_cannot_be_undone() -> None:
    party = settings(steps=[{"weight": "5%"}])
    shadowed = replace(GOOD, standing=replace(at(Stage.SHADOW), since=GOOD.now - 100))
    steps = plan(party, "party", shadowed, way(party, "party"))
    assert [str(step.target) for step in steps] == ["canary 5%", "live", "retired"]
    assert [bool(step.interrupts) for step in steps] == [False, True, False]
    assert [bool(step.final) for step in steps] == [False, True, True]
    assert all(step.does and step.gates for step in steps)
    half = replace(GOOD.compared, matched=50)
    waiting = replace(GOOD, compared=half, standing=replace(at(Stage.SHADOW), since=GOOD.now - 100))
    assert plan(party, "party", waiting, way(party, "party"))[0].least == pytest.approx(100)
