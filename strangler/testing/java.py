"""A server on the Java virtual machine as a child process: started until it answers, stopped, or killed as a power cut would.

It belongs to the process that started it. Should that one die without a word, the server is killed too.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from strangler.errors import StranglerError, Unavailable
from strangler.testing.mourner import Mourner

QUICK: Final = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Flags for tests: up soon and small. A benchmark gives its own."""

LOGGING: Final = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.showLogName=true",
    # Every client and connector would list all of its settings, hundreds of lines a time.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
)

PATIENCE: Final = 120.0
"""Seconds until a server that doesn't answer counts as failed: many share a machine while tests run."""


class Process:
    """One Java server. `start`, `stop` and `kill` come in any order; its addresses and data stay the same meanwhile."""

    def __init__(
        self, name: str, command: Sequence[str], *, home: Path, log: Path, answers: Callable[[], bool]
    ) -> None:
        self.name, self.log = name, log
        self._command, self._home, self._answers = command, home, answers
        self._process: subprocess.Popen[bytes] | None = None
        self._mourner: Mourner | None = None

    @property
    def pid(self) -> int | None:
        """Its process, or None while it doesn't run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start and wait until it answers; nothing happens when it runs already.

        Raises Unavailable with the end of its log when it ends instead, or doesn't answer within `PATIENCE`.
        """
        if self.pid is not None:
            return
        self._bury()
        if self._answers():
            raise Unavailable(f"{self.name} doesn't start", why="another one answers at its address already")
        with self.log.open("ab") as output:
            # A session of its own: Ctrl-C in a terminal reaches the parent alone, which stops things in order.
            self._process = subprocess.Popen(
                self._command, cwd=self._home, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._mourner = Mourner(self._process.pid)
        try:
            self._wait_for_answer(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop in order; after 20 seconds it is killed."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._bury()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._bury()

    def _wait_for_answer(self, process: subprocess.Popen[bytes]) -> None:
        patience = time.monotonic() + PATIENCE
        while not self._answers():
            ended = process.poll() is not None
            if ended or time.monotonic() > patience:
                how = (
                    f"ended with exit code {process.returncode}"
                    if ended
                    else f"is silent for {PATIENCE:.0f} s"
                )
                raise Unavailable(
                    f"{self.name} doesn't start: it {how}", why=tail(self.log), do=f"see {self.log}"
                )
            time.sleep(0.05)

    def _bury(self) -> None:
        if self._mourner is not None:
            self._mourner.dismiss()
        if self._process is not None:
            self._process.wait()
        self._process = self._mourner = None


def command(main: str, *arguments: str, classpath: Path, flags: Sequence[str] = QUICK) -> list[str]:
    """How a main class is run with all jars of a folder. Raises StranglerError where there is no Java."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise StranglerError(
            "there is no Java here", why="Kafka runs on Java 17 or newer",
            do="apt-get install openjdk-17-jre-headless, or set JAVA_HOME",
        )  # fmt: skip
    return [java, *flags, *LOGGING, "-cp", f"{classpath}/*", main, *arguments]


def write_properties(path: Path, settings: Mapping[str, str]) -> Path:
    """A Java properties file with these settings; a backslash is the only letter that it reads differently."""
    lines = (f"{name}={value}\n".replace("\\", "\\\\") for name, value in settings.items())
    path.write_text("".join(lines))
    return path


def tail(log: Path, size: int = 3000) -> str:
    """The end of a log, at most `size` characters."""
    return log.read_text(errors="replace")[-size:].strip() if log.exists() else ""


def free_port() -> int:
    """A port that nobody listens on.

    It lies below those that outgoing connections get, so it is still free when its server starts again after a kill.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
