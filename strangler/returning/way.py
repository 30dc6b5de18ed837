"""The way back as a switch of owners asks for it: can it be gone, is it open, has all come back?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import NamedTuple

from strangler.control import conflicts, returning, standings
from strangler.control.conflicts import Conflict
from strangler.control.standings import Snapshot
from strangler.cutover.moving import Moving
from strangler.cutover.stages import EVERYONE, Stage
from strangler.errors import Refused
from strangler.mapping import EntityMapping
from strangler.ports import Outbox, Outgoing
from strangler.returning.batch import Key
from strangler.returning.owned import cohorts_of, is_stray, returns, why_stray

SAFE_POSITION_WAIT = 10.0
"""Seconds to wait for legacy's open transactions."""

LOOKED_AT = 1000
"""Aggregates among which those of a standing are looked for at once."""


NAMED = 5
"""Of what is held so many are named in a refusal."""


class _Left(NamedTuple):
    """How many aggregates wait, and why somebody has to decide of some of them first."""

    waiting: int
    undecided: Mapping[Key, str]


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

    def refuse_stuck(self) -> None:
        """Raise Refused while what new wrote can't come back: something of it waits for a person, and nobody decides in the time that
        writers wait; or nothing of the function returns now."""
        left = self._left()
        self._refuse_undecided(left)
        feed = returning.all_feeds(self._control).get(self._function)
        if left.waiting and feed and feed.error:
            raise Refused(
                f"{_count(left.waiting)} waiting to return to legacy, and nothing returns now",
                why=feed.error,
                do="mend that, and try again once `strangler status` shows that it returns",
            )

    def returned(self) -> str:
        """What is still to come back, in words; empty once legacy has all. Then the service's rows are legacy's to change again. Raises
        Refused where somebody has to decide first."""
        left = self._left()
        self._refuse_undecided(left)
        if left.waiting:
            return f"{_count(left.waiting)} waiting to return to legacy"
        opened = self._kept.opened
        opened.outbox.adopt(opened.barrier.safe_position(SAFE_POSITION_WAIT))
        return ""

    def _refuse_undecided(self, left: _Left) -> None:
        if not left.undecided:
            return
        (first, *_), function = left.undecided, self._function
        told = [f"{key.entity} {key.key}: {why}" for key, why in left.undecided.items()]
        more = f"; and {len(told) - NAMED} more" if len(told) > NAMED else ""
        resolve = f"strangler conflicts resolve {function} {first.entity} {shlex.quote(first.key)} --take new|legacy"
        raise Refused(
            f"{_count(len(told))} held on the way back to legacy, for a decision",
            why="; ".join(told[:NAMED]) + more,
            do=f"look at them with `strangler conflicts list {function}`, decide each, as by `{resolve}`, and try again",
        )

    def _left(self) -> _Left:
        """What hasn't come back of that which goes by this standing, as far as it is among the first; nothing only when there is none."""
        outbox = self._kept.opened.outbox
        held = {Key.of(each): each for each in conflicts.listed(self._control, self._function)}
        found = standings.snapshot(self._control)
        if self._cohort == EVERYONE and not found.cohorts(self._function):
            undecided = {key: each.reason for key, each in held.items() if each.take is None}
            return _Left(outbox.waiting().keys, undecided)
        ours = self._ours(outbox, found)
        reasons = {Key.of(each): self._why_undecided(each, held.get(Key.of(each)), found) for each in ours}
        return _Left(len(ours), {key: why for key, why in reasons.items() if why})

    def _why_undecided(self, each: Outgoing, held: Conflict | None, found: Snapshot) -> str:
        """Why somebody has to decide before it can return; empty where nobody has to. A stray may not be held yet."""
        if held is not None:
            return "" if held.take else held.reason
        mapping = self._mapping(each)
        return why_stray(mapping, each, found) if is_stray(mapping, each, found) else ""

    def _ours(self, outbox: Outbox, found: Snapshot) -> list[Outgoing]:
        passed = set[Key]()
        while those := outbox.outgoing(LOOKED_AT, passed):
            if ours := [each for each in those if self._is_ours(each, found)]:
                return ours
            passed.update(map(Key.of, those))
        return []

    def _is_ours(self, each: Outgoing, found: Snapshot) -> bool:
        return any(
            self._cohort in (cohort, found.of_cohort(self._function, cohort).cohort)
            for cohort in cohorts_of(self._mapping(each), each)
        )

    def _mapping(self, each: Outgoing) -> EntityMapping:
        return next(one for one in self._kept.opened.mappings if one.shape.entity == each.entity)


def _count(number: int) -> str:
    return f"{number:,} change{'' if number == 1 else 's'} {'is' if number == 1 else 'are'}"
