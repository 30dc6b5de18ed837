"""Handing numbers over with the ownership, and taking that back when the switch is undone.

What is going to be set is remembered in the control store, and on the ledger, before the first counter is touched. While cohorts of the
function stand on either side, both draw: then the new owner leaps ahead, unless it is there already (`strangler.numbering.leaping`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from strangler.control import handings, ledger, paces, standings, stretches
from strangler.control.handings import Handing
from strangler.control.stretches import Stretch
from strangler.cutover import journal
from strangler.cutover.moving import Moving
from strangler.cutover.stages import Side, named
from strangler.errors import StranglerError
from strangler.numbering.leaping import Leaping
from strangler.numbering.pair import Pair, pairs
from strangler.numbering.separable import refuse_inseparable, separable

KIND: Final = "numbers handed over"
"""The kind of the entry on the ledger; what was taken back has the other one."""

TAKEN_BACK: Final = "numbers taken back"

ACTOR: Final = "switch"


class Numbering:
    """The numbers of a function or cohort."""

    def __init__(self, moving: Moving) -> None:
        self._moving, self._control, self._clock = moving, moving.control, moving.clock
        self._function, self._cohort = moving.function, moving.cohort

    def ready(self) -> None:
        """See that every counter can be read on both sides, and that what both will draw from can be kept apart. Raises Refused in
        words."""
        those = pairs(self._moving)
        for pair in those:
            pair.lasts()
        if self._both_will_draw():
            refuse_inseparable(self._moving.settings, named(self._function, self._cohort), those)

    def hand_over(self, to: Side) -> None:
        """Set the counters of the side `to` beyond what the other one has given."""
        fresh = self._under_way(to)  # Before the stretches: with a decision the one becomes the other.
        parted = self._parted(to)
        planned = []
        for pair in pairs(self._moving):
            if pair.name in parted:
                Leaping(self._moving, ACTOR).bring_ahead(pair, parted[pair.name], to)
            elif (each := _planned(pair, to, fresh.get(pair.name))) is not None:
                planned.append((pair, each))
        self._note(to, [each for _, each in planned])
        paces.jump(self._control, self._function)
        for pair, each in planned:
            if pair.last(to) < each.after:  # Several lines may name the same counter: the furthest counts.
                pair.set(to, each.after)

    def take_back(self) -> None:
        """Put back what `hand_over` has set, where nobody draws from it, or has drawn since. A gap harms nobody, so a database that is away
        isn't waited for: the entry on the ledger says so."""
        known = handings.of(self._control, self._function, self._cohort)
        if not known:
            return
        try:
            words = self._taken_back({each.numbers: each for each in known})
        except StranglerError as error:
            words = f"left as they are, which is a gap: {error.what}"
        with self._control.begin():
            handings.forget(self._control, self._function, self._cohort)
            self._tell(TAKEN_BACK, {"cohort": self._cohort, "numbers": words})

    def _taken_back(self, known: dict[str, Handing]) -> str:
        """Set back; what was done in words."""
        (side,) = {each.side for each in known.values()}
        if self._is_drawn_from(side):
            return f"left as they are, which is a gap: other cohorts draw from {side}'s"
        those = [(pair, known[pair.name]) for pair in pairs(self._moving) if pair.name in known]
        paces.jump(self._control, self._function)
        untouched = [(pair, each) for pair, each in those if pair.last(side) == each.after]
        for pair, each in untouched:
            pair.set_back(side, each.before)
        return f"{len(untouched)} of {len(known)} set back"

    def _both_will_draw(self) -> bool:
        """Whether the side that gives this up keeps other cohorts, so that it goes on drawing."""
        giving = standings.of(self._control, self._function, self._cohort).owner
        return giving in self._owners_beside()

    def _parted(self, to: Side) -> dict[str, Stretch | None]:
        """The lines of which both sides draw already; None where nobody knows yet which numbers are whose: `numbers` is new there, or was
        written differently."""
        apart: dict[str, Stretch | None] = {**stretches.of(self._control, self._function)}
        if to in self._owners_beside():
            for pair in separable(self._moving.settings, pairs(self._moving)):
                apart.setdefault(pair.name, None)
        return apart

    def _is_drawn_from(self, side: Side) -> bool:
        """Whether a side draws for other cohorts, or may at any moment: then setting its counter back would give numbers twice."""
        return side in self._owners_beside() or bool(self._others())

    def _owners_beside(self) -> Collection[Side]:
        """Who owns the other cohorts, and so draws."""
        return standings.snapshot(self._control).owners(self._function, beside=self._cohort)

    def _under_way(self, to: Side) -> dict[str, Handing]:
        """What the switches of other cohorts to the same side have set, whose callers may draw from it at any moment."""
        found = (handings.of(self._control, self._function, cohort) for cohort in self._others())
        return {each.numbers: each for those in found for each in those if each.side is to}

    def _others(self) -> list[str]:
        """The other cohorts of which a switch is under way."""
        open_ones = journal.unfinished(self._control, self._function)
        return [each.intent.cohort for each in open_ones if each.intent.cohort != self._cohort]

    def _note(self, to: Side, planned: list[Handing]) -> None:
        with self._control.begin():
            handings.remember(self._control, self._function, self._cohort, planned)
            said = [
                {"counter": each.counter, "last": each.other, "before": each.before, "after": each.after}
                for each in planned
            ]
            self._tell(KIND, {"cohort": self._cohort, "to": to, "numbers": said})

    def _tell(self, kind: str, body: dict[str, object]) -> None:
        ledger.append(
            self._control, actor=ACTOR, kind=kind, function=self._function, body=body, at=self._clock()
        )


def _planned(pair: Pair, to: Side, under_way: Handing | None) -> Handing | None:
    """What is to be set on the side `to`; None where its rows say it themselves. Nothing changes where it is beyond already, or has been
    set by the switch of another cohort."""
    given, before = pair.last(to.other), pair.last(to)
    after = max(before, given + pair.numbers.gap)
    if not pair.statements(to, after):
        return None
    if under_way is not None:
        before = after = under_way.after
    return Handing(pair.name, to, str(pair.counter(to)), given, before, after)
