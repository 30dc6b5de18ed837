"""See the package."""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from rich.console import Console

from strangler.testing import postgres
from tests import moving
from tests.faults.landscape import Landscape
from tests.moving.experiment import run


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    seed = random.randrange(1 << 30) if arguments.seed is None else arguments.seed
    console.print(f"seed {seed}")
    with (
        tempfile.TemporaryDirectory() as home,
        postgres.server(Path(home) / "postgres", max_wal_size="8GB") as server,
    ):
        landscape = Landscape(Path(home), server.create_database("legacy"), server.create_database("service"))
        outcome = run(
            landscape, minutes=arguments.minutes, rate=arguments.writes, faults=arguments.faults, rows=arguments.rows, seed=seed,
            tell=console.print,
        )  # fmt: skip
    console.print(f"[green]{outcome}[/green] (seed {seed})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.moving", description=moving.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--writes", type=float, default=2000, help="rows to write in a second")
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--rows", type=int, default=200_000, help="rows that are there in the beginning")
    parser.add_argument("--seed", type=int, help="what chance draws; by default any")
    return parser.parse_args()


if __name__ == "__main__":
    main()
