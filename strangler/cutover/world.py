"""The world beyond the control store, as a switch of owners needs it: a handful of questions and acts, each a callable.

`strangler.cutover.outside` makes them of what the configuration names; a test makes its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strangler.changes import Position
from strangler.cutover.stages import Side

Act = Callable[[], None]


def _at_once(sure: Act, act: Callable[[], object]) -> None:
    sure()
    act()


@dataclass(frozen=True, slots=True)
class Outside:
    """What a switch asks of a function (or cohort), and does to it. Each may raise StranglerError. What acts is idempotent: it may be
    called again when it was done, half done, or never begun. None: nothing of the kind is configured, and the step falls away.

    `way_back()` sees that the other direction would work. `safe_position(timeout)` is the source's. `drift()` counts
    those keys among the last changed that differ, while nothing is under way. `only_new()` counts the keys that new has and
    legacy hasn't, or has otherwise; `lost()` names the first of them, and in what they differ.

    `ready()` sees that what is to be done while writers wait takes little time. `deactivate()` switches the legacy function off for good.
    `silence()` takes back what only tells who writes to the rows in the legacy database; `silencing()` are its statements.

    `fence_legacy()` lets nobody but Strangler write to the function's rows in the legacy database; `lift_legacy()` takes that back.
    `hand_over(to)` sets the counters from which that side draws numbers beyond what the other has given; `take_back()` undoes that.
    `statements()` are those that `fence_legacy()` would run, `lifting()` those of `lift_legacy()`, `deactivation()` of `deactivate()`.
    `keep_fence`: the fence stays in force while new owns the rows.
    `open_return()` has what new writes kept from now on, so that it comes back to legacy; `close_return()` ends that.
    `returned()` says what is still to come back, empty once legacy has all that new wrote; it raises Refused, as does
    `refuse_stuck()` beforehand, where somebody has to decide of something first.
    `alone(sure, act)` calls `act`, which changes something out there, once `sure` hasn't raised; no other process comes in between.
    `close()` ends what was kept open since it was first asked: whoever had this made calls it at the end, whatever that is.
    """

    way_back: Act
    safe_position: Callable[[float], Position]
    drift: Callable[[], int]
    only_new: Callable[[], int]
    lost: Callable[[], Sequence[str]] = lambda: ()
    ready: Act | None = None
    fence_legacy: Act | None = None
    lift_legacy: Act | None = None
    open_return: Act | None = None
    close_return: Act | None = None
    returned: Callable[[], str] | None = None
    refuse_stuck: Act | None = None
    hand_over: Callable[[Side], None] | None = None
    take_back: Act | None = None
    silence: Act | None = None
    deactivate: Act | None = None
    statements: Callable[[], Sequence[str]] | None = None
    lifting: Callable[[], Sequence[str]] | None = None
    silencing: Callable[[], Sequence[str]] | None = None
    deactivation: Callable[[], Sequence[str]] | None = None
    keep_fence: bool = True
    alone: Callable[[Act, Callable[[], object]], None] = _at_once
    close: Act = lambda: None

    @property
    def release_legacy(self) -> Act | None:
        """What lifts the fence in legacy once new owns the function, where it isn't to stay."""
        return None if self.keep_fence else self.lift_legacy


Reach = Callable[[str, str], Outside]
"""The world outside of a function and cohort. Connects to nothing before it is asked something."""
