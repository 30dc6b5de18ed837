"""Handing numbers over with the ownership, and taking that back when the switch is undone.

What is going to be set is remembered in the control store, and on the ledger, before the first counter is touched.
"""

from __future__ import annotations

from strangler.control import handings, ledger
from strangler.control.handings import Handing
from strangler.cutover.moving import Moving
from strangler.cutover.stages import Side
from strangler.errors import StranglerError
from strangler.fencing import passing
from strangler.numbering.counters import last, setting
from strangler.ports import Hand
from strangler.settings import Numbers

KIND = "numbers handed over"
"""The kind of the entry on the ledger; what was taken back has the other one."""

TAKEN_BACK = "numbers taken back"


class Numbering:
    """The numbers of a function or cohort."""

    def __init__(self, moving: Moving) -> None:
        self._control, self._clock, self._kept = moving.control, moving.clock, moving.kept
        self._function, self._cohort, self._numbers = moving.function, moving.cohort, moving.section.numbers

    def ready(self) -> None:
        """See that every counter can be read on both sides. Raises Refused in words."""
        hands = self._hands
        for numbers in self._numbers:
            last(hands[Side.LEGACY], numbers.legacy)
            last(hands[Side.NEW], numbers.new)

    def hand_over(self, to: Side) -> None:
        """Set the counters of the side `to` beyond what the other one has given."""
        hands = self._hands
        planned = [
            each
            for index, numbers in enumerate(self._numbers)
            if (each := _planned(index, numbers, to, hands)) is not None
        ]
        self._note(to, planned)
        self._set(hands, [(each, each.after) for each in planned])

    def take_back(self) -> None:
        """Put back what `hand_over` has set, where nobody has drawn from it since. A gap harms nobody, so a database that is away isn't
        waited for: the entry on the ledger says so."""
        known = handings.of(self._control, self._function, self._cohort)
        if not known:
            return
        try:
            hands = self._hands
            untouched = [each for each in known if self._last(hands, each) == each.after]
            self._set(hands, [(each, each.before) for each in untouched])
            words = f"{len(untouched)} of {len(known)} set back"
        except StranglerError as error:
            words = f"left as they are, which is a gap: {error.what}"
        with self._control.begin():
            handings.forget(self._control, self._function, self._cohort)
            self._tell(TAKEN_BACK, {"cohort": self._cohort, "numbers": words})

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
            self._control, actor="switch", kind=kind, function=self._function, body=body, at=self._clock()
        )

    def _set(self, hands: dict[Side, Hand], numbers: list[tuple[Handing, int]]) -> None:
        for each, number in numbers:
            hand, configured = hands[each.side], self._numbers[each.index]
            counter = configured.new if each.side is Side.NEW else configured.legacy
            # The table of a counter may be among those that are fenced.
            own = passing.opened(hand.dialect, self._function), passing.closed(hand.dialect)
            statements = setting(hand, counter, number)
            hand.do((*own[0], *statements, *own[1]) if each.side is Side.LEGACY else statements)

    def _last(self, hands: dict[Side, Hand], each: Handing) -> int:
        numbers = self._numbers[each.index]
        return last(hands[each.side], numbers.new if each.side is Side.NEW else numbers.legacy)

    @property
    def _hands(self) -> dict[Side, Hand]:
        opened = self._kept.opened
        return {Side.LEGACY: opened.legacy_hand, Side.NEW: opened.store_hand}


def _planned(index: int, numbers: Numbers, to: Side, hands: dict[Side, Hand]) -> Handing | None:
    """What is to be set on the side `to`; None where it is beyond already, or where its rows say it themselves."""
    there, other = (numbers.new, numbers.legacy) if to is Side.NEW else (numbers.legacy, numbers.new)
    given = last(hands[Side.LEGACY if to is Side.NEW else Side.NEW], other)
    before, after = last(hands[to], there), given + numbers.gap
    if before >= after or not setting(hands[to], there, after):
        return None
    return Handing(index, to, str(there), given, before, after)
