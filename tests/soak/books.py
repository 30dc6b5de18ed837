"""Books: what was asked, what arrived, and what was told; and what is wrong as soon as it is seen."""

from __future__ import annotations

from collections import Counter
from typing import Final

SHOWN: Final = 20


class Books:
    """Both sides and all callers write into these. Writes are known by the id of their call."""

    def __init__(self) -> None:
        self.began: Counter[str] = Counter()
        """How often the head of a write arrived, on whichever side."""
        self.whole: Counter[str] = Counter()
        """How often all of it did."""
        self.done: set[str] = set()
        """Writes whose caller was told that they are done."""
        self.cut: set[str] = set()
        """Writes whose caller left before all of it was said."""
        self.unsent: dict[str, str] = {}
        """Writes that stood in line behind a call with which the connection ended, and how it did."""
        self.figures: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.wrong: list[str] = []

    def complain(self, what: str) -> None:
        """Something that may never be."""
        self.wrong.append(what)

    def check(self) -> None:
        """Raises AssertionError when a write was doubled, lost or made up, or anything was wrong on the way."""
        wrong = [*self.wrong]
        wrong += [f"{id} arrived {n} times" for id, n in self.began.items() if n > 1]
        wrong += [
            f"{id} is said to be done and arrived {self.whole[id]} times"
            for id in self.done
            if self.whole[id] != 1
        ]
        wrong += [f"{id} was cut by its caller and arrived whole" for id in self.cut if self.whole[id]]
        wrong += [
            f"{id} arrived, though its connection had ended: {how}"
            for id, how in self.unsent.items()
            if self.began[id]
        ]
        assert not wrong, f"{len(wrong)} things are wrong:\n" + "\n".join(wrong[:SHOWN])
