"""The identity of a capture: whose binlog it is, and from where on it is read. Pure.

Nothing is made in the legacy database, so nothing there bears a token. What identifies the capture is the series of
numbers that its positions belong to, and the place where it began: every later position says by its second whether the binlog is
still the one that it was (see `positions`).
"""

from __future__ import annotations

from dataclasses import dataclass

from strangler.changes import Position
from strangler.errors import SourceLost
from strangler_connectors.mysql.decoder import Origin
from strangler_connectors.mysql.gtids import GtidSet, format_set, parse_set
from strangler_connectors.mysql.server import End


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture. `start` is the position behind which it is complete; `others` what other servers than `origin` had written."""

    origin: Origin
    start: Position
    others: GtidSet

    def identity(self) -> str:
        """The text that is remembered."""
        if self.origin.mariadb:
            return f"mariadb|{self.origin.domain}|{self.start}"
        return f"mysql|{self.origin.uuid}|{self.start}|{format_set(self.others)}"


def parse(identity: str) -> Capture:
    """A remembered capture. Raises SourceLost for what another connector remembered."""
    try:
        kind, origin, start, *others = identity.split("|")
        if kind == "mariadb":
            return Capture(Origin(True, int(origin), ""), Position(start), {})
        if kind == "mysql":
            return Capture(Origin(False, 0, origin), Position(start), parse_set(others[0]))
    except (ValueError, IndexError):
        pass
    raise SourceLost("the source was captured in another way before", why=f"remembered is {identity!r}")


def require_same(capture: Capture, end: End) -> None:
    """Raise SourceLost unless the server goes on with the series of numbers of the capture."""
    what = "changes may be missing since the last position that is remembered"
    if capture.origin != end.origin:
        was, found = _name(capture.origin), _name(end.origin)
        raise SourceLost(what, why=f"the binlog is that of {found}, captured was that of {was}")
    if capture.others != end.others:
        raise SourceLost(what, why="transactions of another server came in, which have numbers of their own")


def _name(origin: Origin) -> str:
    return (
        f"replication domain {origin.domain} of a MariaDB"
        if origin.mariadb
        else f"the MySQL server {origin.uuid}"
    )
