"""Switch: how long a caller waits for a write while the owner of a function changes.

    python -m benchmarks.switch [--rows 1000000] [--rate 200] [--rounds 3] [--hold 500]

PostgreSQL is legacy, store and control store. A real worker fills a store of so many rows and keeps it up to date, a real facade takes
POSTs at an even rate, each of which updates a row on the side that it is passed to; the switch is that of `strangler advance`.
A call counts from when it was due. `ours`: seconds that the writes took which were under way between the fence and its end; `calm`:
the same in the seconds before. `refused` are those that were told to come again. The steps are those of the journal, in milliseconds.

After each round legacy is made the owner again by hand. Each round writes to other rows, since what new wrote in the one before
stays where it is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table

from benchmarks import partners, writers
from benchmarks.writers import Called
from strangler import configuration
from strangler.control import backfills, deliveries, standings
from strangler.control.store import Control
from strangler.cutover.conductor import Acting
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.plan import arrival, moved
from strangler.cutover.stages import EVERYONE, Stage, at_the_start
from strangler.errors import Unavailable
from strangler.settings import Settings
from strangler.testing import postgres
from strangler.testing.facade import running

FUNCTION: Final = "partners"
BEFORE, AFTER = 6.0, 3.0
"""Seconds of writes before a switch, and after it."""

LONGEST: Final = 1800.0
"""Seconds that filling and catching up may take."""


class Round(NamedTuple):
    """One switch: the writes, when the fence stood (seconds, as the calls have them), and what each step took."""

    calls: list[Called]
    begun: float
    ended: float
    steps: dict[Step, float]

    @property
    def during(self) -> list[Called]:
        return [each for each in self.calls if each.ended >= self.begun and each.due <= self.ended]

    @property
    def calm(self) -> list[Called]:
        return [each for each in self.calls if each.ended < self.begun]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hold", type=int, default=500, help="milliseconds that a write waits in the facade")
    chosen = parser.parse_args()
    with _stand(chosen.rows, chosen.hold) as stand:
        rounds = [stand.switch(chosen.rate, chosen.rows, turn) for turn in range(chosen.rounds)]
    _report(rounds, vars(chosen))


class _Stand:
    """Everything that runs."""

    def __init__(self, settings: Settings, control: Control, url: str) -> None:
        self._settings, self._control, self._url = settings, control, url

    def switch(self, rate: float, rows: int, turn: int) -> Round:
        """Write, and switch meanwhile."""
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as apart:
            apart.apply(writers.ready)
            written = apart.apply_async(writers.evenly, (self._url, rate, BEFORE + AFTER, rows, turn))
            time.sleep(BEFORE)
            marks: list[tuple[Step, bool, float]] = []
            hand = Acting(
                self._control,
                "benchmark",
                30.0,
                partial(outside, self._settings, self._control),
                lambda step, done: marks.append((step, done, time.monotonic())),
            )
            before = standings.of(self._control, FUNCTION)
            target = arrival(Stage.LIVE, 0)
            hand.switch(Intent(FUNCTION, EVERYONE, target.stage, target.weight, "benchmark", "", []), before)
            calls = written.get()
        self._back()
        return Round(calls, marks[0][2], marks[-1][2], dict(_steps(marks)))

    def _back(self) -> None:
        """Legacy owns it again, and delivery goes on."""
        live = standings.of(self._control, FUNCTION)
        again = moved(live, arrival(Stage.CANARY, 100))
        standings.change(self._control, live, again, at=time.time())
        _until(lambda: self._delivered() >= standings.generation(self._control), "delivery goes on")

    def _delivered(self) -> int:
        found = deliveries.get(self._control, FUNCTION)
        return found.generation if found else 0


def _steps(marks: Sequence[tuple[Step, bool, float]]) -> Iterator[tuple[Step, float]]:
    """What each step took, up to where the next one begins."""
    ends = [at for step, done, at in marks if done]
    begins = [(step, at) for step, done, at in marks if not done]
    for (step, at), end in zip(begins, ends, strict=True):
        yield step, 1000 * (end - at)


@contextmanager
def _stand(rows: int, hold: int) -> Iterator[_Stand]:
    """Databases, both sides, worker and facade; the store is filled."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres.server(home / "pg", max_wal_size="8GB", shared_buffers="2GB"))
        legacy, store, control_url = (server.create_database(name) for name in ("legacy", "store", "control"))
        partners.execute(legacy, partners.CREATE, partners.FILL.format(rows=rows))
        sides = [stack.enter_context(writers.side(url)) for url in (legacy, store)]
        written = _configuration(legacy, store, control_url, sides, hold)
        file = home / "strangler.yaml"
        file.write_text(yaml.safe_dump(written))
        settings = configuration.load(file)
        control = stack.enter_context(Control.open(control_url))
        start = at_the_start(FUNCTION)
        standings.change(control, start, moved(start, arrival(Stage.CANARY, 100)), at=time.time())
        stack.enter_context(_worker(file))
        _until(lambda: _filled(control), "the store is filled")
        facade = stack.enter_context(running(written, home))
        yield _Stand(settings, control, facade.url)


def _configuration(legacy: str, store: str, control: str, sides: Sequence[str], hold: int) -> dict[str, Any]:
    entity = {"table": partners.TABLE, "key": ["id"], "fields": partners.FIELDS}
    return {
        "name": "bench",
        "sources": {"legacy": {"kind": "postgres", "url": legacy}},
        "control": {"url": control},
        "stores": {"store": {"url": store}},
        "facade": {"port": 0, "legacy": sides[0]},
        "console": {"port": 0},
        "cutover": {"hold_writes": f"{hold}ms"},
        "functions": {
            FUNCTION: {
                "source": "legacy",
                "store": "store",
                "service": {"url": sides[1]},
                "entities": {"partner": entity},
                "routes": [{"kind": "write", "match": {"path": "/partners/{id}", "method": "POST"}}],
            }
        },
    }


@contextmanager
def _worker(file: Path) -> Iterator[None]:
    """`strangler worker`, as users run it."""
    command = [sys.executable, "-c", "from strangler.cli.main import main; main()", "-c", str(file), "worker"]
    with (file.parent / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=file.parent)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _filled(control: Control) -> bool:
    found = backfills.get(control, FUNCTION, "partner")
    return found is not None and found.finished_at is not None


def _until(holds: Any, what: str) -> None:
    deadline = time.monotonic() + LONGEST
    while not holds():
        if time.monotonic() > deadline:
            raise Unavailable(f"it isn't so that {what}, after {LONGEST:g} s")
        time.sleep(0.1)


def _report(rounds: Sequence[Round], chosen: dict[str, Any]) -> None:
    """A table for people and, last, one JSON line; times in seconds."""
    during = sorted(each.took for one in rounds for each in one.during)
    calm = sorted(each.took for one in rounds for each in one.calm)
    refused = [sum(each.status == 503 for each in one.during) for one in rounds]
    failed = [each.status for one in rounds for each in one.calls if each.status not in (200, 503)]
    table = Table(title="switch: seconds that a write takes", title_justify="left")
    for heading in ("writes", "how many", "p50", "p99", "max"):
        table.add_column(heading, justify="left" if heading == "writes" else "right")
    for name, took in (("while it is switched", during), ("before", calm)):
        table.add_row(name, f"{len(took):,}", *(f"{_at(took, share):.4f}" for share in (0.5, 0.99, 1.0)))
    steps = {step: statistics.median(one.steps[step] for one in rounds) for step in rounds[0].steps}
    below = Table(title="steps: milliseconds, the median of the rounds", title_justify="left")
    below.add_column("step")
    below.add_column("ms", justify="right")
    for step, took_ms in steps.items():
        below.add_row(step, f"{took_ms:.1f}")
    Console(width=120).print(table, below)
    line = {"benchmark": "switch", "unit": "s", "ours": round(_at(during, 0.99), 4)}
    line |= {
        "p50": round(_at(during, 0.5), 4),
        "max": round(_at(during, 1.0), 4),
        "calm_p99": round(_at(calm, 0.99), 4),
    }
    line |= {
        "switch": round(statistics.median(one.ended - one.begun for one in rounds), 3),
        "refused": refused,
    }
    line |= {
        "failed": len(failed),
        "steps_ms": {step: round(took, 1) for step, took in steps.items()},
    } | chosen
    print(json.dumps(line))
    if failed:
        raise SystemExit(f"{len(failed)} writes failed, with {sorted(set(failed))}")


def _at(took: Sequence[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))]


if __name__ == "__main__":
    main()
