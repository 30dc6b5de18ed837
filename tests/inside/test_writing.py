"""Writes inside a process and the switch of owners: none slips past it (invariants 4 and 5)."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from openfeature.evaluation_context import EvaluationContext

from strangler.control import facades, standings
from strangler.control.facades import FacadeRecord
from strangler.control.store import Control
from strangler.cutover.journal import Intent
from strangler.cutover.stages import RULES, Side, Stage, Standing, at_the_start
from strangler.cutover.switch import Switch, Undone
from strangler.errors import Refused, StranglerError
from strangler.settings import Settings
from strangler_adapters.openfeature import StranglerProvider
from tests.cutover.estate import Estate
from tests.dataplanes.upstreams import wait_for
from tests.inside.conftest import configured, out_of_reach

Make = Callable[..., StranglerProvider]


@pytest.fixture
def make(settings: Settings) -> Iterator[Make]:
    """Makes providers as OpenFeature does; they are shut down at the end."""
    made: list[StranglerProvider] = []

    def one(name: str = "billing", of: Settings = settings, **options: float) -> StranglerProvider:
        made.append(StranglerProvider(of, name=name, **options))
        made[-1].initialize(EvaluationContext())
        return made[-1]

    yield one
    for each in made:
        each.shutdown()


def stand(control: Control, stage: Stage, **more: object) -> Standing:
    before = standings.of(control, "party")
    after = replace(before, stage=stage, owner=RULES[stage].owner, weight=500, **more)  # type: ignore[arg-type]
    return standings.change(control, before, after, at=1.0)


def switch(control: Control, estate: Estate, stage: Stage, limit: float = 20.0) -> Standing:
    intent = Intent("party", "*", stage, 0, "eva@host", "", [])
    return Switch(control, estate.outside(), limit).run(intent, standings.of(control, "party"))


@contextmanager
def going_on(work: Callable[[], None]) -> Iterator[None]:
    """Work that is done again and again in a thread of its own; what it raises fails the test."""
    ended, failed = threading.Event(), list[BaseException]()

    def go_on() -> None:
        try:
            while not ended.is_set():
                work()
        except BaseException as error:  # noqa: BLE001  # shown to the test below
            failed.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert failed == []


def test_a_write_knows_its_owner_and_another_side_is_refused(make: Make, control: Control) -> None:
    stand(control, Stage.LIVE)
    provider = make()
    with provider.writing("party") as write:
        assert (write.owner, write.generation) == (Side.NEW, 1)
        write.confirm()
    with provider.writing("party", "new"):
        pass
    with (
        pytest.raises(Refused, match="party can't be written to in legacy") as raised,
        provider.writing("party", Side.LEGACY),
    ):
        pytest.fail("it isn't legacy's")
    assert raised.value.why == "new owns it"
    assert "write to new" in raised.value.do
    with pytest.raises(StranglerError, match="there is no function 'patry'"), provider.writing("patry"):
        pytest.fail("there is none")


def test_invariant_4_no_write_begins_behind_a_fence(make: Make, control: Control) -> None:
    provider = make()
    stand(control, Stage.CANARY, fenced=True)

    wait_for(lambda: "writes are fenced" in _why_not(provider))


def _why_not(provider: StranglerProvider) -> str:
    """Why a write is refused at this moment; empty when it isn't."""
    try:
        with provider.writing("party"):
            return ""
    except Refused as error:
        return error.why


def test_invariant_5_a_switch_waits_for_a_write_that_began_before_its_fence(
    make: Make, control: Control
) -> None:
    provider, estate = make("nightly billing"), Estate(control)
    before = stand(control, Stage.CANARY)
    wait_for(lambda: provider.resolve_string_details("party.owner", "").flag_metadata["generation"] == 1)
    with provider.writing("party"):
        with pytest.raises(Undone) as raised:
            switch(control, estate, Stage.LIVE, limit=1.0)
        assert "may still be under way" in raised.value.why
        assert "nightly billing (process " in raised.value.why
    back = standings.of(control, "party")
    assert (back.owner, back.fenced, back.stage) == (before.owner, False, before.stage)
    estate.turn()
    with going_on(estate.deliver):
        assert switch(control, estate, Stage.LIVE).owner is Side.NEW


def test_invariant_5_no_write_of_any_process_is_lost_or_goes_to_the_wrong_owner(
    make: Make, control: Control
) -> None:
    """Two providers, several threads that write all the time, and the owner there and back."""
    providers, estate = [make("billing"), make("reports")], Estate(control)
    stand(control, Stage.CANARY)
    numbers, lock = itertools.count(1), threading.Lock()
    refused, owners = [0], dict.fromkeys(Side, 0)

    def write(provider: StranglerProvider, key: str) -> None:
        try:
            with provider.writing("party") as under_way:
                time.sleep(0.003)  # What a write takes; the fence may well come in between.
                with lock:
                    _put(estate, under_way.owner, key, next(numbers))
                    owners[under_way.owner] += 1
        except Refused:
            refused[0] += 1
            time.sleep(0.003)

    def deliver() -> None:
        with lock:
            estate.deliver()

    with (
        going_on(deliver),
        going_on(lambda: write(providers[0], "a")),
        going_on(lambda: write(providers[1], "b")),
        going_on(lambda: write(providers[0], "c")),
    ):
        wait_for(lambda: len(estate.accepted) == 3)
        assert switch(control, estate, Stage.LIVE).owner is Side.NEW
        wait_for(lambda: owners[Side.NEW] > 20)
    assert estate.store == estate.accepted
    assert owners[Side.LEGACY]
    assert refused[0]


def _put(estate: Estate, owner: Side, key: str, value: int) -> None:
    """As code does that was told the owner; what it reads it doesn't look at again."""
    if owner is Side.LEGACY:
        estate.legacy[key] = value
        estate.log.append((key, value))
    else:
        estate.store[key] = value
    estate.accepted[key] = value


def test_invariant_4_no_write_without_the_lease_and_a_long_one_can_ask_before_it_commits(
    make: Make, postgres_url: str
) -> None:
    with Control.open(postgres_url) as control:
        stand(control, Stage.CANARY)
    provider = make(of=configured(postgres_url), lease=2.0)
    with provider.writing("party") as long, out_of_reach(postgres_url):
        long.confirm()

        wait_for(lambda: "out of reach" in _why_not(provider))
        with pytest.raises(Refused, match="this write of party mustn't be committed"):
            long.confirm()
        with provider.writing("sale"):
            pass  # Nobody has begun to move it: that takes steps for which this process would be waited for.


def test_invariant_4_a_document_stays_where_it_was_begun_and_a_cohort_has_its_own_owner(
    make: Make, control: Control, home: str
) -> None:
    documents = {"key": [{"path": "id"}], "created": {"json": "id"}}
    of = configured(home, documents=documents, cohorts={"from": [{"header": "X-Company"}]})
    first, second = make("first", of), make("second", of)
    stand(control, Stage.CANARY)
    with first.writing("party", cohort="1000") as write:
        write.began("D1")
    with first.writing("party", key="D1", cohort="1000") as write:
        assert write.owner is Side.LEGACY
    standings.amend(control, "party", "1000", at=1.0, stage=Stage.LIVE, owner=Side.NEW)
    wait_for(lambda: _owner(second, cohort="1000", key="D2") == "new")
    # A switch waits until what was begun is known; this change of the standing alone doesn't.
    wait_for(lambda: _owner(second, cohort="1000", key="D1") == "legacy")
    assert _owner(first, cohort="1000", key="D1") == "legacy"
    assert _owner(second, cohort="2000", key="D2") == "legacy"
    with pytest.raises(Refused, match="can't be written to now") as raised, first.writing("party"):
        pytest.fail("nobody knows which cohort")
    assert "doesn't show its cohort" in raised.value.why


def _owner(provider: StranglerProvider, **about: str) -> str:
    with provider.writing("party", **about) as write:
        return write.owner.value


def test_what_doesnt_stay_cant_be_said_to_be_begun(make: Make) -> None:
    with make().writing("party") as write, pytest.raises(StranglerError, match="documents of party don't"):
        write.began("D1")


def test_a_process_that_is_forked_off_writes_nothing(make: Make) -> None:
    provider = make()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with provider.writing("party"):
                os.write(writing, b"written")
        except Refused as error:
            os.write(writing, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert b"nobody knows who owns this function" in os.read(reading, 1000)


def test_a_shutdown_begins_no_write_and_a_switch_still_waits_for_the_last_one(
    make: Make, control: Control
) -> None:
    provider = make(wait=0.3)
    with provider.writing("party"):
        provider.shutdown()
        with pytest.raises(Refused, match="can't be written to now"), provider.writing("party"):
            pytest.fail("it is shut down")
        assert _line(control).address.startswith("billing")
        stand(control, Stage.CANARY, fenced=True)
        fenced_at = time.time()
        wait_for(lambda: _line(control).seen_at > fenced_at + 0.5)
        assert _line(control).generation == 0, "the fence isn't acknowledged while the write goes on"
    wait_for(lambda: facades.live(control, now=time.time()) == [])


def _line(control: Control) -> FacadeRecord:
    (line,) = facades.live(control, now=time.time())
    return line


def test_at_the_start_legacy_owns_it(make: Make) -> None:
    assert at_the_start("party").owner is Side.LEGACY
    with make().writing("party", Side.LEGACY) as write:
        assert write.owner is Side.LEGACY
