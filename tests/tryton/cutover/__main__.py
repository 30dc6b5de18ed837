"""See the package."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from examples.tryton import processes
from examples.tryton.tally import Tally
from strangler.errors import StranglerError
from strangler.testing import postgres
from tests.tryton import cutover
from tests.tryton.cutover.scene import Tell, scene
from tests.tryton.cutover.story import play


def main() -> None:
    arguments = _arguments()
    processes.stop_on_signals()
    console, began = Console(highlight=False), time.monotonic()

    def tell(line: str) -> None:
        at = " " * 8 if line.startswith(" ") else f"{time.monotonic() - began:6.0f} s"
        console.print(f"{at}  {escape(line)}", soft_wrap=True)

    try:
        tally = _play(arguments.keep, tell)
    except (AssertionError, StranglerError) as error:
        tell(f"✗ {error}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        tell("ended before its end")
        raise SystemExit(130) from None
    tell(
        f"{tally.succeeded:,} calls succeeded, {tally.repeated:,} were repeated after a fence's 503, {tally.failed} failed; "
        f"Tryton's completion offered {tally.awaited} records a moment later, {tally.longest_wait:.1f} s at most"
    )


def _play(keep: Path | None, tell: Tell) -> Tally:
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.server(keep) as server,
        scene(server, Path(folder), tell) as it,
    ):
        return play(it, tell)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.tryton.cutover", description=cutover.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where PostgreSQL's data stays for the next run"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
