"""A facade as the process that users run: `strangler facade` with a configuration file, on a free port.

For tests and benchmarks that must see what a caller sees, and nothing of the inside: memory and sockets are read from `/proc`, what it
said is in a file.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from strangler.errors import Unavailable

LONGEST: Final = 120.0
"""Seconds in which a facade has to begin, and in which it has to end, also where others have the cores."""

_COMMAND: Final = "from strangler.cli.main import main; main()"
_LISTENS: Final = re.compile(rb"listens on (http://[\d.:]+)")
_COMPILED: Final = re.compile(rb'listens on http://[^\n]+"compiled":true')


class Facade:
    """A running facade. `log` has all that it said, the access log included."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log, self.url = process, log, ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port on which it takes calls."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def compiled(self) -> bool:
        """Whether it said at its start that it runs compiled: that is up to the environment, not to the checkout."""
        return _COMPILED.search(self.log.read_bytes()) is not None

    def memory(self, most: bool = False) -> int:
        """Bytes of memory that it holds now, or the most that it ever held since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{'VmHWM' if most else 'VmRSS'}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def forget_peak(self) -> None:
        """From now on the most memory is counted anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def sockets(self) -> int:
        """Sockets that it has open, the listening one included."""
        links = []
        for each in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                links.append(str(each.readlink()))
            except FileNotFoundError:  # Closed since it was listed.
                continue
        return sum(link.startswith("socket:") for link in links)

    def page(self, path: str) -> tuple[int, bytes]:
        """Status and body of one of its own pages, such as `/readyz`; (0, b"") while nobody listens."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()
        except OSError:
            return 0, b""

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, wait until it has, and give its exit code. Raises TimeoutExpired."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(LONGEST)

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]


@contextmanager
def running(
    configuration: Mapping[str, Any], home: Path, *options: str, ready: bool = True
) -> Iterator[Facade]:
    """Start a facade in the folder `home` (two can share it), and kill it at the end if it still runs.

    `options` go to the command. Waits until it is ready for calls, or with `ready=False` until it listens. Raises Unavailable with the
    end of its log when it doesn't come so far.
    """
    number = len(list(home.glob("facade-*.log")))
    file, log = home / f"facade-{number}.yaml", home / f"facade-{number}.log"
    file.write_text(yaml.safe_dump(dict(configuration), allow_unicode=True))
    command = [sys.executable, "-c", _COMMAND, "-c", str(file), "facade", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=home)
    facade = Facade(process, log)
    try:
        facade.url = _listens(facade)
        if ready:
            _until_ready(facade)
        yield facade
    finally:
        process.kill()
        process.wait()


def _listens(facade: Facade) -> str:
    deadline = time.monotonic() + LONGEST
    while facade.process.poll() is None and time.monotonic() < deadline:
        if found := _LISTENS.search(facade.log.read_bytes()):
            return found[1].decode()
        time.sleep(0.02)
    raise Unavailable("the facade doesn't listen", why=facade.last_words())


def _until_ready(facade: Facade) -> None:
    deadline = time.monotonic() + LONGEST
    while (told := facade.page("/readyz"))[0] != 200:
        if time.monotonic() > deadline:
            raise Unavailable("the facade doesn't become ready", why=f"{told}\n{facade.last_words()}")
        time.sleep(0.02)
