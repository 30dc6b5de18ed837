"""See the package."""

from __future__ import annotations

import argparse
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from strangler.testing import mariadb, postgres
from strangler.urls import sqlite_url
from tests import faults
from tests.faults.experiment import run
from tests.faults.landscape import PAIRS, Landscape

ROOM: Final = {"innodb_buffer_pool_size": "2G", "innodb_log_file_size": "512M", "max_binlog_size": "1G"}


def main() -> None:
    arguments = _arguments()
    console = Console(highlight=False)
    seed = random.randrange(1 << 30) if arguments.seed is None else arguments.seed
    console.print(f"pair {arguments.pair}, seed {seed}")
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        landscape = _landscape(arguments.pair, Path(home), stack)
        outcome = run(landscape, arguments.rows, arguments.faults, seed, console.print)
    console.print(f"[green]{outcome}[/green] ({arguments.pair}, seed {seed})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=faults.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--pair", choices=PAIRS, default=PAIRS[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="what chance draws; by default any")
    return parser.parse_args()


def _landscape(pair: str, home: Path, stack: ExitStack) -> Landscape:
    """On private servers."""
    legacy, store = pair.split("-")
    server = stack.enter_context(postgres.server(home / "postgres", max_wal_size="8GB"))
    if legacy == "mariadb":
        old = stack.enter_context(mariadb.server(home / "mariadb", **ROOM)).create_database("legacy")
    else:
        old = server.create_database("legacy")
    new = sqlite_url(home / "service.db") if store == "sqlite" else server.create_database("service")
    return Landscape(home, old, new)


if __name__ == "__main__":
    main()
