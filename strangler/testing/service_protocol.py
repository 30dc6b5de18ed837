"""What every `ServiceProtocol` must do, as tests: subclass `ServiceProtocolSuite` and say how calls are written in the contract.

    class TestMyProtocol(ServiceProtocolSuite):
        @pytest.fixture
        def protocol(self): ...                 # opened with options for the calls below
        def reading(self, key): ...             # a Request for the name and the credit of the record with this key
        def writing(self, key, name, credit): ...  # a Request that sets both
        def unknown(self): ...                  # a well-formed Request of the contract that the options don't speak of
        def told(self, answer): ...             # name and credit as a caller of the contract reads them in an Answer
        def fault(self, answer): ...            # the words of a fault, None for an answer that is none

The service is one that speaks of records `{"id": "4711", "name": "…", "credit": "…"}` under `/parties`: `GET /parties/4711` gives the
record, or `GET /parties?ids=4711` a list `{"items": […], "total": 1}`; a change is a `PATCH /parties/4711` with name and credit.

Flags, for what a contract may do in its own way:

- `TEXT_KEYS`: a key may be any text, not only digits.
- `NULLS`: a caller can tell no name from an empty one.
- `TELLS_STATUS`: a fault of the service's own (5xx) is known by the status of the answer.
- `TELLS_FAULTS`: a fault is known for one, so that its words don't count when answers are compared, and nothing of it is taken for done.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import unquote

import pytest

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, Request, ServiceProtocol, ServiceRequest

CREDIT: Final = "90071992547409.9300000000000001"
"""An amount that no double holds."""

NAMES: Final = ("Łódź & <Söhne>", 'O\'Neil "Co"', "日本 %41 + ;=", "", "a\\b", "{x} | y")
NOISE: Final = (
    b"",
    b"\0",
    b"[",
    b"[" * 5000,
    b"\xff\xfe<a/>",
    b"<a>",
    b'{"id": "\\ud800"}',
    b"{}",
    b"null",
    b"=&=&;",
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
)
"""Bodies of no contract."""


class Asked(NamedTuple):
    """What a translation asked the service, and what it told its caller."""

    steps: list[ServiceRequest]
    answer: Answer


def ask(
    protocol: ServiceProtocol, request: Request, answers: Sequence[Answer], operation: str | None = None
) -> Asked:
    """Put a call to a service that gives these answers, one after the other. A test that has too few of them fails."""
    exchange, left, steps = protocol.translate(operation, request), list(answers), []
    try:
        step = next(exchange)
        while True:
            steps.append(step)
            assert left, f"more is asked than expected: {step}"
            step = exchange.send(left.pop(0))
    except StopIteration as stopped:
        answer: Answer = stopped.value
        return Asked(steps, answer)


def service_answer(told: Any, status: int = 200) -> Answer:
    kind = "application/json" if status < 400 else "application/problem+json"
    return Answer(status, [("content-type", kind)], json.dumps(told).encode())


def problem(status: int, title: str, detail: str = "") -> Answer:
    return service_answer({"title": title, "status": status, "detail": detail}, status)


class ServiceProtocolSuite:
    """The tests. Subclasses say how calls are written."""

    TEXT_KEYS: ClassVar[bool] = True
    NULLS: ClassVar[bool] = True
    TELLS_STATUS: ClassVar[bool] = True
    TELLS_FAULTS: ClassVar[bool] = True

    @pytest.fixture
    def protocol(self) -> ServiceProtocol:
        raise NotImplementedError

    def reading(self, key: str) -> Request:
        raise NotImplementedError

    def writing(self, key: str, name: str | None, credit: str | None) -> Request:
        raise NotImplementedError

    def unknown(self) -> Request:
        raise NotImplementedError

    def told(self, answer: Answer) -> tuple[str | None, str | None]:
        raise NotImplementedError

    def fault(self, answer: Answer) -> str | None:
        raise NotImplementedError

    def record(self, step: ServiceRequest, key: str, name: str | None, credit: str | None = CREDIT) -> Answer:
        """What the service answers to a reading."""
        identity: Any = key if self.TEXT_KEYS else int(key)
        item = {"id": identity, "name": name, "credit": credit}
        return service_answer({"items": [item], "total": 1} if "?" in step.target else item)

    def read(self, protocol: ServiceProtocol, key: str, name: str | None) -> Asked:
        exchange = protocol.translate(None, self.reading(key))
        step = next(exchange)
        try:
            exchange.send(self.record(step, key, name))
        except StopIteration as stopped:
            return Asked([step], stopped.value)
        raise AssertionError("one record is read by one call")

    @pytest.mark.parametrize("name", NAMES)
    def test_a_reading_is_one_get_and_tells_what_the_service_told(
        self, protocol: ServiceProtocol, name: str
    ) -> None:
        asked = self.read(protocol, "4711", name)
        assert (asked.steps[0].method, asked.steps[0].body) == ("GET", b"")
        assert asked.steps[0].target in ("/parties/4711", "/parties?ids=4711")
        assert self.fault(asked.answer) is None
        found, credit = self.told(asked.answer)
        assert (found or "", Decimal(str(credit))) == (name, Decimal(CREDIT))

    @pytest.mark.parametrize("name", NAMES)
    def test_a_write_is_one_call_with_the_very_values(self, protocol: ServiceProtocol, name: str) -> None:
        asked = ask(
            protocol,
            self.writing("4711", name, CREDIT),
            [service_answer({"id": "4711", "name": name, "credit": CREDIT})],
        )
        [step] = asked.steps
        assert (step.method, step.target) == ("PATCH", "/parties/4711")
        assert ("content-type", "application/json") in step.headers
        told = json.loads(step.body, parse_float=Decimal)
        assert (told["name"] or "", Decimal(told["credit"])) == (name, Decimal(CREDIT))
        assert self.fault(asked.answer) is None

    def test_no_value_is_told_as_none(self, protocol: ServiceProtocol) -> None:
        if not self.NULLS:
            pytest.skip("the contract can't tell no value from an empty one")
        assert self.told(self.read(protocol, "4711", None).answer)[0] is None
        asked = ask(protocol, self.writing("4711", None, CREDIT), [service_answer({})])
        assert json.loads(asked.steps[0].body)["name"] is None

    @pytest.mark.parametrize("key", ["a/../b?c=d#e", "ä ü", "%2e%2e", "a;b", "a&ids=2"])
    def test_a_key_stays_one_step_of_the_path(self, protocol: ServiceProtocol, key: str) -> None:
        if not self.TEXT_KEYS:
            pytest.skip("keys are whole numbers")
        target = self.read(protocol, key, "x").steps[0].target
        path, _, query = target.partition("?")
        last = query.removeprefix("ids=") if query else path.removeprefix("/parties/")
        assert unquote(last) == key
        assert not set("/?#&") & set(last)

    def test_the_key_is_named_without_asking_anybody(self, protocol: ServiceProtocol) -> None:
        for request in (self.reading("4711"), self.writing("4711", "x", CREDIT)):
            named = protocol.named(None, request)
            assert named.keys == ("4711",)
            assert named.operation
        assert (
            protocol.named(None, self.reading("4711")).operation
            != protocol.named(None, self.writing("4711", "x", "1")).operation
        )

    def test_what_the_service_refuses_is_a_fault_of_the_contract(self, protocol: ServiceProtocol) -> None:
        for request in (self.reading("4711"), self.writing("4711", "x", CREDIT)):
            answer = ask(protocol, request, [problem(409, "Locked", "by <another> user")]).answer
            words = self.fault(answer)
            assert words is not None
            assert "Locked" in words
            assert "by <another> user" in words

    def test_a_redirected_write_wasnt_done_and_isnt_said_to_be(self, protocol: ServiceProtocol) -> None:
        answer = ask(
            protocol, self.writing("4711", "x", CREDIT), [Answer(307, [("location", "/x")], b"")]
        ).answer
        assert "redirects aren't followed" in (self.fault(answer) or "")

    def test_a_service_that_fails_is_no_answer(self, protocol: ServiceProtocol) -> None:
        failing = Answer(503, [("retry-after", "3")], b"<html>")
        answer = ask(protocol, self.reading("4711"), [failing]).answer
        assert not self.TELLS_STATUS or (answer.status == 503 and answer.header("retry-after") == "3")
        assert self.TELLS_STATUS or self.fault(answer) is not None

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'"x"', b'{"items": [{}], "total": 1}'])
    def test_an_answer_that_cant_be_put_back_is_none(self, protocol: ServiceProtocol, body: bytes) -> None:
        with pytest.raises(UntranslatableRequest):
            ask(protocol, self.reading("4711"), [Answer(200, [], body)])

    def test_what_isnt_spoken_of_is_untranslatable_before_anything_is_asked(
        self, protocol: ServiceProtocol
    ) -> None:
        with pytest.raises(UntranslatableRequest):
            next(protocol.translate(None, self.unknown()))
        assert self.fault(protocol.refuse(self.unknown(), "no such thing\n  why: never was")) is not None

    @pytest.mark.parametrize("body", NOISE)
    def test_noise_is_untranslatable_and_can_be_refused(self, protocol: ServiceProtocol, body: bytes) -> None:
        writing = self.writing("4711", "x", CREDIT)
        for request in (writing._replace(body=body), writing._replace(body=writing.body[:-3] + body)):
            if request == writing:
                continue
            answer = protocol.refuse(request, "that can't be \ud800 put\n  why: \0 no")
            assert self.fault(answer) is not None
            with suppress(UntranslatableRequest):  # Half a call may still be one; any other error fails.
                ask(protocol, request, [service_answer({})])

    def test_two_calls_at_once_dont_mix(self, protocol: ServiceProtocol) -> None:
        first, second = (protocol.translate(None, self.reading(key)) for key in ("1", "2"))
        asked = [next(first), next(second)]
        names = []
        for exchange, step, key in ((second, asked[1], "2"), (first, asked[0], "1")):
            with pytest.raises(StopIteration) as stopped:
                exchange.send(self.record(step, key, f"name {key}"))
            names.append(self.told(stopped.value.value)[0])
        assert names == ["name 2", "name 1"]

    def test_answers_are_compared_by_what_they_tell(self, protocol: ServiceProtocol) -> None:
        request = self.reading("4711")

        def compared(name: str) -> Any:
            return protocol.comparable(None, request, self.read(protocol, "4711", name).answer)

        assert compared("a") == compared("a")
        assert compared("a") != compared("b")
        refused = ask(protocol, request, [problem(409, "Locked")]).answer
        assert protocol.comparable(None, request, refused) != compared("a")
        said = ask(protocol, request, [problem(409, "Locked", "in other words")]).answer
        assert json.dumps(compared("a"), default=str)
        if self.TELLS_FAULTS:
            assert protocol.comparable(None, request, refused) == protocol.comparable(None, request, said)

    def test_an_answer_that_says_that_it_was_done_is_told_from_a_fault(
        self, protocol: ServiceProtocol
    ) -> None:
        request = self.writing("4711", "a", CREDIT)
        done = ask(protocol, request, [service_answer({"id": "4711", "name": "a", "credit": CREDIT})] * 3)
        refused = ask(protocol, request, [problem(409, "Locked")] * 3)
        assert protocol.accepted(None, request, done.answer)
        if self.TELLS_FAULTS:
            assert not protocol.accepted(None, request, refused.answer)

    def test_an_answer_that_cant_be_read_cant_be_compared(self, protocol: ServiceProtocol) -> None:
        with pytest.raises(ValueError):
            protocol.comparable(
                None, self.reading("4711"), Answer(200, [("content-type", "application/json")], b"<{")
            )
