"""Every broken answer of an upstream: a bad gateway, or an answer that is seen to break off; never a whole one that is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.facade.malformed.answers import CASES, Broken
from tests.facade.wire.caller import Answer, Heard, Line
from tests.facade.wire.scene import Scene
from tests.facade.wire.upstream import Upstream, standing, until


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    scripts = {f"/answer/{number}": case.script for number, case in enumerate(CASES)}
    with standing(Upstream(scripts)) as it:
        yield it


@pytest.mark.parametrize(
    ("number", "case"), [pytest.param(number, case, id=case.name) for number, case in enumerate(CASES)]
)
def test_a_broken_answer_never_becomes_a_whole_one(scene: Scene, number: int, case: Broken) -> None:
    scene.begin()
    with Line(scene.facade.address, [case.method]) as line:
        line.send(f"{case.method} /answer/{number} HTTP/1.1\r\nHost: erp\r\n\r\n".encode())
        heard = line.listen(1)
        case.script.said.wait(5)  # the call behind it would be answered by what nobody has said yet
        scene.settle()
    found = [*_faults(case, heard)]
    used = [
        connection
        for connection, got in scene.upstream.since(scene.marks)
        if f"/answer/{number} ".encode() in got
    ]
    if not used:
        found.append("no upstream was asked")
    elif not case.again:
        if not until(lambda: used[-1].ended):
            found.append("the connection to the upstream is kept")
        if b"/after/" in bytes(used[-1].got).partition(f"/answer/{number} ".encode())[2]:
            found.append("the connection to the upstream was used again")
    assert not found, f"RFC {case.rfc}: {case.script.pieces!r:.300} … {found} … heard {heard.raw[:500]!r}"  # fmt: skip


def _faults(case: Broken, heard: Heard) -> Iterator[str]:
    if heard.odd:
        yield f"the caller was told nonsense: {heard.odd}"
    if not heard.answers:
        if not (case.torn and heard.ended):
            yield "the caller heard nothing"
        return
    answer = heard.answers[0]
    if answer.status in case.statuses and answer.whole and _own(answer):
        return
    if not answer.whole:
        if not (case.torn and heard.ended):
            yield f"the answer with {answer.status} never ends"
    elif not any(_is(told.status, told.body, answer) and _has(answer, told.headers) for told in case.whole):
        yield f"the caller heard a whole answer: {answer}"


def _own(answer: Answer) -> bool:
    """Whether the facade says so itself."""
    return any("strangler" in value for value in answer.values("proxy-status"))


def _is(status: int, body: bytes, answer: Answer) -> bool:
    return (answer.status, answer.body) == (status, body)


def _has(answer: Answer, headers: object) -> bool:
    assert isinstance(headers, dict)
    return all(answer.values(name) == [value] for name, value in headers.items())
