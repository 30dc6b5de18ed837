"""Proxy: the one that is followed, as far as others can move it and see it: its commands, its processes, its answers."""

from __future__ import annotations

import http.client
import shlex
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from strangler.errors import StranglerError
from strangler.following import processes
from strangler.following.processes import Serving

COMMAND: Final = 30.0
"""Seconds that a command may take."""

PROBE: Final = 2.0
"""Seconds that the proxy has to answer."""

REFUSED: Final = "/./"
"""A path that an exported configuration refuses by itself: asking for it troubles nobody behind the proxy."""

GENERATION: Final = "X-Strangler-Generation"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`test` (may be missing) and `reload` are commands, as a shell would split them; `pid` is the file with the number of its
    first process, `probe` a URL to which it answers, whatever the status."""

    title: str
    test: str | None
    reload: str
    pid: Path
    probe: str

    def serving(self) -> Serving:
        """The processes that serve now. Raises StranglerError."""
        return processes.serving(self.pid)

    def check(self) -> None:
        """Let the proxy itself look at the files that are in use. Raises StranglerError with what it says."""
        if self.test is not None:
            _run(self.test, "--test")

    def load(self) -> None:
        """Tell it to load the files. Raises StranglerError when the command fails; otherwise it may not have done so yet."""
        _run(self.reload, "--reload")

    def answers_by(self) -> int | None:
        """The generation by which it answers at this moment; None when it doesn't say."""
        url = urlsplit(self.probe)
        secure = url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        with closing(kind(url.hostname or "", url.port, timeout=PROBE)) as connection:
            try:
                connection.request("GET", url.path or "/", headers={"Connection": "close"})
                said = connection.getresponse().getheader(GENERATION, "")
            except (OSError, http.client.HTTPException):
                return None
        return int(said) if said.isdecimal() else None


def probe_of(listen: str) -> str:
    """What to ask of a proxy that listens there (`host:port`)."""
    host, _, port = listen.rpartition(":")
    return f"http://{'127.0.0.1' if host in ('', '*', '0.0.0.0') else host}:{port}{REFUSED}"


def _run(command: str, option: str) -> None:
    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=COMMAND)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise StranglerError(
            f"the command `{command}` can't be run", why=str(error), do=f"correct {option}"
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise StranglerError(f"the command `{command}` failed with {done.returncode}", why=said)
