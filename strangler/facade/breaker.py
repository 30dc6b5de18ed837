"""Breaker: stops asking an upstream that fails, and asks again bit by bit. Pure: every moment comes in, in seconds of a monotonic clock.

The semantics are those of Resilience4j. Closed, it counts outcomes in a window, of time or of calls; with enough of them, and too many
failed or slow, it opens. Open, it lets nothing through until its wait is over. Half-open, it lets a few calls try; what comes of them
closes it, or opens it again for twice as long. Whoever runs the facade may force it open or closed.

Two things differ. What was begun before the breaker opened says nothing about whether the upstream is well again, so it isn't taken
for a probe. And a probe that never comes back counts as failed after a while: nothing leaves the breaker half-open for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import Final, Literal, NamedTuple

from strangler.durations import format_duration
from strangler.settings.resilience import Breaker as Settings

SLOTS: Final = 10
"""Parts of a window of time: it forgets by tenths, so it holds between nine tenths and the whole of it."""

HISTORY: Final = 20
"""Transitions that are kept."""

_ROUNDING: Final = 1e-6
"""Seconds by which a difference of two moments may be off."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Transition(NamedTuple):
    """A change of state, and why in words."""

    at: float
    was: State
    now: State
    why: str


class Rules(NamedTuple):
    """When it opens and closes. Rates are shares from 0 to 1, times are seconds; `slow` is infinite where nothing is."""

    window: float
    window_calls: int | None
    minimum: int
    failure_rate: float
    slow: float
    slow_rate: float
    wait: float
    longest_wait: float
    probes: int
    probe_time: float


def rules(settings: Settings) -> Rules:
    """The rules that the configuration gives."""
    last = settings.window_calls
    return Rules(
        window=settings.window.total_seconds(),
        window_calls=last,
        minimum=settings.minimum if last is None else min(settings.minimum, last),
        failure_rate=settings.failure_rate,
        slow=inf if settings.slow is None else settings.slow.total_seconds(),
        slow_rate=settings.slow_rate,
        wait=settings.wait.total_seconds(),
        longest_wait=max(settings.wait, settings.longest_wait).total_seconds(),
        probes=settings.probes,
        probe_time=settings.probe_time.total_seconds(),
    )


class _LastCalls:
    """The last calls, however long ago they were."""

    __slots__ = ("_kept", "calls", "failed", "slow")

    def __init__(self, size: int) -> None:
        self._kept: deque[tuple[bool, bool]] = deque(maxlen=size)
        self.calls = self.failed = self.slow = 0

    def add(self, failed: bool, slow: bool, now: float) -> None:
        kept = self._kept
        if len(kept) == kept.maxlen:
            old = kept[0]
            self.failed -= old[0]
            self.slow -= old[1]
        else:
            self.calls += 1
        kept.append((failed, slow))
        self.failed += failed
        self.slow += slow

    def clear(self) -> None:
        self._kept.clear()
        self.calls = self.failed = self.slow = 0


class _LastWhile:
    """The calls of the last `seconds`, summed up by tenths of them."""

    __slots__ = ("_before", "_now", "_over", "_slots", "_width", "calls", "failed", "slow")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / SLOTS
        self._slots = [[0, 0, 0] for _ in range(SLOTS)]
        self._now = self.calls = self.failed = self.slow = 0
        self._over = -inf
        """When this tenth is over."""
        self._before = (0, 0, 0)
        """What there was of all when it began."""

    def add(self, failed: bool, slow: bool, now: float) -> None:
        if now >= self._over:
            self._forget(int(now / self._width))
        self.calls += 1
        self.failed += failed
        self.slow += slow

    def _forget(self, tenth: int) -> None:
        """Another tenth begins: what came in the one before it lies in its slot from now on."""
        self._over = (tenth + 1) * self._width
        slot, before = self._slots[self._now % SLOTS], self._before
        slot[0] += self.calls - before[0]
        slot[1] += self.failed - before[1]
        slot[2] += self.slow - before[2]
        for passed in range(max(self._now + 1, tenth - SLOTS + 1), tenth + 1):
            slot = self._slots[passed % SLOTS]
            self.calls -= slot[0]
            self.failed -= slot[1]
            self.slow -= slot[2]
            slot[:] = (0, 0, 0)
        self._now, self._before = tenth, (self.calls, self.failed, self.slow)

    def clear(self) -> None:
        for slot in self._slots:
            slot[:] = (0, 0, 0)
        self.calls = self.failed = self.slow = 0
        self._before = (0, 0, 0)


class Breaker:
    """The breaker of one function on one upstream. Ask `allows` before a call; tell `note` or `forget` after each that it allowed."""

    def __init__(self, rules: Rules, told: Callable[[Transition], None] = lambda transition: None) -> None:
        self._rules, self._told = rules, told
        self._window = (
            _LastWhile(rules.window) if rules.window_calls is None else _LastCalls(rules.window_calls)
        )
        self.state = State.CLOSED
        self.forced: Literal["open", "closed"] | None = None
        self.why = "nothing speaks against it"
        self.history: deque[Transition] = deque(maxlen=HISTORY)
        self.opened = 0
        """How often it opened, since the start."""
        self.closed = True
        """Whether it lets everything through."""
        self._since = self._until = 0.0
        self._vain = 0
        """How often it opened without having closed."""
        self._probe(0.0)

    def allows(self, now: float) -> bool:
        """Whether a call may be made."""
        return self.closed or self._may_try(now)

    def note(self, failed: bool, seconds: float, now: float) -> None:
        """A call that was allowed `seconds` before `now` has come to this."""
        if self.closed:
            window, rules = self._window, self._rules
            window.add(failed, seconds > rules.slow, now)
            if (
                window.calls >= rules.minimum
                and self.forced is None
                and (
                    window.failed / window.calls >= rules.failure_rate
                    or window.slow / window.calls >= rules.slow_rate
                )
            ):
                self._open(self._judgement(), now)
        elif self._is_probe(seconds, now):
            self._note_probe(failed, seconds > self._rules.slow, now)

    def forget(self, seconds: float, now: float) -> None:
        """A call that was allowed `seconds` before `now` says nothing about the upstream: its caller left, or gave it too little time."""
        if self._is_probe(seconds, now):
            self._given -= 1

    def retry_after(self, now: float) -> float:
        """Seconds until calls may try again; 0.0 when they may, or when nobody knows."""
        return max(0.0, self._until - now) if self.state is State.OPEN and self.forced is None else 0.0

    def force(self, forced: Literal["open", "closed"] | None, now: float, why: str) -> None:
        """Hold it open or closed, or, with None, let it judge again, from nothing. `why` is who wants it so, and what for."""
        state = State.OPEN if forced == "open" else State.CLOSED
        self.forced, self._vain = forced, 0
        self._window.clear()
        self._change(state, now, why)

    def _may_try(self, now: float) -> bool:
        if self.forced == "open":
            return False
        if self.state is State.OPEN:
            if now < self._until:
                return False
            self._probe(now)
            self._change(State.HALF_OPEN, now, f"it was open for {format_duration(now - self._since)}")
        if self._given < self._rules.probes:
            self._given += 1
            self._last_given = now
            return True
        if now - self._last_given < self._rules.probe_time:
            return False
        self._judge(self._given - self._back, now)
        return self.allows(now)

    def _probe(self, now: float) -> None:
        self._given = self._back = self._failed = self._slow = 0
        self._last_given = now

    def _is_probe(self, seconds: float, now: float) -> bool:
        return self.state is State.HALF_OPEN and now - seconds >= self._since - _ROUNDING

    def _note_probe(self, failed: bool, slow: bool, now: float) -> None:
        self._back += 1
        self._failed += failed
        self._slow += slow
        self._judge(0, now)

    def _judge(self, missing: int, now: float) -> None:
        """Close or open again, as soon as what the probes still may say can't change it. `missing` are given up for failed."""
        probes, failed = self._rules.probes, self._failed + missing
        if failed / probes >= self._rules.failure_rate:
            gone = f", {missing} of them by not coming back" if missing else ""
            self._open(f"{failed} of {probes} probes failed{gone}", now)
        elif self._slow / probes >= self._rules.slow_rate:
            self._open(f"{self._slow} of {probes} probes were slow", now)
        elif self._back + missing >= probes:
            self._vain = 0
            self._window.clear()
            self._change(State.CLOSED, now, f"{probes - failed} of {probes} probes succeeded")

    def _judgement(self) -> str:
        window, rules = self._window, self._rules
        over = f" of the last {format_duration(rules.window)}" if rules.window_calls is None else ""
        if window.failed / window.calls >= rules.failure_rate:
            return f"{window.failed} of {window.calls} calls{over} failed"
        return f"{window.slow} of {window.calls} calls{over} took longer than {format_duration(rules.slow)}"

    def _open(self, why: str, now: float) -> None:
        # The exponent is bounded, since a power of a large one is no float any more.
        wait = min(self._rules.wait * 2.0 ** min(self._vain, 64), self._rules.longest_wait)
        self._until = now + wait
        self._vain += 1
        self._change(State.OPEN, now, why)

    def _change(self, state: State, now: float, why: str) -> None:
        transition = Transition(now, self.state, state, why)
        self.opened += state is State.OPEN
        self.state, self.why, self._since = state, why, now
        self.closed = state is State.CLOSED
        self.history.append(transition)
        self._told(transition)


class Breakers:
    """All breakers of a facade. `told` hears of every change: side, function, what changed."""

    def __init__(
        self,
        settings: Settings,
        told: Callable[[str, str, Transition], None] = lambda side, function, transition: None,
    ) -> None:
        self._rules, self._enabled, self._told = rules(settings), settings.enabled, told
        self.all: dict[tuple[str, str], Breaker] = {}
        """Those that were asked for, by side and function."""

    def of(self, side: str, function: str) -> Breaker:
        """The breaker of a function on a side; made when it is first asked for."""
        return self.all.get((side, function)) or self._made(side, function)

    def _made(self, side: str, function: str) -> Breaker:
        made = Breaker(self._rules, lambda transition: self._told(side, function, transition))
        if not self._enabled:
            made.forced = "closed"
            made.why = "facade.breaker.enabled is false"
        self.all[(side, function)] = made
        return made
