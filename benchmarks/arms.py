"""Arms: run what is compared in turn, several rounds, and print medians, ratios and one JSON line.

Two shared cores give other figures every hour; so only ratios within one run mean something, and the arms alternate so that
a slow minute hits all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table

from strangler.testing import postgres
from strangler.testing.postgres import Server

Arm = Callable[[int], float]
"""Runs once (given the number of the round) and returns its rate per second."""

S = TypeVar("S")


class Benchmark(NamedTuple, Generic[S]):
    """What is measured in one table: `meaning` says what each arm is; `serve` starts the private server that all of them use, in an
    empty directory; `prepare` gets that directory, the server and the size, and gives the arms."""

    name: str
    meaning: Mapping[str, str]
    serve: Callable[[Path], AbstractContextManager[S]]
    prepare: Callable[[Path, S, int], Mapping[str, Arm]]


def run(description: str | None, size: tuple[str, int], *benchmarks: Benchmark[Any]) -> None:
    """Benchmarks as a program: options, then for each its server, its arms in turn, its report.

    `size` names what is counted and how much of it by default (`("rows", 2_000_000)`).
    """
    what, default = size
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(f"--{what}", dest="size", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[each.name for each in benchmarks])
    chosen = parser.parse_args()
    for benchmark in benchmarks:
        if chosen.only in (None, benchmark.name):
            with tempfile.TemporaryDirectory() as home, benchmark.serve(Path(home)) as server:
                rates = alternate(benchmark.prepare(Path(home), server, chosen.size), chosen.rounds)
            report(benchmark.name, f"{what}/s", rates, benchmark.meaning, **{what: chosen.size})


def postgresql(home: Path) -> AbstractContextManager[Server]:
    """A private PostgreSQL, as the tests have it but with room for a backlog."""
    return postgres.server(home / "pg", max_wal_size="8GB", shared_buffers="4GB")


def alternate(arms: Mapping[str, Arm], rounds: int) -> dict[str, list[float]]:
    """The rates of every arm: round by round, each round beginning with another arm."""
    names = list(arms)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            rate = arms[name](number)
            rates[name].append(rate)
            print(f"  round {number + 1}: {name:<5} {rate:>12,.0f} /s", file=sys.stderr, flush=True)
    return rates


def report(
    benchmark: str, unit: str, rates: Mapping[str, list[float]], meaning: Mapping[str, str], **more: object
) -> dict[str, Any]:
    """A table for people and, last, one JSON line: `ours`, `peer`, … (medians), `vs_peer`, …; the arms in the order of their meaning.
    Returns what the line says."""
    median = {name: statistics.median(rates[name]) for name in meaning}
    table = Table(title=f"{benchmark}: {unit}", title_justify="left")
    for heading in ("arm", "what", "median", "least", "most", "ours is"):
        table.add_column(heading, justify="left" if heading in ("arm", "what") else "right")
    for name, middle in median.items():
        ratio = "" if name == "ours" else f"{median['ours'] / middle:.2f} ×"
        values = rates[name]
        table.add_row(
            name, meaning[name], f"{middle:,.0f}", f"{min(values):,.0f}", f"{max(values):,.0f}", ratio
        )
    Console(width=120).print(table)
    line: dict[str, Any] = {"benchmark": benchmark, "unit": unit}
    line |= {name: round(middle, 1) for name, middle in median.items()}
    line |= {
        f"vs_{name}": round(median["ours"] / middle, 3) for name, middle in median.items() if name != "ours"
    }
    line |= {"rounds": len(rates["ours"])} | more
    print(json.dumps(line))
    return line
