"""Every malformed or ambiguous request, over a raw socket, at once and byte by byte: refused, or passed on in one reading only."""

from __future__ import annotations

import pytest

from tests.facade.malformed import chunks, fields, framing, hosts, lines, sequences, targets
from tests.facade.malformed.cases import Case
from tests.facade.malformed.verdict import faults
from tests.facade.wire.caller import Line
from tests.facade.wire.scene import Scene

BODIES = [*framing.CASES, *chunks.CASES]
CASES = [*BODIES, *fields.CASES, *lines.CASES, *targets.CASES, *hosts.CASES, *sequences.CASES]

PEEKED = [
    case._replace(
        name=f"{case.name}, and the body is looked at",
        sent=case.sent.replace(b" /w ", b" /rpc "),
        passed=tuple(
            asked._replace(target=asked.target.replace("/w", "/rpc", 1)) for asked in case.passed
        ),
    )
    for case in BODIES
]  # fmt: skip


SLOWLY = [pytest.param(case, True, id=f"{case.name}, byte by byte") for case in CASES]


@pytest.mark.parametrize(
    ("case", "slowly"), [*(pytest.param(case, False, id=case.name) for case in [*CASES, *PEEKED]), *SLOWLY]
)
def test_a_request_is_refused_or_read_in_one_way_only(scene: Scene, case: Case, slowly: bool) -> None:
    scene.begin()
    methods = [asked.method for asked in case.passed]
    with Line(scene.facade.address, methods) as line:
        line.send(case.sent, slowly)
        if case.breaks:
            line.hang_up()
            heard = line.listen()
        else:
            heard = line.listen(len(case.passed) + bool(case.refused and not case.either))
            if case.refused and case.closes and heard.statuses[-1:] != [200]:
                heard = line.listen()  # To the end, which has to come.
        behind = scene.settle()
        assert not line.more(), "more was answered than asked"
    found = faults(case, heard, scene.arrived(behind))
    assert not found, f"RFC {case.rfc}: {case.sent[:300]!r} … {found} … heard {heard.raw[:500]!r}"


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.sent for case in CASES}) == len(CASES), "none is there twice"
