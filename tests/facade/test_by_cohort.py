"""By cohort: what a running facade counts of one cohort lets no other one pass, and callers who make up cohorts fill nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from strangler.changes import Position
from strangler.control import backfills, comparisons, sources, standings, tables, traffic
from strangler.control.store import Control
from strangler.cutover.assessment import assess
from strangler.cutover.conductor import Acting, Conductor
from strangler.cutover.evidence import Health
from strangler.cutover.gates import Gate, GateResult, Verdict
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.steps import Target
from strangler.errors import Refused
from strangler.settings import Settings
from tests.cutover.test_conductor import Outer, deliver, reconcile
from tests.facade.conftest import Echo, Front, Running, Serve, applied, settings, until

READS = 25

GATES = {
    "shadow": {"min_samples": 20},
    "latency": {"min_samples": 20, "quick_enough": "5s"},
    "errors": {"min_calls": 20},
}

COHORTS = {"from": [{"header": "x-company"}], "of": {"party": "id"}}


class Failing(Echo):
    """A new service that fails what it is asked for company 2000."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if dict(scope["headers"]).get(b"x-company") != b"2000":
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


async def configured(serve: Serve, new: Echo | None = None) -> Settings:
    both = Echo("legacy", b'{"name": "a"}'), new or Echo("new", b'{"name": "a"}')
    legacy, ours = [(await serve(each)).url for each in both]
    facade = {"shadow": {"noise": 0, "settle": "0s"}}
    return settings(legacy, ours, facade=facade, cohorts=COHORTS, gates=GATES)


def stand(control: Control, stage: Stage, *cohorts: str, weight: int = 0) -> int:
    """Each of them, and the whole function, in a stage of its own for an hour."""
    for cohort in (EVERYONE, *cohorts):
        moved = standings.amend(control, "party", cohort, at=time.time() - 3600, stage=stage, weight=weight)
    return moved.generation


async def read(facade: Running, companies: Sequence[str]) -> None:
    """A read of each company."""
    async with aiohttp.ClientSession() as session:
        for company in companies:
            async with session.get(f"{facade.url}/parties/1", headers={"x-company": company}) as answer:
                await answer.read()


async def compared(facade: Running, control: Control, cohort: str, reads: int) -> None:
    async with asyncio.timeout(60):
        while comparisons.sums(control, "party", cohort).matched != reads:
            await facade.parts.tally.flush(control)
            await asyncio.sleep(0.02)


def ready(control: Control) -> None:
    """All that the gates ask for but what callers show."""
    now = time.time()
    backfills.request(control, "party", "party")
    backfills.finish(control, "party", "party", run=1)
    sources.seen(control, "erp", Position("7"), seen_at=now, committed_at=now)
    deliver(control)
    reconcile(control)


def conductor(control: Control, configured: Settings) -> Conductor:
    hand = Acting(control, "eva@host", 5.0, Outer(control))
    return Conductor(configured, control, hand, actor="eva@host", probe=lambda service: Health(True, "well"))


def gate(control: Control, configured: Settings, cohort: str, name: Gate) -> GateResult:
    """What a gate says on the way to live."""
    target = Target(Stage.LIVE, 10_000)
    assessed = assess(
        control, configured, "party", cohort=cohort, target=target, probe=lambda service: Health(True, "well")
    )
    return next(each for each in assessed.gates if each.name == name)


async def test_a_cohort_goes_on_by_its_own_reads_and_by_no_others(
    serve: Serve, front: Front, control: Control
) -> None:
    given = await configured(serve)
    facade = await front(given)
    await applied(facade, stand(control, Stage.SHADOW, "1000", "2000"))
    await read(facade, ["2000"] * READS)
    await compared(facade, control, "2000", READS)
    ready(control)
    deciding = conductor(control, given)
    for cohort in ("1000", EVERYONE, "3000"):
        with pytest.raises(Refused) as refused:
            deciding.advance("party", cohort=cohort)
        assert (refused.value.why or "").splitlines() == [
            "shadow is inconclusive: 0 reads were compared, fewer than 20 (figure 0.00% of 0, limit 0.00%)",
            "latency is inconclusive: 0 shadowed reads were timed on both sides, fewer than 20 (figure 0 reads, limit 20 or more)",
        ]
        assert standings.of(control, "party", cohort).stage is Stage.SHADOW
    assert deciding.advance("party", cohort="2000").stage is Stage.CANARY


async def test_a_cohort_whose_calls_fail_holds_up_no_other_and_is_hidden_by_none(
    serve: Serve, front: Front, control: Control
) -> None:
    given = await configured(serve, Failing("new", b'{"name": "a"}'))
    facade = await front(given)
    await applied(facade, stand(control, Stage.CANARY, "1000", "2000", weight=10_000))
    await read(facade, ["1000", "2000", "4000", "1000"] * READS)
    await facade.parts.tally.flush(control)
    verdicts = {each: gate(control, given, each, Gate.ERRORS) for each in ("1000", "2000", EVERYONE)}
    assert {each: (said.verdict, said.figure) for each, said in verdicts.items()} == {
        "1000": (Verdict.PASS, "0.00% of 50"),
        "2000": (Verdict.FAIL, "100.00% of 25"),
        EVERYONE: (Verdict.PASS, "0.00% of 25"),
    }
    assert traffic.sums(control)["party", "read", Side.NEW].calls == 4 * READS, "the report has all"


async def test_cohorts_that_callers_make_up_are_counted_together(
    serve: Serve, front: Front, control: Control
) -> None:
    facade = await front(await configured(serve))
    await applied(facade, stand(control, Stage.SHADOW, "1000"))
    await read(facade, [f"made-up-{number}" for number in range(300)])
    await read(facade, ["1000"])
    space = facade.parts.shadow.space(("party", "read"))
    await until(lambda: space is not None and not space.inside)
    await facade.parts.tally.flush(control)
    counted = (tables.traffic, tables.comparison, tables.shadow_latency)
    with control.read() as connection:
        for table in counted:
            found = connection.execute(select(table.c.cohort).distinct()).scalars()
            assert set(found) == {EVERYONE, "1000"}, table.name
    async with aiohttp.ClientSession() as session, session.get(f"{facade.url}/metrics") as answer:
        page = await answer.text()
    assert 'strangler_facade_requests_total{function="party",cohort="*"' in page
    assert "made-up" not in page


async def test_a_cohort_that_leaves_takes_with_it_what_was_counted_of_all(
    serve: Serve, front: Front, control: Control
) -> None:
    given = await configured(serve)
    facade = await front(given)
    await applied(facade, stand(control, Stage.SHADOW))
    await read(facade, ["2000"] * READS)
    await compared(facade, control, EVERYONE, READS)
    ready(control)
    assert gate(control, given, EVERYONE, Gate.SHADOW).passes
    waiting = gate(control, given, "2000", Gate.SHADOW)
    assert waiting.verdict is Verdict.INCONCLUSIVE
    assert waiting.do.startswith(
        "strangler separate party --cohort 2000, so that its calls are counted for it"
    )
    deciding = conductor(control, given)
    await applied(facade, deciding.separate("party", "2000").generation)
    for name in (Gate.SHADOW, Gate.LATENCY):
        assert gate(control, given, EVERYONE, name).verdict is Verdict.INCONCLUSIVE, "it may all be of 2000"
    await read(facade, ["2000"] * READS)
    await compared(facade, control, "2000", READS)
    assert gate(control, given, "2000", Gate.SHADOW).passes
    assert "separate" not in gate(control, given, "2000", Gate.ERRORS).do
    deciding.rejoin("party", "2000")
    assert gate(control, given, EVERYONE, Gate.SHADOW).passes
