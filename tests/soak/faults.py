"""Faults: what an upstream does wrong with a single call. Drawn from the seed, the side and the call's id, so that a seed repeats them."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """What becomes of a call at an upstream; the first is nothing."""

    NONE = "none"
    STATUS = "another status"
    LATE = "late"
    DRIP = "a slow body"
    HUNG = "hung"
    MUTE = "hung in the body"
    RESET_UNREAD = "reset before it is read"
    RESET = "reset before the head"
    RESET_IN_HEAD = "reset in the head"
    RESET_IN_BODY = "reset in the body"
    CLOSED = "closed before the head"
    SHORT = "closed in the body"
    LONG = "more than its length"
    TWO_LENGTHS = "two lengths"
    GARBAGE = "garbage"
    BAD_CHUNK = "a chunk without size"
    NONSENSE = "a body that isn't what was asked for"
    UNASKED = "an answer that nobody asked for"
    UPGRADE = "another protocol unasked"
    INFORMED = "informational answers before"
    EARLY = "an answer before the body"
    STALE = "closed right after the answer"
    HALF = "half closed after the answer"


WEIGHTS: Final = {Fault.NONE: 80.0} | dict.fromkeys(list(Fault)[1:], 1.0)

BREAKING: Final = frozenset((Fault.MUTE, Fault.DRIP, Fault.RESET_IN_BODY, Fault.SHORT, Fault.BAD_CHUNK))
"""With these an answer may break off when its head is out already."""


def fault(seed: int, side: str, id: str) -> Fault:
    """What becomes of a call on this side, each time that it is asked there."""
    dice = Random(f"{seed} {side} {id}")
    return dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
