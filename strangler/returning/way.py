"""The way back as a switch of owners asks for it: can it be gone, is it open, has all come back?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from strangler import assembly
from strangler.control import conflicts, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.kept import Kept
from strangler.cutover.stages import EVERYONE
from strangler.errors import Refused
from strangler.mapping import EntityMapping
from strangler.ports import Outbox, Outgoing
from strangler.returning.owned import cohorts_of, returns
from strangler.settings import Settings

SAFE_POSITION_WAIT = 10.0
"""Seconds to wait for legacy's open transactions."""

LOOKED_AT = 1000
"""Aggregates among which those of a standing are looked for at once."""


class WayBack:
    """That of a function with `return:`, or of a cohort of it. Writer and outbox are connected only while it is asked something; legacy
    is read, and mapped, by what is `kept` open."""

    def __init__(self, settings: Settings, control: Control, function: str, cohort: str, kept: Kept) -> None:
        self._settings, self._control, self._function, self._cohort = settings, control, function, cohort
        self._kept = kept

    def require(self) -> None:
        """Raise Refused where what new writes couldn't be written to legacy: before anything moves."""
        tables = sorted({part.table.name for mapping in self._mappings for part in mapping.parts()})
        with closing(assembly.writer(self._settings, self._function)) as writer:
            lacking = [finding for finding in writer.examine(tables) if finding.blocks]
        if lacking:
            raise Refused(
                f"what new writes of {self._function} couldn't return to legacy",
                why="; ".join(finding.what for finding in lacking),
                do="; ".join(dict.fromkeys(finding.do for finding in lacking)),
            )

    def open(self) -> None:
        """From now on what new writes is kept until it has come back."""
        with closing(assembly.writer(self._settings, self._function)) as writer, self._outbox() as outbox:
            writer.prepare()
            outbox.prepare()

    def close(self) -> None:
        """Nothing is kept any more, unless for other cohorts of the function."""
        found = standings.snapshot(self._control).standings
        others = (each for each in found if each.function == self._function and each.cohort != self._cohort)
        if not any(map(returns, others)):
            with self._outbox() as outbox:
                outbox.end()

    def returned(self) -> str:
        """What is still to come back, in words; empty once legacy has all. Then the service's rows are legacy's to change again."""
        if held := conflicts.counts(self._control).get(self._function, 0):
            return f"{_count(held)} held for a decision: strangler conflicts list {self._function}"
        with self._outbox() as outbox:
            if waiting := self._waiting(outbox):
                return f"{_count(waiting)} waiting to return to legacy"
            outbox.adopt(self._kept.opened.source.safe_position(SAFE_POSITION_WAIT))
        return ""

    def _waiting(self, outbox: Outbox) -> int:
        """How many aggregates that go by this standing, as far as they are among the first; 0 only when there is none."""
        found, passed = standings.snapshot(self._control), set[tuple[str, str]]()
        if self._cohort == EVERYONE and not found.cohorts(self._function):
            return outbox.waiting().keys
        while those := outbox.outgoing(LOOKED_AT, passed):
            if ours := sum(self._is_ours(each, found) for each in those):
                return ours
            passed.update((each.entity, each.key) for each in those)
        return 0

    def _is_ours(self, each: Outgoing, found: Snapshot) -> bool:
        mapping = next(one for one in self._mappings if one.shape.entity == each.entity)
        return any(
            self._cohort in (cohort, found.of_cohort(self._function, cohort).cohort)
            for cohort in cohorts_of(mapping, each)
        )

    @property
    def _mappings(self) -> list[EntityMapping]:
        return self._kept.opened.mappings

    @contextmanager
    def _outbox(self) -> Iterator[Outbox]:
        shapes = [mapping.shape for mapping in self._mappings]
        with closing(assembly.outbox(self._settings, self._function, shapes)) as outbox:
            yield outbox


def _count(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'} {'is' if number == 1 else 'are'}"
