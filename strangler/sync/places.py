"""Places: how far delivery is in a partition of the log, and what it withheld on the way. Pure.

A cohort whose owner is being changed, or has changed, gets nothing more; the others go on. So the place has the offset behind all that was
read, and for each cohort that something was withheld from the offset at which that begins. It is the text of the store's mark, and so
moves in one transaction with what was applied (invariant 2): whoever goes on from it withholds nothing twice, and forgets nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import orjson

from strangler.changes import Position
from strangler.cutover.stages import EVERYONE
from strangler.ports import Offset


@dataclass(frozen=True, slots=True)
class Withheld:
    """What was withheld of the events that go by one standing. The first is at offset `at`; up to position `until` all was applied;
    `count` events so far. `apart`: of the rest of a function, the cohorts that had a standing of their own all the while."""

    at: Offset
    until: Position
    count: int = 0
    apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """`next` is the offset of the record to read next; `withheld` is by the cohort of the standing."""

    next: Offset
    withheld: Mapping[str, Withheld] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Self:
        """The place of a mark."""
        if not text.startswith("{"):
            return cls(Offset(int(text)))
        body = orjson.loads(text)
        return cls(
            Offset(body["next"]),
            {
                cohort: Withheld(Offset(at), Position(until), count, tuple(apart))
                for cohort, (at, until, count, apart) in body["withheld"].items()
            },
        )

    def text(self) -> str:
        """The place as a mark has it."""
        if not self.withheld:
            return str(self.next)
        withheld = {name: (w.at, w.until, w.count, w.apart) for name, w in self.withheld.items()}
        return orjson.dumps({"next": self.next, "withheld": withheld}).decode()

    @property
    def first(self) -> Offset:
        """From where on the log has everything that may not have been applied."""
        return min((self.next, *(each.at for each in self.withheld.values())))

    def complete(self, position: Position) -> Position:
        """Up to where everything was applied, where all that was read is that far."""
        return min((position, *(each.until for each in self.withheld.values())))

    def withholding(self, cohort: str, withheld: Withheld | None) -> Place:
        """The place with something else withheld from a cohort; None: nothing any more."""
        others = {name: each for name, each in self.withheld.items() if name != cohort}
        return replace(self, withheld=others if withheld is None else {**others, cohort: withheld})

    def rejoined(self, cohorts: frozenset[str]) -> Place:
        """The place once only these cohorts have standings of their own. What was withheld from another is withheld from the rest of the
        function: of what that has already, doing it again does nothing (invariant 3)."""
        gone = {name: each for name, each in self.withheld.items() if name not in cohorts}
        if not gone:
            return self
        rest = [*gone.values(), *([self.withheld[EVERYONE]] if EVERYONE in self.withheld else [])]
        whole = Withheld(
            min(each.at for each in rest),
            min(each.until for each in rest),
            sum(each.count for each in rest),
            tuple(sorted(cohorts - {EVERYONE})),
        )
        return replace(
            self,
            withheld={name: w for name, w in self.withheld.items() if name in cohorts} | {EVERYONE: whole},
        )

    def parted(self, cohorts: frozenset[str]) -> Place:
        """The place once these cohorts have standings of their own. What was withheld from the rest of the function was withheld from
        those that had none then."""
        rest = self.withheld.get(EVERYONE)
        new = sorted(cohorts - {EVERYONE, *rest.apart}) if rest else []
        if rest is None or not new:
            return self
        of_new = {name: self.withheld.get(name, replace(rest, count=0, apart=())) for name in new}
        apart = tuple(sorted({*rest.apart, *new}))
        return replace(self, withheld={**self.withheld, **of_new, EVERYONE: replace(rest, apart=apart)})
