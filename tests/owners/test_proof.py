"""The proof of `tests.owners`: it fails by a write out of its turn, and by nothing else."""

from __future__ import annotations

import pytest

from tests.owners.proof import Turn, check
from tests.owners.side import Done
from tests.owners.writers import Told

INFINITE = float("inf")
TURNS = [Turn("legacy", 0.0, 10.0), Turn("new", 11.0, 20.0), Turn("legacy", 21.0, INFINITE)]


def told(id: str, status: int = 200, side: str = "legacy") -> Told:
    return Told(id, "a", 5.0, 5.1, status, side, "")


def test_writes_in_their_turns_are_right() -> None:
    done = {"legacy": [Done("1", 9.9), Done("3", 30.0)], "new": [Done("2", 11.0)]}
    check(TURNS, done, [told("1"), told("2", side="new"), told("3"), told("4", 503, "")])


@pytest.mark.parametrize(
    ("done", "heard", "message"),
    [
        ({"legacy": [Done("1", 10.5)]}, [], r"1 was carried out by legacy at 10.500, 0.500 s off its turn"),
        ({"new": [Done("1", 10.9)]}, [], r"1 was carried out by new at 10.900, 0.100 s off its turn"),
        ({"legacy": [Done("1", 15.0)]}, [], r"1 was carried out by legacy at 15.000, 5.000 s off its turn"),
        ({"legacy": [Done("1", 5.0)], "new": [Done("1", 15.0)]}, [], "1 was carried out 2 times"),
        ({"legacy": []}, [told("1")], "1 was done by None, and its caller was told legacy"),
        ({"legacy": [Done("1", 5.0)]}, [told("1", 503, "")], "1 was refused with 503"),
        ({"legacy": [Done("1", 5.0)]}, [told("1", 504, "")], "1 was told 504"),
    ],
)
def test_a_write_out_of_turn_doubled_or_told_wrongly_is_found(
    done: dict[str, list[Done]], heard: list[Told], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        check(TURNS, done, heard)
