"""When a write can be judged, and when it can only be said that sync was too late to tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.changes import Position
from strangler.control import effects, quarantine, sources, standings
from strangler.control.effects import Effects, Expected
from strangler.control.quarantine import Held
from strangler.control.sources import CLOCKS, SILENCE
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Stage
from strangler.events import Effect, Event
from strangler.settings import Settings
from strangler.sync.following import EVENTS, PATIENCE, Followed, Following
from strangler.testing.memory_log import MemoryLog

BEGAN = 1_000_000.0
SETTLE = 2.0

SETTINGS = Settings.model_validate(
    {
        "name": "test",
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
        "stores": {"new": {"url": "sqlite:///new.db"}},
        "facade": {"legacy": "http://127.0.0.1:1"},
        "functions": {
            "party": {
                "source": "erp",
                "store": "new",
                "service": {"url": "http://127.0.0.1:1"},
                "entities": {
                    "party": {"table": "party", "key": "id", "fields": {"id": "id", "name": "name"}}
                },
                "shadow": {"writes": True},
            }
        },
    }
)


class Scene:
    """A follower with a clock in hand, an empty log, and a write that legacy answered at `BEGAN`, which the follower has seen coming."""

    def __init__(self, control: Control) -> None:
        self.control, self.now, self.log = control, BEGAN - 100, MemoryLog()
        self._following = Following(SETTINGS, {"party": frozenset()}, self.log, control, lambda: self.now)
        self._function = Followed("party", SETTINGS, frozenset())

    def foretell(self, events: str, at: float = BEGAN, cohort: str = EVERYONE) -> None:
        told = Expected("party", cohort, 5.0, at - 0.1, at, "PUT /parties/1", None, events)
        effects.expect(self.control, [told])

    def derive(self, name: str, key: int = 1, number: int = 1) -> None:
        position = Position(f"{number:08X}/0")
        data = {"id": key, "name": name}
        event = Event("PartyChanged", "party", "party", Effect.UPSERT, f"[{key}]", position, BEGAN, "m", data)
        self.log.append("erp", [event], position)

    def heard(self, at: float) -> None:
        """The source has nothing more to tell at a moment."""
        sources.seen(self.control, "erp", Position("9"), seen_at=at, committed_at=at, behind=None)

    def look(self, after: float) -> Effects:
        """What was counted once the follower has looked so many seconds after the write."""
        self.now = BEGAN + after
        self._following.look(self._function)
        return effects.sums(self.control, "party")

    def failures(self) -> list[tuple[str, str]]:
        return [(each.outcome, each.reason) for each in effects.failures(self.control, "party")]


@pytest.fixture(params=["sqlite", "postgres"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    kept: Any = f"sqlite:///{tmp_path}/c.db"
    url = kept if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Control.open(url) as control:
        made = Scene(control)
        made.foretell(NAMED, at=BEGAN - 1e6)  # One long ago lets the follower begin before the others.
        made.look(-50)
        yield made


NAMED = '[{"type":"PartyChanged","key":1,"data":{"id":1,"name":"a"}}]'


def figures(found: Effects) -> dict[str, int]:
    names = ("matched", "mismatched", "missing", "unexpected", "late", "failed")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_what_was_found_is_judged_as_soon_as_it_has_settled(scene: Scene) -> None:
    scene.foretell(NAMED)
    scene.look(0.1)
    scene.derive("a")
    assert figures(scene.look(SETTLE - 0.1)) == {"late": 1}, "the one of long ago"
    assert figures(scene.look(SETTLE + 0.1)) == {"late": 1, "matched": 1}
    assert effects.waiting(scene.control, "party", 2 * BEGAN) == []


def test_a_write_counts_for_its_cohort_alone_and_is_followed_where_only_that_is_shadowed(
    scene: Scene,
) -> None:
    standings.amend(scene.control, "party", "1000", at=1.0, stage=Stage.SHADOW)
    scene.look(SETTLE)  # The one of long ago is done with: now nothing waits.
    scene.derive("a")
    scene.look(SETTLE + 0.1)
    scene.foretell(NAMED, cohort="1000")
    assert figures(scene.look(SETTLE + 0.2)) == {"late": 1}
    assert figures(effects.sums(scene.control, "party", "1000")) == {"matched": 1}
    assert effects.sums(scene.control, "party", "2000") == Effects()


def test_nothing_is_missing_before_all_of_its_time_is_surely_in_the_log(scene: Scene) -> None:
    scene.foretell(NAMED)
    scene.heard(BEGAN + 5)
    assert figures(scene.look(10)) == {"late": 1}
    scene.heard(BEGAN + CLOCKS + SILENCE + 0.1)
    assert figures(scene.look(20)) == {"late": 1, "missing": 1}


def test_sync_that_is_far_behind_can_say_nothing(scene: Scene) -> None:
    scene.foretell(NAMED)
    scene.look(PATIENCE - 1)
    assert figures(scene.look(PATIENCE + 1)) == {"late": 2}
    assert ("late", f"sync was more than {PATIENCE:g} s behind") in scene.failures()


def test_what_waits_in_quarantine_is_not_missing(scene: Scene) -> None:
    scene.foretell(NAMED)
    held = Held("party", "party", "[1]", Position("5"), "no number", "{}", BEGAN)
    quarantine.hold(scene.control, [held])
    scene.heard(BEGAN + 30)
    assert figures(scene.look(30)) == {"late": 2}
    assert any("quarantine" in reason for _, reason in scene.failures())


def test_a_follower_that_began_after_the_write_says_so(scene: Scene) -> None:
    assert scene.failures() == [("late", "the worker began to follow the log later")]


def test_a_flood_of_events_makes_what_isnt_found_unknown(scene: Scene) -> None:
    scene.foretell(NAMED)
    scene.look(1.0)
    flood = [
        Event("PartyChanged", "party", "party", Effect.UPSERT, f"[{n}]", Position(f"{n:08X}"), BEGAN, "m", {})
        for n in range(10, EVENTS + 20)
    ]
    scene.log.append("erp", flood, Position("F"))
    scene.heard(BEGAN + 30)
    assert figures(scene.look(30)) == {"late": 2}


def test_of_a_write_that_would_do_nothing_it_counts_whether_something_was_done(scene: Scene) -> None:
    scene.foretell("[]")
    scene.heard(BEGAN + 30)
    assert figures(scene.look(30)) == {"late": 1, "matched": 1}
    scene.foretell("[]", at=BEGAN + 31)
    scene.derive("a")
    scene.heard(BEGAN + 90)
    assert figures(scene.look(61)) == {"late": 1, "matched": 1, "failed": 1}


def test_each_event_is_accounted_for_once(scene: Scene) -> None:
    scene.foretell(NAMED)
    scene.foretell(NAMED, at=BEGAN + 0.1)
    scene.derive("a")
    scene.heard(BEGAN + 30)
    assert figures(scene.look(30)) == {"late": 1, "matched": 1, "missing": 1}


def test_what_another_worker_has_counted_is_not_counted_again(scene: Scene) -> None:
    scene.foretell(NAMED)
    scene.derive("a")
    [waits] = effects.waiting(scene.control, "party", 2 * BEGAN)
    assert effects.take(scene.control, waits)
    assert not effects.take(scene.control, waits)
    assert figures(scene.look(10)) == {"late": 1}
