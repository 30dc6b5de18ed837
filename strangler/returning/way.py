"""The way back as a switch of owners asks for it: can it be gone, is it open, has all come back?"""

from __future__ import annotations

from strangler.control import conflicts, returning, standings
from strangler.control.standings import Snapshot
from strangler.cutover.moving import Moving
from strangler.cutover.stages import EVERYONE, Stage
from strangler.errors import Refused
from strangler.ports import Outbox, Outgoing
from strangler.returning.batch import Key
from strangler.returning.owned import cohorts_of, returns

SAFE_POSITION_WAIT = 10.0
"""Seconds to wait for legacy's open transactions."""

LOOKED_AT = 1000
"""Aggregates among which those of a standing are looked for at once."""


class WayBack:
    """That of a function with `return:`, or of a cohort of it."""

    def __init__(self, moving: Moving) -> None:
        self._control, self._kept = moving.control, moving.kept
        self._function, self._cohort = moving.function, moving.cohort

    def require(self) -> None:
        """Raise Refused where what new writes couldn't be written to legacy: before anything moves."""
        opened = self._kept.opened
        lacking = [finding for finding in opened.examine_way_back() if finding.blocks]
        if lacking:
            raise Refused(
                f"what new writes of {self._function} couldn't return to legacy",
                why="; ".join(finding.what for finding in lacking),
                do="; ".join(dict.fromkeys(finding.do for finding in lacking)),
            )
        opened.outbox.waiting()  # Connected now, while nobody waits,
        opened.outbox.outgoing(1)  # and for reading, too.

    def open(self) -> None:
        """From now on what new writes is kept until it has come back."""
        opened = self._kept.opened
        if opened.writer is not None:
            opened.writer.prepare()
        opened.outbox.prepare()

    def close(self) -> None:
        """Nothing is kept any more, unless for other cohorts of the function. What the service has written since anybody last looked is
        kept until it is decided: the feed holds it, and closes the way then."""
        found = standings.snapshot(self._control)
        others = (
            each
            for each in found.standings
            if each.function == self._function and each.cohort != self._cohort
        )
        if any(map(returns, others)):
            return
        outbox = self._kept.opened.outbox
        if found.of(self._function, self._cohort).stage is Stage.RETIRED:
            outbox.end()
        elif not outbox.end_when_empty():
            returning.leave_over(self._control, self._function, *outbox.waiting())

    def returned(self) -> str:
        """What is still to come back, in words; empty once legacy has all. Then the service's rows are legacy's to change again."""
        opened = self._kept.opened
        held, waiting = self._left(opened.outbox)
        if held:
            return f"{_count(held)} held for a decision: strangler conflicts list {self._function}"
        if waiting:
            return f"{_count(waiting)} waiting to return to legacy"
        opened.outbox.adopt(opened.barrier.safe_position(SAFE_POSITION_WAIT))
        return ""

    def _left(self, outbox: Outbox) -> tuple[int, int]:
        """How many aggregates that go by this standing are held, and how many wait at all, as far as they are among the first; 0 only
        when there is none."""
        held = {Key.of(each) for each in conflicts.listed(self._control, self._function)}
        found = standings.snapshot(self._control)
        if self._cohort == EVERYONE and not found.cohorts(self._function):
            return len(held), outbox.waiting().keys
        ours = self._ours(outbox, found)
        return len(ours & held), len(ours)

    def _ours(self, outbox: Outbox, found: Snapshot) -> set[Key]:
        passed = set[Key]()
        while those := outbox.outgoing(LOOKED_AT, passed):
            if ours := {Key.of(each) for each in those if self._is_ours(each, found)}:
                return ours
            passed.update(map(Key.of, those))
        return set()

    def _is_ours(self, each: Outgoing, found: Snapshot) -> bool:
        mapping = next(one for one in self._kept.opened.mappings if one.shape.entity == each.entity)
        return any(
            self._cohort in (cohort, found.of_cohort(self._function, cohort).cohort)
            for cohort in cohorts_of(mapping, each)
        )


def _count(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'} {'is' if number == 1 else 'are'}"
