"""Gauges: what metrics ask of the parts that count by themselves, each time that somebody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Protocol

from strangler.facade.breaker import Breakers, State
from strangler.facade.holding import Holding
from strangler.facade.metrics import Metrics
from strangler.facade.shedding import Shedding

Rows = Iterator[tuple[tuple[str, ...], float]]


class Connections(Protocol):
    """The connections to one upstream: `key` names it as in `Call.upstream`; all that are open, those of them that are idle, askers
    that wait for one, and the most that there may be."""

    @property
    def key(self) -> str: ...
    @property
    def open(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def limit(self) -> int: ...


def watch_breakers(metrics: Metrics, breakers: Breakers) -> None:
    def states() -> Rows:
        for (side, function), breaker in list(breakers.all.items()):
            for state in State:
                yield (function, side, state), breaker.state is state

    def opened() -> Rows:
        for (side, function), breaker in list(breakers.all.items()):
            yield (function, side), breaker.opened

    words = "1 for the state that the breaker is in: closed, open or half-open."
    metrics.watch("breaker_state", words, ("function", "side", "state"), states)
    metrics.watch_count("breaker_opened", "Times that the breaker opened.", ("function", "side"), opened)


def watch_shedding(metrics: Metrics, shedding: Shedding) -> None:
    def under_way() -> Rows:
        for lane in shedding.lanes():
            yield (lane.function, lane.side), lane.under

    def shed() -> Rows:
        yield from list(shedding.shed.items())

    metrics.watch("calls_under_way", "Calls under way.", ("function", "side"), under_way)
    metrics.watch("calls_waiting", "Calls that wait for room.", (), lambda: [((), shedding.waiting)])
    words = "Most calls that may be under way now; fewer than configured while the event loop is late."
    metrics.watch("calls_limit", words, (), lambda: [((), shedding.all.limit)])
    words = "Calls refused for want of room, by the limit that was reached."
    metrics.watch_count("shed", words, ("function", "side", "kind", "limit"), shed)
    words = "How late the event loop was in the last second, at least."
    metrics.watch("loop_lag_seconds", words, (), lambda: [((), shedding.lag.shortest)])


def watch_holding(metrics: Metrics, holding: Holding) -> None:
    words = "Writes that wait at a fence."
    metrics.watch("writes_held", words, (), lambda: [((), len(holding))])
    words = "Writes that waited at a fence and do no more, by what came of it: passed, refused, left (by their caller)."
    metrics.watch_count("held_writes", words, ("function", "outcome"), holding.counts)
    metrics.watch_count("held_seconds", "Time for which they waited.", ("function",), holding.times)


def watch_pools(metrics: Metrics, pools: Iterable[Connections]) -> None:
    """`pools` can be gone through again and again."""

    def connections() -> Rows:
        for pool in pools:
            yield (pool.key, "idle"), pool.idle
            yield (pool.key, "in_use"), pool.open - pool.idle

    words = "Connections to an upstream: in use, or kept idle."
    metrics.watch("pool_connections", words, ("upstream", "state"), connections)
    words = "Calls that wait for a connection."
    metrics.watch("pool_waiting", words, ("upstream",), lambda: [((p.key,), p.waiting) for p in pools])
    words = "Most connections that there may be."
    metrics.watch("pool_limit", words, ("upstream",), lambda: [((p.key,), p.limit) for p in pools])


def watch_loop(metrics: Metrics, calls: Sized, connections: Sized) -> None:
    """What there must be nothing of, or as much as before, when nobody calls. To be read inside the event loop."""
    metrics.watch("calls_open", "Calls from their head to their end.", (), lambda: [((), len(calls))])
    words = "Connections of callers, with a call or without."
    metrics.watch("caller_connections", words, (), lambda: [((), len(connections))])
    metrics.watch("tasks", "Tasks of the event loop.", (), lambda: [((), len(asyncio.all_tasks()))])


def watch_drops(metrics: Metrics, of_log: Callable[[], int], of_traces: Callable[[], int]) -> None:
    words = "Lines of the access log that nobody could take."
    metrics.watch_count("access_log_dropped", words, (), lambda: [((), of_log())])
    words = "Sampled calls whose spans could not be handed over."
    metrics.watch_count("traces_dropped", words, (), lambda: [((), of_traces())])
