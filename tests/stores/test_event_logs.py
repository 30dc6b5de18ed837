"""Every event log passes the suite of its port."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from strangler.encryption import Cipher
from strangler.errors import StoreError, Unavailable
from strangler.ports import EventLog
from strangler.sealed_log import SealedLog
from strangler.sensitive import Sensitive
from strangler.settings import Encryption, Log
from strangler.testing.event_log import DATA, EventLogSuite, OpenLog, at, event, everything
from strangler.testing.memory_log import MemoryLog, MemoryRecords
from strangler_adapters.sql_log import connect


def sql_log(url: str) -> EventLog:
    return connect("test", Log(kind="sql", url=SecretStr(url)))


def opener(url: str) -> Iterator[OpenLog]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(sql_log(url)))


def encryption(key: str, *names: str) -> Encryption:
    """A configuration with these keys, each made of the last character of its name."""
    keys = {name: SecretStr(base64.b64encode(name[-1:].encode() * 32).decode()) for name in (key, *names)}
    return Encryption(key=key, keys=keys)


class TestMemoryLog(EventLogSuite):
    @pytest.fixture(params=[1, 3])
    def open_log(self, request: pytest.FixtureRequest) -> OpenLog:
        records = MemoryRecords(partitions=request.param)
        return lambda: MemoryLog(records)


class TestSealedLog(EventLogSuite):
    """What is sealed comes back as it was, and the log behind doesn't have it."""

    @pytest.fixture
    def open_log(self) -> Iterator[OpenLog]:
        records = MemoryRecords(partitions=3)
        sensitive = {
            (stream, "party"): Sensitive(frozenset(DATA), frozenset()) for stream in ("party", "sale", "odd")
        }
        yield lambda: SealedLog(MemoryLog(records), Cipher(encryption("k1")), sensitive)
        kept = [
            each
            for stream in ("party", "sale")
            for each in everything(MemoryLog(records), stream)
            if each.data
        ]
        for each in kept:
            assert all(
                value is None or set(value) == {"sealed"} for name, value in each.data.items() if name in DATA
            )


class TestSqliteLog(EventLogSuite):
    @pytest.fixture
    def open_log(self, tmp_path: Path) -> Iterator[OpenLog]:
        yield from opener(f"sqlite:///{tmp_path}/made/when/missing/log.db")


class TestPostgresLog(EventLogSuite):
    @pytest.fixture
    def open_log(self, postgres_url: str) -> Iterator[OpenLog]:
        yield from opener(postgres_url)


def test_the_password_of_a_log_that_does_not_answer_is_not_shown() -> None:
    log = sql_log("postgresql://somebody:hunter2@127.0.0.1:1/nowhere")
    with pytest.raises(Unavailable) as raised:
        log.position("erp")
    assert "127.0.0.1" in str(raised.value)
    assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)


def test_a_url_of_another_kind_is_refused_in_words() -> None:
    with pytest.raises(StoreError, match=r"mysql://me:\*\*\*@host") as raised:
        sql_log("mysql://me:hunter2@host/db")
    assert "postgresql://" in raised.value.do


def test_a_log_goes_on_after_the_server_was_killed() -> None:
    from strangler.testing.postgres import server

    with server() as own:
        log = sql_log(own.url())
        log.append("erp", [event(1)], at(1))
        own.kill()
        with pytest.raises(Unavailable):
            log.append("erp", [event(2)], at(2))
        own.start()
        log.append("erp", [event(2)], at(2))
        assert [e.position for e in everything(log, "party")] == [at(1), at(2)]
        log.close()


def test_a_log_says_what_its_role_may_not_and_the_grant_that_mends_it(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        owner.execute("DROP ROLE IF EXISTS clerk_of_the_log")
        owner.execute("CREATE ROLE clerk_of_the_log LOGIN PASSWORD 'log'")
        log = sql_log(
            make_url(postgres_url).set(username="clerk_of_the_log", password="log").render_as_string(False)
        )
        with closing(log):
            [finding] = log.examine(["party"], 60.0)
            assert finding.blocks
            owner.execute(finding.do)
            assert log.examine(["party"], 60.0) == []
            with closing(sql_log(postgres_url)) as others:
                others.append("erp", [event(1)], at(1))
            while findings := log.examine(["party"], 60.0):
                owner.execute(findings[0].do)
            log.append("erp", [event(2)], at(2))
            assert len(everything(log, "party")) == 2
        owner.execute("DROP OWNED BY clerk_of_the_log")
        owner.execute("DROP ROLE clerk_of_the_log")


def test_after_a_rotation_what_older_keys_sealed_is_read_and_new_values_are_sealed_by_the_new_one() -> None:
    records, hidden = MemoryRecords(), {("party", "party"): Sensitive(frozenset({"mail"}), frozenset())}

    def opened(key: str, *names: str) -> SealedLog:
        return SealedLog(MemoryLog(records), Cipher(encryption(key, *names)), hidden)

    opened("k1").append("erp", [event(1, data={"mail": "canary", "n": 1})], at(1))
    opened("k2", "k1").append("erp", [event(2, data={"mail": "canary", "n": 2})], at(2))
    found = {each.position: each.data for each in everything(opened("k2", "k1"), "party")}
    assert found == {at(1): {"mail": "canary", "n": 1}, at(2): {"mail": "canary", "n": 2}}
    kept = {each.position: each.data["mail"]["sealed"] for each in everything(MemoryLog(records), "party")}
    assert (kept[at(1)][:3], kept[at(2)][:3]) == ("k1:", "k2:")
    with pytest.raises(StoreError, match="the key 'k1', which the configuration doesn't have"):
        everything(opened("k2"), "party")


def test_sensitive_values_of_lines_are_sealed_each_in_its_place() -> None:
    lines = Sensitive(frozenset({"note"}), frozenset(), {"parts": Sensitive(frozenset({"who"}), frozenset())})
    hidden = {("party", "party"): Sensitive(frozenset(), frozenset(), {"lines": lines})}
    data = {
        "n": 1,
        "lines": [
            {"note": "canary", "parts": [{"who": "canary"}]},
            {"note": None, "parts": [{"who": "canary"}]},
        ],
    }
    records = MemoryRecords()
    log = SealedLog(MemoryLog(records), Cipher(encryption("k1")), hidden)
    log.append("erp", [event(1, data=data)], at(1))
    assert [each.data for each in everything(log, "party")] == [data]
    (kept,) = everything(MemoryLog(records), "party")
    assert "canary" not in str(kept)
    one, other = kept.data["lines"]
    assert other["note"] is None
    other["parts"] = one["parts"]
    with pytest.raises(StoreError, match="can't be decrypted"):
        everything(log, "party")


def test_a_sealed_value_that_was_altered_or_put_elsewhere_is_refused() -> None:
    cipher = Cipher(encryption("k1"))
    sealed = cipher.seal("canary", "party.mail of the event 1")
    assert cipher.open(sealed, "party.mail of the event 1") == "canary"
    assert cipher.seal("canary", "party.mail of the event 1") != sealed, "equal values don't look alike"
    with pytest.raises(StoreError, match="can't be decrypted"):
        cipher.open(sealed, "party.mail of the event 2")
    with pytest.raises(StoreError, match="can't be decrypted"):
        cipher.open(sealed[:-8] + "AAAAAAA=", "party.mail of the event 1")
