"""One server for all processes of a test run: whoever asks first starts it, and it ends with the run.

The processes of pytest-xdist share no more than a folder, and each of them may end first or be killed. So such a
server belongs to none of them but to a process of its own, deploy/kafka/run, which watches the run as a whole.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from strangler.errors import Unavailable
from strangler.testing.kafka_jars import DEPLOY, locked


@dataclass(frozen=True, slots=True)
class Run:
    """What the processes of one test run have in common: a folder, and the process that ends last."""

    folder: Path
    pid: int

    def server(self, name: str, *arguments: str) -> str:
        """The address of this run's server: that of `deploy/kafka/run NAME ARGUMENTS`, started unless it runs.

        Raises Unavailable with what it said when it doesn't start; whoever asks then hears the same, at once.
        """
        address, said = self.folder / f"{name}.address", self.folder / f"{name}.said"
        with locked(self.folder / f"{name}.lock"):
            if not said.exists():
                self._start(said, "--while", str(self.pid), "--announce", str(address), name, *arguments)
        if not address.exists():
            raise Unavailable(f"this run has no {name}", why=said.read_text())
        return address.read_text()

    def _start(self, said: Path, *arguments: str) -> None:
        with said.open("wb") as output:
            keeper = subprocess.Popen(
                [sys.executable, str(DEPLOY / "run"), *arguments], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        address = Path(arguments[arguments.index("--announce") + 1])
        while keeper.poll() is None and not address.exists():
            time.sleep(0.05)
