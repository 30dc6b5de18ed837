"""See the package."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from strangler.testing import postgres
from tests import chaos
from tests.chaos.experiment import run
from tests.chaos.landscapes import WAYS, Servers

ROWS: Final = 60_000


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    seed = random.randrange(1 << 30) if arguments.seed is None else arguments.seed
    console.print(f"way {arguments.way}, seed {seed}")
    deadline = None if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    with _home(arguments.home) as home, ExitStack() as stack:
        store = _store(arguments.store, home, stack)
        landscape = WAYS[arguments.way](home, Servers(home, stack), store)
        outcome = run(
            landscape, arguments.kills, seed, rows=arguments.rows, deadline=deadline, tell=console.print
        )
    console.print(
        f"[green]clean[/green] after {sum(outcome.kills.values())} kills (way {arguments.way}, seed {seed})"
    )
    console.print(str(outcome))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=chaos.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--way", choices=WAYS, default="postgres")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, help="kill nothing more after so many minutes")
    parser.add_argument("--seed", type=int, help="what chance draws; by default any")
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows that are there in the beginning")
    parser.add_argument("--home", type=Path, help="an empty folder for all data and logs, which stay there")
    return parser.parse_args()


def _store(kind: str, home: Path, stack: ExitStack) -> str:
    if kind == "sqlite":
        return f"sqlite:///{home}/service.db"
    return stack.enter_context(postgres.server(home / "service")).create_database("service")


@contextmanager
def _home(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.absolute()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


if __name__ == "__main__":
    main()
