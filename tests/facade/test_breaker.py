"""The breaker: against a model that recounts everything each time, and what it says in words."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strangler.facade.breaker import SLOTS, Breaker, Breakers, Rules, State, Transition, rules
from strangler.facade.failures import KINDS, Failures
from strangler.facade.proxy_status import ERRORS
from strangler.settings.resilience import Breaker as Settings

OPEN, CLOSED, HALF_OPEN = State.OPEN, State.CLOSED, State.HALF_OPEN


def breaker(**given: object) -> Breaker:
    return Breaker(rules(Settings.model_validate({"minimum": 4, "probes": 2, **given})))


def fail(subject: Breaker, times: int, now: float, failed: bool = True) -> None:
    for _ in range(times):
        assert subject.allows(now)
        subject.note(failed, 0.0, now)


def opened(**given: object) -> Breaker:
    subject = breaker(**given)
    fail(subject, 4, 100.0)
    assert subject.state is OPEN
    return subject


def test_it_opens_when_enough_calls_failed_and_says_so_in_words() -> None:
    subject = breaker()
    fail(subject, 3, 100.0)
    assert subject.state is CLOSED, "three calls are no evidence"
    fail(subject, 1, 101.0)
    assert not subject.allows(101.0)
    assert subject.why == "4 of 4 calls of the last 30 s failed"
    assert subject.history[-1] == Transition(101.0, CLOSED, OPEN, subject.why)
    assert subject.retry_after(102.0) == 4.0


def test_half_the_calls_are_enough_and_less_than_half_are_not() -> None:
    enough, fewer = breaker(minimum=10), breaker(minimum=10)
    for subject, failures in ((enough, 5), (fewer, 4)):
        fail(subject, failures, 100.0)
        fail(subject, 10 - failures, 100.0, failed=False)
    assert (enough.state, fewer.state) == (OPEN, CLOSED)


def test_failures_are_forgotten_with_the_window() -> None:
    for later in range(31, 120):
        subject = breaker()
        fail(subject, 3, 100.0)
        fail(subject, 1, 100.0 + later)
        assert subject.state is CLOSED, later


def test_slow_calls_open_it_too_where_it_is_said_what_is_slow() -> None:
    subject = breaker(slow="2s")
    for _ in range(4):
        subject.note(False, 2.5, 100.0)
    assert subject.why == "4 of 4 calls of the last 30 s took longer than 2.0 s"
    lenient = breaker()
    for _ in range(400):
        lenient.note(False, 3600.0, 100.0)
    assert lenient.state is CLOSED


def test_after_its_wait_it_lets_a_few_calls_try_and_closes_when_they_succeed() -> None:
    subject = opened()
    assert not subject.allows(104.9)
    assert [subject.allows(105.0) for _ in range(3)] == [True, True, False]
    assert subject.state is HALF_OPEN
    subject.note(False, 0.5, 105.5)
    assert subject.state is HALF_OPEN
    subject.note(False, 0.5, 105.5)
    assert (subject.state, subject.why) == (CLOSED, "2 of 2 probes succeeded")
    fail(subject, 3, 106.0)
    assert subject.state is CLOSED, "what was before it opened is forgotten"


def test_the_wait_doubles_while_trying_is_in_vain_up_to_its_limit_and_is_short_again_after_a_success() -> (
    None
):
    subject, now, waits = opened(longest_wait="30s"), 100.0, []
    for _ in range(5):
        waits.append(subject.retry_after(now))
        now += waits[-1]
        assert subject.allows(now)
        subject.note(True, 0.0, now)
    assert waits == [5.0, 10.0, 20.0, 30.0, 30.0]
    now += subject.retry_after(now)
    fail(subject, 2, now, failed=False)
    fail(subject, 4, now)
    assert subject.retry_after(now) == 5.0


def test_what_began_before_it_opened_is_no_probe() -> None:
    subject = opened()
    assert subject.allows(105.0)
    for _ in range(5):
        subject.note(False, 30.0, 106.0)
        subject.note(True, 30.0, 106.0)
    assert subject.state is HALF_OPEN


def test_probes_that_never_come_back_count_as_failed_after_a_while() -> None:
    subject = opened(probe_time="10s")
    assert [subject.allows(105.0), subject.allows(106.0)] == [True, True]
    assert not subject.allows(115.9)
    assert not subject.allows(116.0)
    assert (subject.state, subject.why) == (OPEN, "2 of 2 probes failed, 2 of them by not coming back")
    assert subject.retry_after(116.0) == 10.0


def test_a_probe_that_says_nothing_is_given_to_another() -> None:
    subject = opened()
    assert [subject.allows(105.0) for _ in range(3)] == [True, True, False]
    subject.forget(1.0, 106.0)
    assert [subject.allows(106.0) for _ in range(2)] == [True, False]


def test_it_can_be_forced_and_let_go() -> None:
    subject = breaker()
    subject.force("open", 1.0, "anna: legacy is being patched")
    assert not subject.allows(1e9)
    assert (subject.why, subject.retry_after(2.0)) == ("anna: legacy is being patched", 0.0)
    subject.force("closed", 2.0, "anna: it has to get through")
    fail(subject, 100, 3.0)
    assert subject.allows(3.0)
    subject.force(None, 4.0, "anna: done")
    fail(subject, 4, 5.0)
    assert subject.state is OPEN


def test_each_function_has_its_own_on_each_side_and_changes_are_told() -> None:
    told: list[tuple[str, str, State]] = []
    all_of_them = Breakers(
        Settings(minimum=1), lambda side, of, changed: told.append((side, of, changed.now))
    )
    all_of_them.of("new", "party").note(True, 0.0, 1.0)
    assert told == [("new", "party", OPEN)]
    assert all_of_them.of("legacy", "party").allows(1.0)
    assert all_of_them.of("new", "sale").allows(1.0)
    assert not all_of_them.of("new", "party").allows(1.0)
    off = Breakers(Settings(enabled=False, minimum=1)).of("new", "party")
    fail(off, 10, 1.0)


def test_a_share_is_reached_exactly_where_it_says() -> None:
    """0.1 × 30 is more than 3 in floating point."""
    subject = breaker(minimum=30, failure_rate="10%")
    fail(subject, 27, 100.0, failed=False)
    fail(subject, 3, 100.0)
    assert subject.state is OPEN


@pytest.mark.parametrize(
    ("error", "status", "failed"),
    [
        ("", 200, False),
        ("", 404, False),
        ("", 500, False),
        ("", 503, True),
        ("connection_refused", 502, True),
        ("http_response_timeout", 504, True),
        ("connection_terminated", 502, True),
        ("http_protocol_error", 502, True),
        # The caller's own, and the facade's.
        ("http_request_error", 400, False),
        ("proxy_internal_error", 500, False),
        ("connection_limit_reached", 503, False),
    ],
)
def test_a_failure_is_what_speaks_against_the_upstream(error: str, status: int, failed: bool) -> None:
    assert Failures(Settings().failures).has(error, status) is failed


def test_failures_are_what_the_configuration_lists() -> None:
    chosen = Failures(Settings.model_validate({"failures": ["timeout", 500]}).failures)
    assert chosen.has("", 500)
    assert chosen.has("http_response_timeout", 504)
    assert not chosen.has("connection_refused", 502)
    assert not chosen.has("", 503)
    assert set(KINDS) <= ERRORS


class Outcome(NamedTuple):
    at: float
    failed: bool
    slow: bool


class Model:
    """The same rules, told by recounting: every outcome since the last clearing is kept, and every probe."""

    def __init__(self, given: Rules) -> None:
        self.rules = given
        self.state = CLOSED
        self.forced: str | None = None
        self.outcomes: list[Outcome] = []
        self.probes: list[list[object]] = []
        self.since = self.until = 0.0
        self.vain = 0

    def window(self, now: float) -> list[Outcome]:
        if self.rules.window_calls is not None:
            return self.outcomes[-self.rules.window_calls :]
        width = self.rules.window / SLOTS
        return [o for o in self.outcomes if o.at // width > now // width - SLOTS]

    def open(self, now: float) -> None:
        self.state, self.since = OPEN, now
        self.until = now + min(self.rules.wait * 2**self.vain, self.rules.longest_wait)
        self.vain += 1

    def close(self, now: float) -> None:
        self.state, self.since, self.vain, self.outcomes = CLOSED, now, 0, []

    def allows(self, now: float) -> bool:
        if self.forced:
            return self.forced == "closed"
        if self.state is OPEN and now >= self.until:
            self.state, self.since, self.probes = HALF_OPEN, now, []
        if self.state is HALF_OPEN and len(self.probes) == self.rules.probes:
            if now - max(float(began) for began, _ in self.probes) < self.rules.probe_time:  # type: ignore[arg-type]
                return False
            for probe in self.probes:
                probe[1] = probe[1] or Outcome(now, True, False)
            self.judge(now)
            return self.allows(now)
        if self.state is HALF_OPEN:
            self.probes.append([now, None])
        return self.state is not OPEN

    def judge(self, now: float) -> None:
        back = [outcome for _, outcome in self.probes if isinstance(outcome, Outcome)]
        if any(
            sum(counted) / self.rules.probes >= rate
            for counted, rate in (
                ([o.failed for o in back], self.rules.failure_rate),
                ([o.slow for o in back], self.rules.slow_rate),
            )
        ):
            self.open(now)
        elif len(back) == self.rules.probes:
            self.close(now)

    def note(self, failed: bool, began: float, now: float) -> None:
        outcome = Outcome(now, failed, now - began > self.rules.slow)
        if self.state is CLOSED:
            self.outcomes.append(outcome)
            window = self.window(now)
            if self.forced or len(window) < self.rules.minimum:
                return
            rates = (sum(o.failed for o in window), sum(o.slow for o in window))
            limits = (self.rules.failure_rate, self.rules.slow_rate)
            if any(n / len(window) >= limit for n, limit in zip(rates, limits, strict=True)):
                self.open(now)
        elif self.state is HALF_OPEN and began >= self.since:
            next(probe for probe in self.probes if probe == [began, None])[1] = outcome
            self.judge(now)

    def forget(self, began: float) -> None:
        if self.state is HALF_OPEN and began >= self.since:
            self.probes.remove([began, None])

    def force(self, forced: str | None, now: float) -> None:
        self.close(now)
        self.forced = forced
        if forced == "open":
            self.state = OPEN


class Agreement(RuleBasedStateMachine):
    """Calls begin, end, are given up, in any order; time passes in quarters of a second, so that no sum is rounded."""

    given = Rules(10.0, None, 3, 0.5, 4.0, 0.75, 2.0, 8.0, 3, 5.0)

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.subject, self.model = Breaker(self.given), Model(self.given)
        self.running: list[float] = []

    @rule(quarters=st.integers(1, 12) | st.integers(1, 80))
    def time_passes(self, quarters: int) -> None:
        self.now += quarters / 4

    @rule(times=st.integers(1, 5))
    def calls_begin(self, times: int) -> None:
        for _ in range(times):
            allowed = self.subject.allows(self.now)
            assert allowed is self.model.allows(self.now)
            if allowed:
                self.running.append(self.now)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), failed=st.booleans())
    def a_call_ends(self, data: st.DataObject, failed: bool) -> None:
        began = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.subject.note(failed, self.now - began, self.now)
        self.model.note(failed, began, self.now)

    @precondition(lambda self: self.running)
    @rule(failed=st.booleans())
    def all_calls_end(self, failed: bool) -> None:
        for began in self.running:
            self.subject.note(failed, self.now - began, self.now)
            self.model.note(failed, began, self.now)
        self.running.clear()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_call_says_nothing(self, data: st.DataObject) -> None:
        began = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.subject.forget(self.now - began, self.now)
        self.model.forget(began)

    @rule(outcomes=st.lists(st.booleans(), min_size=1, max_size=6))
    def calls_come_and_go(self, outcomes: list[bool]) -> None:
        for failed in outcomes:
            self.calls_begin(1)
            if self.running:
                began = self.running.pop()
                self.subject.note(failed, self.now - began, self.now)
                self.model.note(failed, began, self.now)

    @precondition(lambda self: self.model.state is OPEN and not self.model.forced)
    @rule()
    def the_wait_is_over(self) -> None:
        self.now = max(self.now, self.model.until)

    @precondition(lambda self: self.model.state is HALF_OPEN)
    @rule()
    def probes_are_late(self) -> None:
        self.now += self.given.probe_time

    @rule(forced=st.sampled_from(["open", "closed"]), seldom=st.integers(0, 9))
    def somebody_decides(self, forced: str, seldom: int) -> None:
        if seldom == 0:
            self._force(forced)

    @precondition(lambda self: self.model.forced)
    @rule()
    def nobody_decides_any_more(self) -> None:
        self._force(None)

    def _force(self, forced: str | None) -> None:
        self.subject.force(forced, self.now, "a test")  # type: ignore[arg-type]
        self.model.force(forced, self.now)

    @invariant()
    def both_agree(self) -> None:
        assert self.subject.state is self.model.state
        if self.model.state is OPEN and not self.model.forced:
            assert self.subject.retry_after(self.now) == max(0.0, self.model.until - self.now)


class AgreementByCalls(Agreement):
    given = Rules(inf, 5, 3, 0.6, 4.0, 1.0, 2.0, 8.0, 2, 5.0)


for machine in (Agreement, AgreementByCalls):
    machine.TestCase.settings = hypothesis_settings(max_examples=100, stateful_step_count=50, deadline=None)

TestAgreement = Agreement.TestCase
TestAgreementByCalls = AgreementByCalls.TestCase
