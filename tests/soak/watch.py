"""Watch: what is seen of the facade from outside: memory by the system, calls and connections by its metrics, words by its log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import psutil

from strangler.testing.facade import Facade

IN_USE: Final = "connections in use"

GAUGES: Final = (
    *("calls_open", "calls_under_way", "calls_waiting", "writes_in_flight", "pool_waiting"),
    *(IN_USE, "caller_connections", "tasks"),
)
"""All but the last one must be nothing when nobody asks for anything."""

_SAMPLE: Final = re.compile(r"^strangler_facade_(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)

_BAD: Final = re.compile(r"Traceback|never retrieved|Exception in callback|a call failed in the facade")

MEGABYTE: Final = 1024 * 1024


def gauges(facade: Facade) -> dict[str, float]:
    """The sums of the gauges over their labels."""
    sums = dict.fromkeys(GAUGES, 0.0)
    for name, labels, value in _samples(facade):
        key = IN_USE if name == "pool_connections" and 'state="in_use"' in labels else name
        if key in sums:
            sums[key] += float(value)
    return sums


def compared(facade: Facade) -> float:
    """How many answers were compared, or couldn't be; those for which there was no room are none."""
    samples = _samples(facade)
    return sum(
        float(value)
        for name, labels, value in samples
        if name == "shadow_total" and 'outcome="dropped"' not in labels
    )


def _samples(facade: Facade) -> list[tuple[str, str, str]]:
    """Name, labels and value of each."""
    status, page = facade.page("/metrics")
    assert status == 200, "the facade doesn't say its metrics"
    return _SAMPLE.findall(page.decode())


class Memory(NamedTuple):
    """Bytes that a facade holds, and that the processes hold which it started: to compare, above all."""

    own: int
    beside: int

    @property
    def all(self) -> int:
        return self.own + self.beside


def memory(facade: Facade) -> Memory:
    """What its processes hold now."""
    own, *beside = [process.memory_info().rss for process in _processes(facade)]
    return Memory(own, sum(beside))


def sockets(facade: Facade) -> int:
    """Sockets that its processes have open."""
    links = [
        _link(each) for process in _processes(facade) for each in Path(f"/proc/{process.pid}/fd").iterdir()
    ]
    return sum(link.startswith("socket:") for link in links)


def _processes(facade: Facade) -> list[psutil.Process]:
    """It compares in a process apart."""
    first = psutil.Process(facade.process.pid)
    return [first, *first.children(recursive=True)]


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # Closed since it was listed.
        return ""


def trouble(log: Path) -> Iterator[str]:
    """Lines of a facade's log that say that it failed by itself."""
    with log.open(errors="replace") as lines:
        for line in lines:
            if '"logger":"strangler.access"' in line:
                if '"proxy_internal_error"' in line:
                    yield line
            elif _BAD.search(line) or _level(line) in ("error", "critical"):
                yield line


def _level(line: str) -> str:
    try:
        return str(json.loads(line).get("level", "")).lower()
    except (ValueError, AttributeError):
        return ""


def grown(samples: list[Memory]) -> str:
    """The same in words, for each."""
    told = [growth([getattr(sample, which) for sample in samples]) / MEGABYTE for which in Memory._fields]
    return "{:+.1f} MB of its own, {:+.1f} MB beside it".format(*told)


def growth(samples: list[int]) -> float:
    """By how much the memory of the last quarter is more than that of the second one, in bytes."""
    quarter = len(samples) // 4
    return median(samples[-quarter:]) - median(samples[quarter : 2 * quarter])
