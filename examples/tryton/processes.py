"""Processes of the example: started, waited for by condition, and stopped for sure.

Each runs in a session of its own, so that a Ctrl-C in the terminal reaches only the demo, which then stops
them in order, and so that whatever they start themselves goes with them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from strangler.errors import Unavailable

GRACE: Final = 15.0
"""Seconds a process has to end by itself before it is killed."""

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks this process to end."""

_running: set[subprocess.Popen[bytes]] = set()


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    within: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command`, wait up to `within` seconds until `ready()`, stop it at the end. Its output goes to `log`.

    Raises Unavailable with the end of the log when it dies or isn't ready in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    _running.add(process)
    try:
        wait_until(lambda: process.poll() is not None or ready(), f"{name} to answer", within, log)
        if process.poll() is not None:
            raise Unavailable(f"{name} ended with code {process.returncode}", why=tail(log), do=f"see {log}")
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: asked first, then killed. A Ctrl-C meanwhile changes nothing."""
    with _undisturbed():
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        _signal(process, signal.SIGKILL)
        process.wait()
        _running.discard(process)


def wait_until(condition: Callable[[], bool], what: str, within: float, log: Path | None = None) -> None:
    """Wait until `condition()` holds; raise Unavailable after `within` seconds, saying what was waited for."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(f"waited {within:.0f} s in vain for {what}", why=tail(log) if log else "")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether something at `url` answers an HTTP GET with a success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(200 <= response.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def listens(port: int) -> bool:
    """Whether something accepts connections on a local port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A local port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, size: int = 2000) -> str:
    """The end of a log."""
    return log.read_bytes()[-size:].decode(errors="replace").strip() if log.exists() else ""


def stop_on_signals() -> None:
    """Make SIGTERM and SIGHUP end this process as Ctrl-C does, through every `finally`; Ctrl-C too where a shell
    started us in the background and took it away."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, end)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The session's leader gave the group its number; the group may outlive it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    try:
        before = {s: signal.signal(s, signal.SIG_IGN) for s in ENDING}
    except ValueError:  # not the main thread, which is the one that signals interrupt
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@atexit.register
def _stop_the_rest() -> None:
    for process in list(_running):
        stop(process)
