"""Victims: what is killed, and comes back a moment later, as under a supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

STRANGLER: Final = Path(sys.executable).parent / "strangler"

PATIENCE: Final = 150.0
"""Seconds within which a victim is up again."""


class Mortal(Protocol):
    """What can be killed without a word and started again at the same place."""

    def start(self) -> None: ...
    def kill(self) -> None: ...


class Worker:
    """Our worker, as its own process; what it says is in `log`. `environment` is added to ours."""

    def __init__(self, configuration: Path, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command = [STRANGLER, "-c", configuration, "worker"]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; whether it does anything is seen at the store."""
        if self._process is None:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


class Victim:
    """Something mortal that is up, or on its way. `kill` and `revive` belong together."""

    def __init__(self, name: str, mortal: Mortal) -> None:
        self.name = name
        self._mortal = mortal
        self._revival: threading.Thread | None = None
        self._failure: Exception | None = None

    def kill(self, dead_for: float) -> None:
        """Wait until it is up, kill it, and let it come back by itself after `dead_for` seconds."""
        self.until_up()
        self._mortal.kill()
        self._revival = threading.Thread(
            target=self._revive, args=(dead_for,), name=f"revival of {self.name}"
        )
        self._revival.start()

    def until_up(self) -> None:
        """Wait until it is up. Raises what kept it from starting."""
        if self._revival is not None:
            self._revival.join(PATIENCE)
            assert not self._revival.is_alive(), f"{self.name} doesn't come up again"
        if self._failure is not None:
            raise self._failure

    def _revive(self, after: float) -> None:
        time.sleep(after)  # That long it is gone; nothing is waited for.
        try:
            self._mortal.start()
        except Exception as error:  # noqa: BLE001 - told by whoever waits for it
            self._failure = error
