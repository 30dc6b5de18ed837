"""Facade: calls a second, the time that a call takes longer, and long bodies; against nginx and a minimal aiohttp proxy.

    python -m benchmarks.facade [--seconds 10] [--rounds 3] [--rate 8000] [--only facade,facade-latency]

All fronts stand before the same upstream, an nginx that answers 110 bytes of JSON, each with one worker, and are asked in turn by wrk with
one thread and 64 connections (`benchmarks/fronts.py`, `benchmarks/callers.py`). `ours` has everything on: 500 functions, weights, metrics,
the access log; it is the one installed beside the Python that runs this, compiled or plain, and the figures say which. `limit` is nginx
with `proxy_pass` and nothing else, `peer` a minimal proxy with aiohttp on both sides.

`facade`: GET of 5,000 different paths of 500 functions. `facade-jsonrpc`: the same by the method within a JSON-RPC body; the limit passes
the same POSTs on. `facade-exported`: what `strangler export nginx` writes for the same 500 functions, in nginx, against bare nginx.

`facade-latency`: how long a call takes when half as many are made as ours can answer, or `--rate`, at an even rate: directly, through
nginx, through the facade; `added` is what the facade adds at the 99th percentile, in milliseconds. `facade-shadow`: the same when all
reads are shadowed to a candidate that takes them and never answers; `change` says by how much of itself the 99th percentile grows.

`facade-bodies`: megabytes a second of bodies of 1 MB and 100 MB, sent and fetched over one connection, and how much the memory of the
facade's process grew at most meanwhile.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import arms, bodies, callers, fronts
from benchmarks.bodies import MEGABYTE
from strangler.cutover.stages import Stage
from strangler.testing.facade import Facade

MEANING: Final = {
    "ours": "500 functions, weights, metrics, access log",
    "peer": "a minimal proxy, aiohttp on both sides",
    "limit": "nginx, proxy_pass",
}

BODIES: Final = {MEGABYTE: 100, 100 * MEGABYTE: 2}
"""Sizes of bodies, and how many of each are sent or fetched in a round."""

HALF: Final = 0.5
"""Of the calls a second that ours can answer, those that are made when latencies are measured."""


HUNG: Final = 4096
"""Connections that the hung candidate keeps."""


class Stand(NamedTuple):
    """What is given to every table."""

    behind: fronts.Upstream
    seconds: float
    rounds: int
    rate: float | None

    def half(self, url: str) -> float:
        """Calls a second for latencies: half of what a front can answer, if none were asked for."""
        return self.rate or HALF * callers.wrk(url, self.behind.home, min(self.seconds, 5))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10, help="of each arm in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--rate", type=float, help="calls a second for latencies, in place of half of what ours can answer"
    )
    parser.add_argument("--only", default=",".join(TABLES), help="some of them: " + ", ".join(TABLES))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        with fronts.upstream(Path(home), *BODIES) as behind:
            for name in chosen.only.split(","):
                TABLES[name](Stand(behind, chosen.seconds, chosen.rounds, chosen.rate))


def throughput(stand: Stand) -> None:
    _alternate(stand, "facade", callers.GET, MEANING)


def jsonrpc(stand: Stand) -> None:
    meaning = {**MEANING, "ours": "routed by the method in the body"}
    _alternate(stand, "facade-jsonrpc", callers.RPC, meaning)


def exported(stand: Stand) -> None:
    meaning = {"ours": "what `strangler export nginx` writes, in nginx", "limit": MEANING["limit"]}
    with fronts.exported(stand.behind) as ours, fronts.passing(stand.behind) as limit:
        urls = {"ours": ours, "limit": limit}
        rates = arms.alternate(
            {arm: _asked(stand, url, callers.GET) for arm, url in urls.items()}, stand.rounds
        )
        arms.report("facade-exported", "calls/s", rates, meaning, seconds=stand.seconds)


def _alternate(stand: Stand, name: str, call: str, meaning: Mapping[str, str]) -> None:
    with (
        fronts.ours(stand.behind) as ours,
        fronts.peer(stand.behind) as peer,
        fronts.passing(stand.behind) as limit,
    ):
        urls = {"ours": ours.url, "peer": peer, "limit": limit}
        chosen = {arm: _asked(stand, url, call) for arm, url in urls.items()}
        rates = arms.alternate(chosen, stand.rounds)
        memory = _megabytes(ours.memory(most=True))
        more = {"seconds": stand.seconds, "memory": memory, "compiled": ours.compiled}
        arms.report(name, "calls/s", rates, _said_how(meaning, ours), **more)


def _said_how(meaning: Mapping[str, str], ours: Facade) -> Mapping[str, str]:
    """What the arms are, ours with how it runs."""
    return {**meaning, "ours": f"{meaning['ours']}; {_how(ours)}"}


def _how(ours: Facade) -> str:
    return "compiled" if ours.compiled else "plain Python"


def _asked(stand: Stand, url: str, call: str) -> arms.Arm:
    return lambda number: callers.wrk(url, stand.behind.home, stand.seconds, call)


def latency(stand: Stand) -> None:
    """At half of what ours can answer."""
    with fronts.ours(stand.behind) as ours, fronts.passing(stand.behind) as limit:
        rate = stand.half(ours.url)
        urls = {"direct": stand.behind.legacy, "limit": limit, "ours": ours.url}
        measured = _evenly(stand, urls, rate)
    p99 = {name: statistics.median(each.p99 for each in taken) for name, taken in measured.items()}
    _show("facade-latency", measured, rate, ours, added=round(p99["ours"] - p99["direct"], 3))


def shadow(stand: Stand) -> None:
    """The same facade twice, one of them with a candidate that hangs."""
    with (
        _hung() as candidate,
        fronts.ours(stand.behind, Stage.SHADOW) as plain,
        fronts.ours(stand.behind, Stage.SHADOW, new=candidate, shadow={"share": 1.0}) as shadowed,
    ):
        rate = stand.half(shadowed.url)
        measured = _evenly(stand, {"plain": plain.url, "ours": shadowed.url}, rate)
    p99 = {name: statistics.median(each.p99 for each in taken) for name, taken in measured.items()}
    _show("facade-shadow", measured, rate, shadowed, change=round(p99["ours"] / p99["plain"] - 1, 3))


def _evenly(stand: Stand, urls: Mapping[str, str], rate: float) -> dict[str, list[callers.Latencies]]:
    """The latencies of each front: round by round, each beginning with another one."""
    measured: dict[str, list[callers.Latencies]] = {name: [] for name in urls}

    def measure(name: str, url: str) -> arms.Arm:
        def once(number: int) -> float:
            measured[name].append(callers.evenly(url, rate, stand.seconds))
            return rate

        return once

    arms.alternate({name: measure(name, url) for name, url in urls.items()}, stand.rounds)
    return measured


def _show(
    benchmark: str, measured: Mapping[str, list[callers.Latencies]], rate: float, ours: Facade, **more: float
) -> None:
    title = f"{benchmark}: milliseconds, at {rate:,.0f} calls/s; ours is {_how(ours)}"
    table = Table(title=title, title_justify="left")
    for heading in ("arm", "half of the calls", "99 of 100", "least", "most"):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    line: dict[str, Any] = {"benchmark": benchmark, "unit": "ms", "rate": round(rate)}
    for name, taken in measured.items():
        p50, p99 = (
            statistics.median(values) for values in zip(*((t.p50, t.p99) for t in taken), strict=True)
        )
        all_p99 = [each.p99 for each in taken]
        table.add_row(name, *(f"{value:.3f}" for value in (p50, p99, min(all_p99), max(all_p99))))
        line |= {f"{name}_p50": round(p50, 3), f"{name}_p99": round(p99, 3)}
    Console(width=120).print(table)
    print(json.dumps(line | more | {"compiled": ours.compiled}))


def long_bodies(stand: Stand) -> None:
    with bodies.taking() as taker:
        behind = stand.behind._replace(legacy=taker, new=taker)
        _both(stand._replace(behind=behind), "sent", bodies.send)
    _both(stand, "fetched", bodies.fetch)


def _both(stand: Stand, way: str, move: Callable[[str, int, int], float]) -> None:
    with fronts.ours(stand.behind) as ours, fronts.passing(stand.behind) as limit:
        for size, times in BODIES.items():
            _long(stand, ours, limit, move, way, size, times)


def _long(
    stand: Stand, ours: Facade, limit: str, move: Callable[[str, int, int], float], way: str, size: int, times: int
) -> None:  # fmt: skip
    move(ours.url, size, 1)
    before = ours.memory()
    ours.forget_peak()
    chosen: dict[str, arms.Arm] = {
        "ours": lambda number: move(ours.url, size, times),
        "limit": lambda number: move(limit, size, times),
    }
    rates = arms.alternate(chosen, stand.rounds)
    grown = max(0, ours.memory(most=True) - before)
    meaning = {"ours": f"bodies of {size // MEGABYTE} MB {way}", "limit": MEANING["limit"]}
    more = {"way": way, "size": size, "grown": _megabytes(grown), "compiled": ours.compiled}
    arms.report("facade-bodies", "MB/s", rates, _said_how(meaning, ours), **more)


@contextmanager
def _hung() -> Iterator[str]:
    """A candidate that takes every connection and never says a word. Its URL."""
    taken: deque[socket.socket] = deque()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])
                    if len(taken) > HUNG:
                        taken.popleft().close()  # whoever asked there has given up

        threading.Thread(target=take, daemon=True).start()
        host, port = listening.getsockname()
        yield f"http://{host}:{port}"
    for each in taken:
        each.close()


def _megabytes(size: float) -> float:
    return round(size / MEGABYTE, 1)


TABLES: Final[Mapping[str, Callable[[Stand], None]]] = {
    "facade": throughput,
    "facade-jsonrpc": jsonrpc,
    "facade-latency": latency,
    "facade-shadow": shadow,
    "facade-bodies": long_bodies,
    "facade-exported": exported,
}


if __name__ == "__main__":
    main()
