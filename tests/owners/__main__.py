"""See the package."""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from rich.console import Console

from strangler.testing import postgres
from tests import owners
from tests.owners.experiment import run


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    seed = random.randrange(1 << 30) if arguments.seed is None else arguments.seed
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as home, postgres.server(Path(home) / "postgres") as server:
        outcome = run(Path(home), server, seed=seed, minutes=arguments.minutes, tell=console.print)
    console.print(f"[green]{outcome}[/green] (seed {seed})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.owners", description=owners.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="what chance draws; by default any")
    return parser.parse_args()


if __name__ == "__main__":
    main()
