"""Metrics: what Prometheus reads at `/metrics`, as text or, where it asks for that, as OpenMetrics.

A call costs a look-up and a few additions (`note`); labels and samples are made of the sums when somebody reads. What others
count by themselves (pools, breakers, standings) is asked for then too: see `watch`. Labels are bounded: functions are those of the
configuration, cohorts those that have a standing of their own (all others are `*`), a status is one that HTTP
knows, an error one that RFC 9209 names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from http import HTTPStatus
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import choose_encoder

from strangler.control.comparisons import Kind
from strangler.cutover.stages import EVERYONE
from strangler.facade import exposition
from strangler.facade.call import GONE, NO_FUNCTION, Call
from strangler.facade.exposition import Example, labelled
from strangler.facade.proxy_status import ERRORS
from strangler.facade.track import Track

NONE: Final = "-"
"""The label of what a call doesn't have: a kind, a side, an answer."""

BOUNDS: Final[tuple[float, ...]] = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds of the buckets of times, in seconds: from what the facade itself takes to what a report of an ERP takes."""

_FIRST: Final = BOUNDS[0]
_SECOND: Final = BOUNDS[1]

ORDINARY: Final = 0.01
"""Seconds up to which a call's time is nothing to be shown as an example at once."""

Reading = Callable[[], Iterable[tuple[tuple[str, ...], float]]]
"""Gives the values of one metric as they are now, each with the values of its labels."""

_OF_A_ROW: Final = ("function", "cohort", "kind", "side", "status")
_OF_A_LANE: Final = ("function", "cohort", "side")
_Key = tuple[str, str, str, str, int]
"""What is said of a call: function, cohort, kind, side, status."""

_STATUSES: Final = frozenset(map(int, HTTPStatus)) | {GONE}
_LES: Final[tuple[str, ...]] = (*(str(bound) for bound in BOUNDS), "+Inf")


class _Times:
    """A histogram: how many in each bucket, and their sum in seconds."""

    __slots__ = ("_counts", "_none", "seconds")

    def __init__(self) -> None:
        self._counts = [0] * len(_LES)
        self._none = 0
        """Those that took no time at all, as a connection that is kept: nearly all do, and belong to the first bucket."""
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        if seconds == 0.0:
            self._none += 1
        else:
            self._counts[_place(seconds)] += 1
            self.seconds += seconds

    def counts(self) -> list[int]:
        """How many are in each bucket."""
        return [self._counts[0] + self._none, *self._counts[1:]]


class _Lane:
    """What is summed up of one function, or of one cohort of it, on one side."""

    __slots__ = (
        "connect",
        "examples",
        "first_byte",
        "labels",
        "next_example",
        "received",
        "retries",
        "seconds",
        "sent",
    )

    def __init__(self, *whose: str) -> None:
        self.labels = labelled(_OF_A_LANE, whose)
        self.seconds, self.connect, self.first_byte = _Times(), _Times(), _Times()
        self.examples: list[Example | None] = [None] * len(_LES)
        """A call of each bucket of `seconds`, with its `traceparent`."""
        self.next_example = 0.0
        """When the next call that took no longer than most is one."""
        self.received = self.sent = self.retries = 0


class Row:
    """Calls of one function, cohort, kind, side and status."""

    __slots__ = ("count", "labels", "lane")

    def __init__(self, labels: str, lane: _Lane) -> None:
        self.count, self.labels, self.lane = 0, labels, lane


class _Watched(NamedTuple):
    kind: Literal["counter", "gauge"]
    name: str
    words: str
    labels: tuple[str, ...]
    read: Reading


class Metrics:
    """The facade's sums. `note` belongs to the event loop's thread. Only `functions` get labels of their own."""

    def __init__(self, functions: Collection[str]) -> None:
        self._functions = frozenset(functions)
        self._known: dict[_Key, Row] = {}
        """By what is said of a call: several of these may be one row."""
        self._rows: dict[tuple[str, str, str, str, str], Row] = {}
        self._lanes: dict[tuple[str, str, str], _Lane] = {}
        self._errors: dict[tuple[str, str, str, str], int] = {}
        self._fallbacks: dict[tuple[str, str], int] = {}
        self._watched: list[_Watched] = []
        self.registry = registry = CollectorRegistry()
        self.untranslatable = Counter(
            "strangler_facade_untranslatable",
            "Calls that couldn't be put to the new service; legacy answered them where it could.",
            ["function"],
            registry=registry,
        )
        self.shadow = Counter(
            "strangler_facade_shadow",
            "Shadow comparisons by outcome: matched, mismatched, failed (new didn't answer), uncompared, dropped.",
            ["function", "cohort", "outcome"],
            registry=registry,
        )
        self.effects = Counter(
            "strangler_facade_effects",
            "Writes put to the new service as dry runs, by outcome: rehearsed (a worker compares it), mismatched (new would have refused), "
            "failed, unasked (it doesn't know dry runs), dropped.",
            ["function", "cohort", "outcome"],
            registry=registry,
        )
        self._shadowed: dict[tuple[str, str, str, str], Counter] = {}
        ProcessCollector(registry=registry)

    def note_shadow(self, kind: Kind, function: str, cohort: str, outcome: str, calls: int = 1) -> None:
        """Add calls that were put to new beside legacy."""
        key = (kind, function, cohort, outcome)
        child = self._shadowed.get(key)
        if child is None:
            counter = self.shadow if kind == "read" else self.effects
            child = self._shadowed[key] = counter.labels(function, cohort, outcome)
        child.inc(calls)

    def note(self, call: Call, track: Track) -> None:
        """Add a call that is over."""
        row = track.row
        if row is None or track.status != call.status:
            key = _key(call)
            row = track.row = self._known.get(key) or self._row(key)
            track.status = call.status
        row.count += 1
        lane = row.lane
        lane.received += call.received
        lane.sent += call.sent
        seconds = call.ended - call.began
        lane.seconds.add(seconds)
        if seconds > ORDINARY:
            lane.examples[_place(seconds)] = (call.trace, seconds)
        elif call.ended >= lane.next_example:
            lane.examples[_place(seconds)], lane.next_example = (call.trace, seconds), call.ended + 1.0
        if call.connected:
            lane.connect.add(call.connected - call.called)
            if call.first_byte:
                lane.first_byte.add(call.first_byte - call.connected)
        if call.error or call.tries > 1 or call.fell_back:
            self._oddity(call, _key(call), lane)

    def _row(self, key: _Key) -> Row:
        function, (_, cohort, kind, side, status) = self._function(key[0]), key
        whose = (function, cohort, side)
        lane = self._lanes.get(whose)
        if lane is None:
            lane = self._lanes[whose] = _Lane(*whose)
        values = (function, cohort, kind, side, _status(status))
        row = self._rows.get(values)
        if row is None:
            row = self._rows[values] = Row(labelled(_OF_A_ROW, values), lane)
        if function == key[0] and status in _STATUSES:
            self._known[key] = row
        return row

    def _oddity(self, call: Call, key: _Key, lane: _Lane) -> None:
        function, (_, cohort, _, side, _) = self._function(key[0]), key
        lane.retries += max(0, call.tries - 1)
        if call.error:
            place = (function, cohort, side, call.error if call.error in ERRORS else "other")
            self._errors[place] = self._errors.get(place, 0) + 1
        if call.fell_back:
            self._fallbacks[function, cohort] = self._fallbacks.get((function, cohort), 0) + 1

    def _function(self, name: str) -> str:
        return name if name in self._functions else NO_FUNCTION

    def watch(self, name: str, words: str, labels: tuple[str, ...], read: Reading) -> None:
        """Show a gauge whose values are asked for when somebody reads; `name` without `strangler_facade_`."""
        self._watched.append(_Watched("gauge", f"strangler_facade_{name}", words, labels, read))

    def watch_count(self, name: str, words: str, labels: tuple[str, ...], read: Reading) -> None:
        """The same for what only grows; `name` without `_total` too."""
        self._watched.append(_Watched("counter", f"strangler_facade_{name}", words, labels, read))

    def page(self, accept: str = "") -> bytes:
        """All of it, in the best format that `accept` (the header) takes."""
        return b"".join(self.pieces(accept))

    def content_type(self, accept: str = "") -> str:
        """The media type of `page`."""
        return choose_encoder(accept)[1]

    def pieces(self, accept: str = "") -> Iterator[bytes]:
        """`page` in pieces of a quarter of a millisecond each: calls may be served, and noted, between two of them."""
        encode, kind = choose_encoder(accept)
        openly = kind.startswith("application/openmetrics-text")
        for name, words, lines in self._counters():
            yield from exposition.family(name, "counter", words, lines, openly)
        for name, words, times_of in _TIMES:
            yield from exposition.family(
                name, "histogram", words, self._histograms(name, times_of, openly), openly
            )
        for watched in self._watched:
            yield from self._asked(watched, openly)
        yield encode(self.registry)  # last, since it writes the end of OpenMetrics

    def _counters(self) -> Iterator[tuple[str, str, Iterable[str]]]:
        name = "strangler_facade_requests"
        words = "Calls answered, by function, cohort (* for all without a standing of their own), kind (read, write), side and status."
        rows = [(row.labels, row.count) for row in self._rows.values()]
        yield name, words, exposition.samples(f"{name}_total", rows)
        name = "strangler_facade_errors"
        words = "Calls that the facade answered itself or broke off, by the error of RFC 9209 and the side that would have answered."
        errors = [(labelled((*_OF_A_LANE, "error"), at), n) for at, n in self._errors.items()]
        yield name, words, exposition.samples(f"{name}_total", errors)
        name = "strangler_facade_fallbacks"
        words = "Calls that legacy answered, since new couldn't."
        fallbacks = [(labelled(("function", "cohort"), of), n) for of, n in self._fallbacks.items()]
        yield name, words, exposition.samples(f"{name}_total", fallbacks)
        for name, words, sum_of in _SUMS:
            sums = [(lane.labels, sum_of(lane)) for lane in self._lanes.values()]
            yield name, words, exposition.samples(f"{name}_total", sums)

    def _histograms(self, name: str, times_of: Callable[[_Lane], _Times], openly: bool) -> Iterator[str]:
        for lane in list(self._lanes.values()):
            times = times_of(lane)
            lines = exposition.histogram(name, lane.labels, _LES, times.counts(), times.seconds)
            if openly and times is lane.seconds:
                examples = [last and (last[0][3:35], last[1]) for last in lane.examples]
                lines = exposition.with_examples(lines, examples)
            yield from lines

    def _asked(self, watched: _Watched, openly: bool) -> Iterator[bytes]:
        kind, name, words, labels, read = watched
        rows = [(labelled(labels, values), value) for values, value in read()]
        lines = exposition.samples(f"{name}_total" if kind == "counter" else name, rows)
        return exposition.family(name, kind, words, lines, openly)


def _key(call: Call) -> _Key:
    decision = call.decision
    if decision is None:
        return NO_FUNCTION, EVERYONE, NONE, NONE, call.status
    function, kind = decision.function or NO_FUNCTION, decision.kind or NONE
    # The value of the side alone: an enum is hashed in Python.
    return function, decision.standing, kind, decision.side._value_, call.status


def _place(seconds: float) -> int:
    """The bucket of a time: one of the first, for most calls, which a comparison finds sooner than a search."""
    if seconds <= _FIRST:
        return 0
    if seconds <= _SECOND:
        return 1
    return bisect_left(BOUNDS, seconds, 2)


def _status(status: int) -> str:
    """The label of a status: itself where HTTP knows it, its class where not, so that `5..` finds both."""
    if status in _STATUSES:
        return str(status)
    return f"{status // 100}xx" if 100 <= status <= 599 else NONE


_TIMES: Final[tuple[tuple[str, str, Callable[[_Lane], _Times]], ...]] = (
    (
        "strangler_facade_request_seconds",
        "Time from the head of a call to the end of its answer.",
        lambda lane: lane.seconds,
    ),
    (
        "strangler_facade_upstream_connect_seconds",
        "Time until a connection to the upstream was at hand, a kept one or a new one.",
        lambda lane: lane.connect,
    ),
    (
        "strangler_facade_upstream_first_byte_seconds",
        "Time from there to the head of the upstream's answer.",
        lambda lane: lane.first_byte,
    ),
)

_SUMS: Final[tuple[tuple[str, str, Callable[[_Lane], int]], ...]] = (
    ("strangler_facade_request_bytes", "Bytes of callers' bodies.", lambda lane: lane.received),
    ("strangler_facade_response_bytes", "Bytes of answers' bodies.", lambda lane: lane.sent),
    (
        "strangler_facade_upstream_retries",
        "Times that an upstream was asked again.",
        lambda lane: lane.retries,
    ),
)
