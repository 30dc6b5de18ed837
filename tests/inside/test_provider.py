"""The provider under the real SDK, on a real control store: what it answers, why, and what it tells by itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, OpenFeatureError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from strangler.control import facades, standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.routing import bucket
from strangler.settings import Settings
from strangler_adapters.openfeature import StranglerProvider
from tests.dataplanes.upstreams import wait_for
from tests.inside.conftest import configured, out_of_reach

LEASE = 3.0


class Told:
    """The events of the provider that came, in their order."""

    def __init__(self) -> None:
        self.events: list[tuple[ProviderEvent, EventDetails]] = []
        for event in ProviderEvent:
            api.add_handler(event, self._handler(event))

    def _handler(self, event: ProviderEvent) -> Callable[[EventDetails], None]:
        def take(details: EventDetails) -> None:
            if details.provider_name == "strangler":
                self.events.append((event, details))

        return take

    def kinds(self) -> list[ProviderEvent]:
        return [event for event, _ in self.events]


@pytest.fixture
def told() -> Iterator[Told]:
    yield Told()
    api.shutdown()
    api.clear_providers()


@pytest.fixture
def client(settings: Settings, told: Told) -> OpenFeatureClient:
    api.set_provider_and_wait(StranglerProvider(settings, lease=LEASE))
    return api.get_client()


def at(control: Control, function: str, stage: Stage, weight: int = 0, **more: Any) -> None:
    owner = Side.NEW if stage in (Stage.LIVE, Stage.RETIRED) else Side.LEGACY
    standings.amend(control, function, at=1.0, stage=stage, owner=owner, weight=weight, **more)


def heard(client: OpenFeatureClient, control: Control) -> None:
    """Wait until the client answers by the present generation."""
    now = standings.generation(control)
    wait_for(lambda: client.get_string_details("party", "?").flag_metadata.get("generation") == now)


def as_(caller: str) -> EvaluationContext:
    return EvaluationContext(targeting_key=caller)


def test_a_flag_says_who_answers_reads_and_who_may_write(client: OpenFeatureClient, control: Control) -> None:
    assert client.get_string_value("party", "?") == "legacy"
    at(control, "party", Stage.LIVE)
    heard(client, control)
    assert client.get_string_value("party", "?") == client.get_string_value("party.owner", "?") == "new"
    assert client.get_boolean_value("party.new", False) is True
    assert client.get_boolean_value("sale.new", True) is False
    details = client.get_string_details("party.owner", "?")
    assert (details.variant, details.reason) == ("new", Reason.STATIC)
    assert details.flag_metadata["stage"] == "live"
    assert details.flag_metadata["why"] == "new owns it"


def test_callers_are_on_the_side_on_which_the_facade_has_them(
    client: OpenFeatureClient, control: Control
) -> None:
    at(control, "party", Stage.CANARY, 3000)
    wait_for(lambda: client.get_string_details("party", "?", as_("x")).reason == Reason.SPLIT)
    for caller in (f"Basic {n}" for n in range(300)):
        expected = "new" if bucket("strangler", "party", caller) < 3000 else "legacy"
        assert client.get_string_value("party", "?", as_(caller)) == expected
        assert client.get_boolean_value("party.new", expected == "legacy", as_(caller)) is (expected == "new")
    owner = client.get_string_details("party.owner", "?", as_("Basic 1"))
    assert (owner.value, owner.reason) == ("legacy", Reason.STATIC)
    assert "bucket" in str(client.get_string_details("party", "?", as_("x")).flag_metadata["why"])
    nobody = client.get_string_details("party", "default")
    assert (nobody.value, nobody.error_code) == ("default", ErrorCode.TARGETING_KEY_MISSING)
    at(control, "party", Stage.CANARY, 10_000)
    wait_for(lambda: client.get_string_details("party", "?").value == "new")
    assert client.get_string_details("party", "?").reason == Reason.STATIC


def test_what_cant_be_answered_is_the_default_with_the_reason_in_words(
    client: OpenFeatureClient, control: Control
) -> None:
    missing = client.get_string_details("patry", "d")
    assert (missing.value, missing.error_code) == ("d", ErrorCode.FLAG_NOT_FOUND)
    assert "did you mean 'party'?" in str(missing.error_message)
    for key in ("party.", "party.old", "", ".new", "party.new.x"):
        assert client.get_boolean_details(key, True).error_code == ErrorCode.FLAG_NOT_FOUND
    assert client.get_boolean_details("party", True).error_code == ErrorCode.TYPE_MISMATCH
    for details in (
        client.get_string_details("party.new", "d"),
        client.get_integer_details("party", 1),
        client.get_float_details("party.owner", 1.0),
        client.get_object_details("party", {}),
    ):
        assert details.error_code == ErrorCode.TYPE_MISMATCH
    at(control, "party", Stage.CANARY, 10_000, fenced=True)
    wait_for(lambda: client.get_string_details("party.owner", "d").error_code is not None)
    fenced = client.get_string_details("party.owner", "d")
    assert (fenced.value, fenced.reason, fenced.error_code) == ("d", Reason.ERROR, ErrorCode.GENERAL)
    assert "party: writes are fenced for the moment of a switch" in str(fenced.error_message)
    assert client.get_string_value("party", "d") == "new", "a fence is for writes"


def test_cohorts_and_documents_are_told_by_the_context(home: str, control: Control, told: Told) -> None:
    documents = {"key": [{"path": "id"}], "created": {"json": "id"}}
    of = configured(home, documents=documents, cohorts={"from": [{"json": "company"}]})
    provider = StranglerProvider(of)
    api.set_provider_and_wait(provider)
    client = api.get_client()
    with provider.writing("party", cohort="1000") as write:
        write.began("D1")
    at(control, "party", Stage.CANARY, 10_000)
    standings.amend(control, "party", "1000", at=1.0, stage=Stage.LIVE, owner=Side.NEW)

    def owner(**attributes: str) -> tuple[str, Reason | str | None]:
        details = client.get_string_details("party.owner", "d", EvaluationContext("me", dict(attributes)))
        return details.value, details.reason

    wait_for(lambda: owner(cohort="1000") == ("new", Reason.TARGETING_MATCH))
    assert owner(cohort="2000") == ("legacy", Reason.STATIC)
    assert owner(cohort="1000", key="D1") == ("legacy", Reason.TARGETING_MATCH)
    read = client.get_string_details("party", "d", EvaluationContext("me", {"cohort": 1000}))
    assert (read.value, read.flag_metadata["cohort"]) == ("new", "1000")
    untold = client.get_string_details("party.owner", "d")
    assert (untold.value, untold.error_code) == ("d", ErrorCode.INVALID_CONTEXT)
    assert "doesn't show its cohort" in str(untold.error_message)


async def test_coroutines_ask_too(client: OpenFeatureClient) -> None:
    assert await client.get_string_value_async("party", "?") == "legacy"


def test_changes_are_told(client: OpenFeatureClient, control: Control, told: Told) -> None:
    wait_for(lambda: told.kinds() == [ProviderEvent.PROVIDER_READY])
    at(control, "party", Stage.SYNCING)
    wait_for(lambda: len(told.events) == 2)
    event, details = told.events[1]
    assert event is ProviderEvent.PROVIDER_CONFIGURATION_CHANGED
    assert details.flags_changed == ["party", "party.owner", "party.new"]
    assert details.message == "generation 1 of the standings is applied"


def test_before_the_first_contact_it_isnt_ready_and_says_so(
    home: str, settings: Settings, told: Told, tmp_path: Path
) -> None:
    (tmp_path / "control.db").mkdir()
    with pytest.raises(OpenFeatureError) as raised:
        api.set_provider_and_wait(StranglerProvider(settings, wait=0.1))
    assert raised.value.error_code is ErrorCode.PROVIDER_NOT_READY
    assert "control.db" in str(raised.value.error_message)
    client = api.get_client()
    early = client.get_string_details("party", "d")
    assert (early.value, early.reason, early.error_code) == ("d", Reason.ERROR, ErrorCode.PROVIDER_NOT_READY)
    (tmp_path / "control.db").rmdir()
    wait_for(lambda: client.get_string_value("party", "d") == "legacy")
    wait_for(lambda: ProviderEvent.PROVIDER_READY in told.kinds())
    wait_for(lambda: client.get_provider_status() is ProviderStatus.READY)


def test_a_lost_control_store_is_last_known_until_the_lease_ends_and_then_the_default(
    postgres_url: str, told: Told
) -> None:
    with Control.open(postgres_url) as control:
        at(control, "party", Stage.LIVE)
    api.set_provider_and_wait(StranglerProvider(configured(postgres_url), lease=LEASE))
    client = api.get_client()
    with out_of_reach(postgres_url):
        wait_for(lambda: client.get_string_details("party", "d").reason == Reason.STALE)
        stale = client.get_string_details("party", "d")
        assert (stale.value, stale.error_code) == ("new", None)
        assert stale.flag_metadata["reason"] == Reason.STATIC
        wait_for(lambda: client.get_provider_status() is ProviderStatus.STALE)
        wait_for(lambda: client.get_string_details("party", "d").reason == Reason.ERROR)
        lost = client.get_string_details("party", "d")
        assert (lost.value, lost.error_code) == ("d", ErrorCode.GENERAL)
        assert "out of reach for so long" in str(lost.error_message)
        wait_for(lambda: client.get_provider_status() is ProviderStatus.ERROR)
        untouched = client.get_string_details("sale.owner", "d")
        assert (untouched.value, untouched.reason) == ("legacy", Reason.STALE), "nobody has begun to move it"
    wait_for(lambda: client.get_string_value("party", "d") == "new")
    wait_for(lambda: client.get_provider_status() is ProviderStatus.READY)
    wait_for(
        lambda: (
            told.kinds()
            == [
                ProviderEvent.PROVIDER_READY,
                ProviderEvent.PROVIDER_STALE,
                ProviderEvent.PROVIDER_ERROR,
                ProviderEvent.PROVIDER_READY,
            ]
        )
    )


def test_a_process_that_is_forked_off_knows_that_it_knows_nothing(client: OpenFeatureClient) -> None:
    assert client.get_string_value("party", "d") == "legacy"
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        details = client.get_string_details("party", "d")
        os.write(writing, f"{details.value} {details.error_code} {details.error_message}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 1000).decode()
    assert said.startswith("d PROVIDER_NOT_READY")
    assert "forked off" in said


def test_it_is_known_while_it_is_there_and_gone_when_it_is_shut_down(
    settings: Settings, control: Control, told: Told
) -> None:
    api.set_provider_and_wait(StranglerProvider(settings, name="nightly billing"))
    (line,) = facades.live(control, now=time.time())
    assert line.address.startswith("nightly billing (process ")
    assert not line.lasts
    api.shutdown()
    assert facades.live(control, now=time.time()) == []
    assert api.get_client().get_string_details("party", "d").value == "d"
