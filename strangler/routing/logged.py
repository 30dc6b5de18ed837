"""Logged: requests as access logs have them: our own in JSON, or the common and the combined format of nginx and Apache. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from strangler.cutover.stages import Side
from strangler.routing.asked import Asked

_BOTH: Final = frozenset(Side)

_HEAD: Final = frozenset(("header", "query", "cookie", "host"))
"""What a line of ours doesn't have: callers put secrets there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a request: whose it is, and the sides that may answer it (two where it goes by the caller). `refused` says why the
    facade refuses it."""

    function: str | None = None
    kind: str | None = None
    sides: frozenset[Side] = _BOTH
    refused: str = ""

    def __str__(self) -> str:
        if self.refused:
            return f"refused: {self.refused}"
        named = [self.function or "no function", *([self.kind] if self.kind else [])]
        return f"{' '.join(named)} → {' or '.join(sorted(self.sides))}"

    def differs(self, before: Outcome) -> bool:
        """Whether a request that was `before` is surely another's, or another side's, by now."""
        if self.refused or before.refused:
            return bool(self.refused) != bool(before.refused)
        if before is LEGACY:
            return not before.sides & self.sides
        other_kind = before.kind is not None and before.kind != self.kind
        return before.function != self.function or other_kind or not before.sides & self.sides


LEGACY: Final = Outcome(sides=frozenset((Side.LEGACY,)))
"""What became of a request in the log of a server before legacy: it says nothing of functions."""


class Logged(NamedTuple):
    """A request of a log. `unknown`: the axes of which the log says nothing; it never has bodies."""

    asked: Asked
    unknown: frozenset[str]
    outcome: Outcome

    @property
    def words(self) -> str:
        return f"{self.asked.method} {self.asked.target}"


class Unreadable(ValueError):
    """A line that is no request of a log that is known; the text says why."""


_COMMON: Final = re.compile(
    r'\S+ \S+ \S+ \[[^\]]*\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) \S+(?P<more> .*)?$'
)


def read(line: str) -> Logged | None:
    """The request of a line; None for a line of a log of ours that is about something else. Raises Unreadable."""
    if line.startswith("{"):
        return _own(line)
    found = _COMMON.match(line)
    if not found:
        raise Unreadable("neither a line of our access log nor of the common or combined format")
    parts = found["request"].split(" ")
    if len(parts) != 3:
        raise Unreadable("the request isn't a method, a target and a version")
    return Logged(Asked(parts[0], parts[1], {}), _HEAD - {"query"}, LEGACY)


def _own(line: str) -> Logged | None:
    try:
        told = json.loads(line)
    except ValueError as error:
        raise Unreadable("no JSON") from error
    if told.get("logger") != "strangler.access" or "status" not in told:
        return None
    method, path = told.get("method"), told.get("path")
    if not (isinstance(method, str) and isinstance(path, str)):
        raise Unreadable("the head of the request couldn't be read by the facade either")
    return Logged(Asked(method, path, {}), _HEAD, _became(told))


def _became(told: Mapping[str, Any]) -> Outcome:
    function, side = told.get("function"), told.get("side")
    function = function if function not in (None, "-") else None
    if side is None:
        return Outcome(refused=told.get("why") or "by the facade")
    return Outcome(function, told.get("kind"), frozenset((Side(side),)))
