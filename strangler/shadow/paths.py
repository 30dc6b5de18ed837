"""Paths: where a value stands in an answer, as people write it, and patterns of such places. Pure.

Steps are names of fields and, as numbers, places in a list. Written, they are joined by dots; a dot in a name (Tryton's `party.`
is one) is `\\.`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

Steps = tuple[str | int, ...]
"""From the whole answer down to a value."""

ANY, DEEP = "*", "**"
"""In a pattern: any one step, and any number of them."""

_NUMBER: Final = re.compile(r"[0-9]+")


def written(steps: Steps) -> str:
    """The path as people write it; the whole answer is empty."""
    return ".".join(_escaped(step) for step in steps)


def place(steps: Steps) -> str:
    """The same, with all places in lists, and numbers by which something is named, as `*`: where the field is, whatever the row."""
    return ".".join(ANY if _counts(step) else _escaped(step) for step in steps)


def pattern(path: str) -> tuple[str, ...]:
    """The steps of a pattern; of an empty one none."""
    if not path:
        return ()
    steps, step, letters = [], "", iter(path)
    for letter in letters:
        if letter == "\\":
            step += next(letters, letter)
        elif letter == ".":
            steps.append(step)
            step = ""
        else:
            step += letter
    return (*steps, step)


def _escaped(step: str | int) -> str:
    return str(step) if isinstance(step, int) else step.replace("\\", "\\\\").replace(".", "\\.")


def _counts(step: str | int) -> bool:
    return isinstance(step, int) or _NUMBER.fullmatch(step) is not None


class Trail:
    """How far each of several patterns has come on the way down to a value. Immutable: each step gives another one."""

    __slots__ = ("_open", "ends")

    def __init__(self, open: Sequence[tuple[int, tuple[str, ...]]]) -> None:
        """`open`: the number of each pattern that may still fit, with the steps that are left of it."""
        self._open = _with_skipped(open)
        self.ends = tuple(sorted({number for number, left in self._open if not left}))
        """The patterns that fit what is here."""

    def step(self, step: str | int) -> Trail:
        """One step down."""
        if not self._open:
            return self
        name, onward = str(step), []
        for number, left in self._open:
            if left and left[0] == DEEP:
                onward.append((number, left))
            elif left and left[0] in (ANY, name):
                onward.append((number, left[1:]))
        return Trail(onward) if onward else NOWHERE


def _with_skipped(open: Sequence[tuple[int, tuple[str, ...]]]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """With what is behind each `**`, for that may stand for no step at all."""
    found = dict.fromkeys(open)
    for number, left in open:
        while left and left[0] == DEEP:
            left = left[1:]
            found[(number, left)] = None
    return tuple(found)


NOWHERE: Final = Trail(())
"""No pattern fits here or below."""


def trail(patterns: Sequence[str]) -> Trail:
    """The trail of these patterns, at the whole answer."""
    return Trail([(number, pattern(each)) for number, each in enumerate(patterns)])
