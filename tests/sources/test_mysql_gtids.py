"""GTIDs and positions: pure text, and what sorts how."""

from __future__ import annotations

import pytest

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceLost
from strangler_connectors.mysql import gtids, identity, positions
from strangler_connectors.mysql.decoder import Origin
from strangler_connectors.mysql.server import End

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OTHER = "4e11fa47-71ca-11e1-9e33-c80aa9429562"


def test_a_set_is_read_cut_and_written() -> None:
    executed = gtids.parse_set(f"{UUID.upper()}:1-5:7:9-12,\n{OTHER}:3")
    assert executed == {UUID: [(1, 5), (7, 7), (9, 12)], OTHER: [(3, 3)]}
    assert gtids.last_of(executed, UUID) == 12
    assert gtids.last_of(executed, "nobody") == 0
    assert gtids.up_to(executed, UUID, 10)[UUID] == [(1, 5), (7, 7), (9, 10)]
    assert gtids.up_to(executed, UUID, 0) == {OTHER: [(3, 3)]}
    assert gtids.parse_set(gtids.format_set(executed)) == executed
    assert gtids.parse_set("") == {}


def test_a_set_is_encoded_with_open_ends() -> None:
    encoded = gtids.encode_set({UUID: [(1, 5)]})
    assert (
        encoded.hex() == "0100000000000000" + UUID.replace("-", "") + "0100000000000000"
        "0100000000000000"
        "0600000000000000"
    )


def test_a_tagged_set_is_no_set_that_can_be_read() -> None:
    with pytest.raises(ValueError):
        gtids.parse_set(f"{UUID}:tag:1-5")


def test_positions_sort_by_number_then_by_place() -> None:
    ordered = [
        positions.position(9, 2, 1),
        positions.position(9, 2, 200_000),
        positions.position(9, 2, positions.BEHIND),
        positions.whole(9, 2, 0),
        positions.whole(9, 2, 1_795_428_126),
        positions.next_heartbeat(positions.whole(9, 2, 1_795_428_126)),
        positions.position(10, 1, 1),
        positions.position(2**40, 1, 1),
    ]
    assert ordered == sorted(ordered)
    assert all(each > ORIGIN for each in ordered)
    assert positions.parse(ordered[1]) == (9, 2, 200_000)


@pytest.mark.parametrize(
    "capture",
    [
        identity.Capture(Origin(True, 3, ""), positions.position(9, 2, 1), {}),
        identity.Capture(
            Origin(False, 0, UUID.replace("-", "")), positions.position(9, 2, 1), {OTHER: [(1, 4)]}
        ),
    ],
)
def test_an_identity_says_what_it_was_made_of(capture: identity.Capture) -> None:
    assert identity.parse(capture.identity()) == capture
    identity.require_same(capture, End(capture.origin, 12, 2, capture.others))
    with pytest.raises(SourceLost):
        identity.require_same(capture, End(Origin(True, 4, ""), 12, 2, capture.others))
    with pytest.raises(SourceLost, match="another server"):
        identity.require_same(capture, End(capture.origin, 12, 2, {OTHER: [(1, 5)]}))


@pytest.mark.parametrize("text", ["", "strangler_erp/0-1/abc", "mariadb|x|y", "mysql|a|b"])
def test_another_connectors_identity_is_a_loss(text: str) -> None:
    with pytest.raises(SourceLost):
        identity.parse(text)


def test_a_client_with_a_wrong_clock_does_not_break_the_order() -> None:
    assert positions.position(1, 1, 5) < positions.whole(1, 1, -1) < Position("0000000000000002")
