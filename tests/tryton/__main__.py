"""See the package."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from examples.tryton.whole.edits import told
from strangler.testing import postgres
from tests import tryton
from tests.tryton.experiment import Size, run
from tests.tryton.scene import scene

PARTIES: Final = 1_000
TEMPLATES: Final = 150
SALES: Final = 300


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    seed = random.randrange(1 << 30) if arguments.seed is None else arguments.seed
    console.print(f"seed {seed}")
    size = Size(PARTIES, TEMPLATES, SALES, arguments.edits, arguments.kills)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.server() as server,
        scene(server, Path(folder)) as it,
    ):
        console.print(f"Tryton is there after {time.monotonic() - began:.0f} s")
        outcome = run(it, size, seed, tell=console.print)
    console.print(told(outcome.tally))
    for name, count in sorted(outcome.events.items()):
        console.print(f"{count:7,}  {name}")
    console.print(f"rows held to Tryton's API: {outcome.compared}")
    console.print(
        f"[green]clean[/green] after {outcome.tally.edits:,} edits and {outcome.kills} kills (seed {seed}), "
        f"{time.monotonic() - began:.0f} s"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.tryton", description=tryton.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, help="what chance draws; by default any")
    return parser.parse_args()


if __name__ == "__main__":
    main()
