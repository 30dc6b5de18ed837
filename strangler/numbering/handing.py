"""Handing numbers over with the ownership, and taking that back when the switch is undone.

What is going to be set is remembered in the control store, and on the ledger, before the first counter is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from strangler import assembly
from strangler.control import handings, ledger
from strangler.control.handings import Handing
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import Refused, StranglerError
from strangler.fencing import passing
from strangler.fencing.fence import hand_of
from strangler.numbering.counters import last, setting
from strangler.ports import Acting, Hand
from strangler.settings import Numbers, Settings

KIND = "numbers handed over"
"""The kind of the entry on the ledger; what was taken back has the other one."""

TAKEN_BACK = "numbers taken back"


class Numbering:
    """The numbers of a function or cohort. Connects only when it is asked something."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        function: str,
        cohort: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._control, self._clock = settings, control, clock
        self._function, self._cohort = function, cohort
        self._section = settings.functions[function]

    def ready(self) -> None:
        """See that every counter can be read on both sides. Raises Refused in words."""
        with self._hands() as hands:
            for numbers in self._section.numbers:
                last(hands[Side.LEGACY], numbers.legacy)
                last(hands[Side.NEW], numbers.new)

    def hand_over(self, to: Side) -> None:
        """Set the counters of the side `to` beyond what the other one has given."""
        with self._hands() as hands:
            planned = [
                each
                for index, numbers in enumerate(self._section.numbers)
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
            with self._hands() as hands:
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
            hand, configured = hands[each.side], self._section.numbers[each.index]
            counter = configured.new if each.side is Side.NEW else configured.legacy
            # The table of a counter may be among those that are fenced.
            own = passing.opened(hand.dialect, self._function), passing.closed(hand.dialect)
            statements = setting(hand, counter, number)
            hand.do((*own[0], *statements, *own[1]) if each.side is Side.LEGACY else statements)

    def _last(self, hands: dict[Side, Hand], each: Handing) -> int:
        numbers = self._section.numbers[each.index]
        return last(hands[each.side], numbers.new if each.side is Side.NEW else numbers.legacy)

    @contextmanager
    def _hands(self) -> Iterator[dict[Side, Hand]]:
        with ExitStack() as opened:
            legacy = opened.enter_context(hand_of(self._settings, self._section.source))
            store = opened.enter_context(closing(assembly.store(self._settings, self._section.store)))
            if not isinstance(store, Acting):
                raise Refused(
                    f"store {self._section.store} is of a kind in which no sequence can be set",
                    do=f"leave `numbers` out of {self._function}, and set its sequences by hand",
                )
            yield {Side.LEGACY: legacy, Side.NEW: opened.enter_context(closing(store.hand()))}


def _planned(index: int, numbers: Numbers, to: Side, hands: dict[Side, Hand]) -> Handing | None:
    """What is to be set on the side `to`; None where it is beyond already, or where its rows say it themselves."""
    there, other = (numbers.new, numbers.legacy) if to is Side.NEW else (numbers.legacy, numbers.new)
    given = last(hands[Side.LEGACY if to is Side.NEW else Side.NEW], other)
    before, after = last(hands[to], there), given + numbers.gap
    if before >= after or not setting(hands[to], there, after):
        return None
    return Handing(index, to, str(there), given, before, after)
