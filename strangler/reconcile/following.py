"""Following: what became of repairs that were asked for, until the worker has carried them out and the store has them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NamedTuple

from strangler import assembly
from strangler.changes import ORIGIN, Position
from strangler.control import deliveries, repairs, sources
from strangler.control.repairs import Repair, State
from strangler.control.store import Control
from strangler.mapping import EntityMapping
from strangler.parts import parts_of
from strangler.ports import SqlSide
from strangler.reconcile.repair import positions
from strangler.rereading import Now, reread
from strangler.settings import Settings

PATIENCE: Final = 60.0
"""Seconds to wait: several times what a scan of a large table and any lag take with which one would want to switch."""

PAUSE: Final = 0.2
"""Seconds between two looks."""

READ_WITHIN: Final = 10.0
"""Seconds within which a source that is read is heard of again."""


class Followed(NamedTuple):
    """What became of a repair. `mended`: the store has what was said; None: not yet."""

    repair: Repair
    mended: bool | None
    words: str


Told = Callable[[str], None]
"""Is told what is waited for, in words."""


def follow(
    settings: Settings,
    control: Control,
    function: str,
    numbers: Sequence[int],
    *,
    patience: float = PATIENCE,
    told: Told = lambda words: None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Followed]:
    """Wait until every repair has come to its end, at most `patience` seconds; what became of each until then."""
    section = settings.functions[function]
    with (
        closing(assembly.source(settings, section.source)) as source,
        closing(assembly.store(settings, section.store)) as store,
        closing(source.reader()) as legacy,
        closing(store.reader()) as new,
    ):
        mappings = {each.shape.entity: each for each in assembly.mappings(settings, function, source)}
        deadline = clock() + patience
        while True:
            unread = _unread(control, section.source)
            record = deliveries.get(control, function)
            look = _Look(mappings, legacy, new, record.position if record else ORIGIN, unread)
            found = look.at(repairs.of(control, numbers))
            waiting = [each for each in found if each.mended is None]
            if not waiting or unread or clock() > deadline:
                return found
            told(f"{len(waiting):,} of {len(found):,}: {waiting[0].words}")
            time.sleep(PAUSE)


def _unread(control: Control, source: str) -> str:
    """Why nobody carries anything out; empty where a worker reads the source."""
    record = sources.get(control, source)
    if record is not None and time.time() - record.seen_at < READ_WITHIN:
        return ""
    return f"no worker reads source {source}: start `strangler worker`, which carries it out"


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at both sides. `delivered`: where delivery says that the store is."""

    mappings: Mapping[str, EntityMapping]
    legacy: SqlSide
    new: SqlSide
    delivered: Position
    unread: str

    def at(self, asked: Sequence[Repair]) -> list[Followed]:
        held: dict[int, list[str | None]] = {}
        gone: set[int] = set()
        for entity, mapping in self.mappings.items():
            said = [each for each in asked if each.entity == entity and each.position is not None]
            if said:
                rows = self._held(mapping, {each.key for each in said})
                held |= {each.id: rows[each.key] for each in said}
                gone |= self._gone(mapping, [each for each in said if not rows[each.key]])
        return [self._followed(each, held.get(each.id, []), each.id in gone) for each in asked]

    def _held(self, mapping: EntityMapping, keys: set[str]) -> dict[str, list[str | None]]:
        """The positions of all rows of these aggregates that the store has, by key."""
        found: dict[str, list[str | None]] = defaultdict(list)
        for part in parts_of(mapping):
            for key, position in positions(part, self.new, keys):
                found[key].append(position)
        return found

    def _gone(self, mapping: EntityMapping, absent: Sequence[Repair]) -> set[int]:
        """Which of these, that the store doesn't have though it is past them, legacy has removed since."""
        passed = [each for each in absent if each.position is not None and each.position < self.delivered]
        now = reread(mapping, self.legacy, {each.key for each in passed}) if passed else {}
        return {each.id for each in passed if now[each.key] == Now()}

    def _followed(self, repair: Repair, held: Sequence[str | None], gone: bool) -> Followed:
        if repair.state is State.LEFT:
            return Followed(repair, False, f"left alone: {repair.words}")
        if repair.type is None or repair.position is None:
            return Followed(repair, None, self.unread or repair.words or "waiting for the worker")
        said = f"{repair.type} at {repair.position}"
        if None in held:
            return Followed(repair, False, f"{said}, but the service has written its row meanwhile")
        if gone:
            return Followed(repair, True, f"{said}, and legacy has removed it since")
        there = [each for each in held if each is not None]
        if (repair.state is State.EMITTED and not there) or any(each < repair.position for each in there):
            return Followed(repair, None, f"{said}, not yet in the store")
        newer = any(each > repair.position for each in there)
        return Followed(repair, True, f"{said}{', and legacy has changed it since' if newer else ''}")
