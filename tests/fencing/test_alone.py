"""Whoever changes something in legacy is alone with that, for one function, and sure that its switch is its own still."""

from __future__ import annotations

import pytest

from strangler.control.store import Control
from strangler.errors import Refused, SourceError, Unavailable
from tests.fencing.legacies import Legacy


def at_once() -> None:
    """Sure, or nothing to do."""


def test_invariants_4_to_6_nobody_acts_beside_one_who_sleeps_while_it_acts(
    legacy: Legacy, control: Control
) -> None:
    acts: list[str] = []
    with legacy.moving(control) as asleep, legacy.moving(control) as other:

        def sleep() -> None:
            with pytest.raises(Unavailable, match="another process of Strangler is at work"):
                other.alone(at_once, lambda: acts.append("beside it"))
            acts.append("awake")

        asleep.alone(at_once, sleep)
        other.alone(at_once, lambda: acts.append("behind it"))
    assert acts == ["awake", "behind it"]


def test_who_hangs_is_named_with_what_ends_it_and_acts_no_more(server: Legacy, control: Control) -> None:
    acts: list[str] = []
    with server.moving(control) as hung, server.moving(control) as other:

        def hang() -> None:
            with pytest.raises(Unavailable) as raised:
                other.alone(at_once, at_once)
            server.run(raised.value.do.partition("one that hangs: ")[2])
            other.alone(at_once, lambda: acts.append("in its place"))
            hung.kept.opened.legacy_hand.do(["DELETE FROM party"])

        with pytest.raises((Unavailable, SourceError)):
            hung.alone(at_once, hang)
        hung.alone(at_once, lambda: acts.append("with a new connection"))
    assert acts == ["in its place", "with a new connection"]
    assert server.run("SELECT count(*) FROM party")[0][0] == 2


def test_who_is_not_sure_does_nothing(legacy: Legacy, control: Control) -> None:
    def unsure() -> None:
        raise Refused("it is somebody else's by now")

    with legacy.moving(control) as moving, pytest.raises(Refused, match="somebody else's"):
        moving.alone(unsure, lambda: pytest.fail("acted"))
