"""See the package."""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console

from tests import soak
from tests.soak.experiment import run
from tests.soak.watch import MEGABYTE

LONG: Final = 20.0
"""Minutes from which on a soak has a quarter to warm up that is long enough."""


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    seed = random.randrange(1 << 30) if arguments.seed is None else arguments.seed
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as home:
        outcome = run(
            Path(home), seconds=60 * arguments.minutes, rate=arguments.rate, seed=seed, most=_most(arguments.minutes),
            tell=console.print if arguments.tell else lambda line: None,
        )  # fmt: skip
    console.print(str(outcome))
    console.print(f"[green]{outcome.summary}[/green] (seed {seed})")


def _most(minutes: float) -> float:
    """By how many bytes memory may grow: what is kept of callers and comparisons is full only after some minutes."""
    return (4 if minutes >= LONG else 16) * MEGABYTE


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=soak.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=150, help="calls to make in a second, about")
    parser.add_argument("--seed", type=int, help="what chance draws; by default any")
    parser.add_argument("--tell", action="store_true", help="say what the weather is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
