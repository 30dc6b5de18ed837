"""Processes: those of a proxy, found by the file with the number of its first one, as Linux shows them in `/proc`.

nginx and HAProxy (with its master) serve by children of that one. When they load a configuration they begin new children; the old
ones finish what they have under way, by the old configuration, and end. Who follows the proxy must be on its machine therefore.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from strangler.errors import StranglerError

_PROC = Path("/proc")


class Process(NamedTuple):
    """A process; `began` (ticks since the machine's start) tells it from a later one with the same number."""

    number: int
    began: int


class Serving(NamedTuple):
    """Those that serve: the children of the `first` process, or that one itself when it has none."""

    first: Process
    those: frozenset[Process]

    def by_others(self, process: Process) -> bool:
        """Whether it is the first one, which lets others serve."""
        return process == self.first and process not in self.those


def serving(pid_file: Path) -> Serving:
    """Those that serve by now. Raises StranglerError when nobody can tell."""
    first = _first(pid_file)
    children, itself = set(), None
    for number, parent, began in _all():
        if parent == first:
            children.add(Process(number, began))
        elif number == first:
            itself = Process(number, began)
    if itself is None:
        raise StranglerError(
            f"the proxy doesn't run: there is no process {first}, which {pid_file} names",
            do="start the proxy, or name its file with --pid",
        )
    return Serving(itself, frozenset(children or {itself}))


def runs(process: Process) -> bool:
    """Whether it hasn't ended yet."""
    found = _stat(process.number)
    return found is not None and found.began == process.began


def _first(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text())
    except (OSError, ValueError) as error:
        raise StranglerError(
            f"{pid_file} doesn't say which process the proxy is",
            why=str(error),
            do="start the proxy, or name its file with --pid: `pid` in nginx.conf, `pidfile` or -p of HAProxy",
        ) from error


class _Stat(NamedTuple):
    number: int
    parent: int
    began: int


def _all() -> list[_Stat]:
    if not (_PROC / "self").exists():
        raise StranglerError(
            "the proxy's processes can't be seen",
            why="this machine has no /proc, in which Linux shows them",
            do="follow the proxy on Linux, or let writes go through the facade",
        )
    numbers = (int(each.name) for each in _PROC.iterdir() if each.name.isdecimal())
    return [found for number in numbers if (found := _stat(number)) is not None]


def _stat(number: int) -> _Stat | None:
    """None for one that has ended, also when its parent hasn't taken note yet."""
    try:
        text = (_PROC / str(number) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # What stands in parentheses is a name, which may hold anything.
    return None if fields[0] in "ZX" else _Stat(number, int(fields[1]), int(fields[19]))
