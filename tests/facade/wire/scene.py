"""The scene: a facade, an upstream that keeps every byte, and what arrived there of one case after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from strangler.testing.facade import Facade, running
from tests.facade.wire.caller import Line
from tests.facade.wire.readings import strict
from tests.facade.wire.upstream import HEALTH, Upstream, until
from tests.soak.watch import trouble


@contextmanager
def untroubled(configured: Mapping[str, Any], home: Path, *options: str) -> Iterator[Facade]:
    """A facade as `running` starts it, whose log has no word at the end of its having failed by itself: a caller can't see
    each of its defects."""
    with running(configured, home, *options) as facade:
        yield facade
        assert list(trouble(facade.log)) == []


BUDGET: Final = "1s"
"""What a call may take in all: an upstream that says no more is given up then."""


def configuration(legacy: str, new: str | None = None, **facade: Any) -> dict[str, Any]:
    """A function of which one route is seen in the path, and one only in the body; `facade` goes into the section of that name."""
    return {
        "name": "test",
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
        "stores": {"new": {"url": "sqlite:///new.db"}},
        "facade": {"port": 0, "legacy": legacy, "total_timeout": BUDGET, "breaker": {"enabled": False}}
        | facade,
        "functions": {
            "party": {
                "source": "erp",
                "store": "new",
                "service": {"url": new or legacy},
                "entities": {"party": {"table": "party", "key": "id", "fields": {"id": "id"}}},
                "routes": [
                    {"kind": "write", "match": {"path": "/parties/{id}"}},
                    {"kind": "write", "match": {"path": "/rpc", "json": {"method": ["party.write"]}}},
                ],
            }
        },
    }


class Arrived(NamedTuple):
    """What came on one connection of an upstream, and whether the facade ended that connection."""

    sent: bytes
    ended: bool


class Scene:
    """The facade, the upstream, and what arrived there of one case after the other."""

    def __init__(self, facade: Facade, upstream: Upstream) -> None:
        self.facade, self.upstream = facade, upstream
        self._numbers = itertools.count(1)
        self.begin()

    def begin(self) -> None:
        self.marks = self.upstream.marks()

    def settle(self) -> str:
        """Another call, which the facade answers only after everything before it; the path of it. All must still be well."""
        path = f"/after/{next(self._numbers)}"
        with Line(self.facade.address) as line:
            line.send(f"GET {path} HTTP/1.1\r\nHost: erp\r\nConnection: close\r\n\r\n".encode())
            heard = line.listen()
        told = [(answer.status, answer.body) for answer in heard.answers]
        assert told == [(200, b"ok")], f"the call behind it was answered with {told}"
        return path

    def arrived(self, behind: str) -> list[Arrived]:
        """What came of the case, on each connection; without the call behind it, and without questions after health."""
        found = []
        for connection, sent in self.upstream.since(self.marks):
            mine = _without(sent, behind)
            if mine:
                until(lambda connection=connection: connection.ended, 0.5 if strict(mine).rest else 0)  # type: ignore[misc]
                found.append(Arrived(mine, connection.ended))
        return found


def _without(sent: bytes, behind: str) -> bytes:
    """Cut out the whole requests that aren't of the case, where they can be told from it."""
    for target in (behind, HEALTH):
        while (begin := sent.find(f"GET {target} HTTP/1.1\r\n".encode())) >= 0:
            end = sent.find(b"\r\n\r\n", begin)
            sent = sent[:begin] + sent[end + 4 :] if end >= 0 else sent[:begin]
    return sent
