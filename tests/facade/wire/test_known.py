"""Heads that are known: what is found again is what was read, byte by byte, and no more of it than fits."""

from __future__ import annotations

import sys
from itertools import count

import pytest

from strangler.facade.wire import known as module
from strangler.facade.wire.known import Known, Lines, in_lines


@pytest.mark.parametrize(
    "head",
    [
        b"Host: a\r\nB: c\r\n\r\nGET",
        b"Host: a\r\n\r\nB: c\r\n\r\n",
        b"Host: a\nB: c\r\n\r\n",
        b"Host: a\r\nB: c\n\n",
        b"Host: a\rX: y\r\nB: c\r\n\r\n",
        b"Host: a\r\nB: c\r\n",
        b"Host: a\r\n\r\n",
        b"Host: a\r\nB: c\r\nD: e\r\n\r\n",
    ],
)
def test_what_could_be_cut_in_another_way_isnt_remembered(head: bytes) -> None:
    assert in_lines(b"Host: a\r\nB: c\r\n\r\n", 2)
    assert not in_lines(head, 2)


def test_only_what_is_the_same_from_the_same_place_is_found() -> None:
    known: Known[int] = Known()
    for _ in range(2):
        known.keep(("http 10.0.0.1", b"Host: a\r\n\r\n"), 1)
    assert known.find(("http 10.0.0.1", b"Host: a\r\n\r\n")) == 1
    assert known.find(("http 10.0.0.2", b"Host: a\r\n\r\n")) is None
    assert known.find(("http 10.0.0.1", b"host: a\r\n\r\n")) is None


def test_it_forgets_what_wasnt_asked_for_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 10 * (module.READ + 10))
    known: Known[int] = Known()
    for number in range(1000):
        for _ in range(2):
            known.keep(("", b"%010d" % number), number)
        assert known.find(("", b"%010d" % 0)) == 0, "what is asked for stays"
    assert len(known) <= 24
    assert known.find(("", b"%010d" % 1)) is None
    assert known.find(("", b"%010d" % 999)) == 999


def test_what_comes_once_takes_no_room() -> None:
    known: Known[int] = Known()
    before = _bytes(known)
    for number in range(1000):
        known.keep(("", b"traceparent: %d" % number), number)
    assert len(known) == 0
    assert _bytes(known) == before


def test_heads_that_come_in_turn_are_known_wherever_they_are_remembered() -> None:
    known: Known[int] = Known()
    heads = _of_one_group()
    for _ in range(2):
        for key in heads:
            known.keep(key, 1)
    assert [known.find(key) for key in heads] == [1] * module.PLACES


def test_lines_are_read_as_all_write_them_and_others_arent() -> None:
    lines = Lines()
    for _ in range(2):
        line = lines.read(b"GET /parties/1?a=b HTTP/1.1\r\n")
        assert line is not None
        assert (line.method, line.target, line.path) == ("GET", "/parties/1?a=b", "/parties/1")
    odd = (
        b"GET  / HTTP/1.1\r\n",
        b"GET / HTTP/1.0\r\n",
        b"GET /\x00 HTTP/1.1\r\n",
        b"get / HTTP/1.1\r\n",
        b"\r\n",
        b"GET / HTTP/1.1\n",
    )
    assert [lines.read(first) for first in odd] == [None] * len(odd)


def test_lines_that_never_come_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINES", 100)
    lines = Lines()
    for number in range(1000):
        assert lines.read(b"GET /%d HTTP/1.1\r\n" % number) is not None
    assert len(lines._known) <= 100


def _of_one_group() -> list[tuple[str, bytes]]:
    """As many heads as a group has places, whose coming once is remembered in the same one."""
    there: dict[int, list[tuple[str, bytes]]] = {}
    for number in count():
        key = ("", b"Host: %d\r\n\r\n" % number)
        heads = there.setdefault(hash(key) % module.GROUPS, [])
        heads.append(key)
        if len(heads) == module.PLACES:
            return heads
    raise AssertionError


def _bytes(known: Known[int]) -> int:
    return sys.getsizeof(known._met) + sys.getsizeof(known.lately)
