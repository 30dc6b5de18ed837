"""However a path is spelled, a function that has moved is not reached in legacy: what a server behind the facade may read as the path of
a route belongs to the route, or is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.testing.facade import Facade
from tests.facade.wire.caller import Line
from tests.facade.wire.scene import configuration, untroubled
from tests.facade.wire.upstream import Upstream, standing, until

SPELLINGS = [
    "/parties/1", "//parties/1", "/parties//1", "/parties/1/", "/parties/1//", "/parties/1?x=1", "/parties/1?", "/parties/1#x",
    "/%70arties/1", "/parties/%31", "/parties%2F1", "/parties%2f1", "/%2Fparties/1", "/parties%5C1", "/parties\\1", "/parties;x/1",
    "/parties/1;y=2",
    "/parties;a=1;b=2/1;c", "/;/parties/1", "/x/../parties/1", "/x/%2e%2e/parties/1", "/x/.%2e/parties/1", "/x/..;/parties/1",
    "/x/..%2Fparties/1", "/x%2f..%2fparties/1", "/./parties/1", "/parties/./1", "/parties/x/../1", "/%2e/parties/1", "/parties/1/.",
    "/parties/1%20", "/parties/1%00", "/parties/%00", "/parties/1%0d%0a", "/parties/1\t", "http://erp/parties/1", "HTTP://erp//parties/1",
    "/parties/Ä", "/parties/%C3%84", "/parties/%C4", "/parties/1%3Fx", "/parties/%zz", "/parties/%", "/parties/..%5c1",
]  # fmt: skip


@pytest.fixture(scope="module")
def legacy() -> Iterator[Upstream]:
    with standing(Upstream()) as it:
        yield it


@pytest.fixture(scope="module")
def new() -> Iterator[Upstream]:
    with standing(Upstream()) as it:
        yield it


@pytest.fixture(scope="module")
def facade(legacy: Upstream, new: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facade]:
    """`party` has moved: new owns it."""
    home: Path = tmp_path_factory.mktemp("facade")
    with untroubled(configuration(legacy.url, new.url), home) as it:
        with Control.open(f"sqlite:///{home}/.strangler/control.db") as control:
            before = standings.snapshot(control).of("party")
            after = replace(before, stage=Stage.LIVE, owner=Side.NEW)
            standings.change(control, before, after, at=1.0)
        assert until(lambda: _write(it, "/parties/0") == [200] and bool(new.requests()))
        yield it


def _write(facade: Facade, target: str) -> list[int]:
    with Line(facade.address) as line:
        line.send(
            f"PUT {target} HTTP/1.1\r\nHost: erp\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx".encode()
        )
        return line.listen().statuses


@pytest.mark.parametrize("target", SPELLINGS)
def test_no_spelling_of_a_path_escapes_its_route(
    facade: Facade, legacy: Upstream, new: Upstream, target: str
) -> None:
    assert _reads(target) >= {"parties"}, "it is one of the route in some reading"
    before = len(legacy.requests()), len(new.requests())
    (status,) = _write(facade, target)
    assert len(legacy.requests()) == before[0], "legacy was written to"
    assert status == 200 if len(new.requests()) > before[1] else 400 <= status < 500


def _reads(target: str) -> set[str]:
    """The segments that servers find in it, taking every liberty."""
    return set(re.split(r"[/\\;]", unquote(target)))
