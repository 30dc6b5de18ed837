"""Taking a snapshot of what a function's store holds, and judging whether one still goes with the log.

The log alone doesn't hold what never changed since capture began: backfill passes it by. A snapshot has that, with the marks of
where the log goes on from. That holds as long as the store wasn't filled anew behind it: a backfill stands for what the log
doesn't have, after a mapping was changed or a capture was lost. Each has a stamp of its own, which is the mark in the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from strangler import assembly, snapshots
from strangler.control import backfills, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.stages import EVERYONE, Side, Standing
from strangler.errors import Refused
from strangler.events import Event
from strangler.ports import Mark
from strangler.settings import Settings
from strangler.snapshots import Snapshot
from strangler.sync import backfill, delivery

if TYPE_CHECKING:
    from strangler.mapping import EntityMapping


def take(settings: Settings, control: Control, function: str) -> Snapshot:
    """Take a snapshot of the function's store. Raises Refused where it wouldn't be worth anything."""
    section = settings.functions[function]
    require_filled(control, function)
    with closing(assembly.source(settings, section.source)) as legacy:
        mappings = assembly.mappings(settings, function, legacy)
    with closing(assembly.log(settings)) as log:
        partitions = log.partitions(function)
    shapes = [mapping.shape for mapping in mappings]
    with closing(assembly.store(settings, section.store)) as store:
        image = store.image(shapes, readers(function, partitions, list(section.entities)))
        marks, events = _parted(image)
        versions = {mapping.shape.entity: mapping.version for mapping in mappings}
        # Asked after the image was begun: a backfill that begins now isn't in it, and one that is done has left its mark.
        if reason := outdated(control, mappings, versions, {mark.reader: mark for mark in marks}):
            raise Refused(
                f"a snapshot of {function} isn't taken", why=reason, do=f"strangler backfill {function}"
            )
        return snapshots.write(settings.data_dir, section.store, shapes, versions, marks, events)


def readers(function: str, partitions: int, entities: Sequence[str]) -> list[str]:
    """Whose marks belong to what the store holds of a function."""
    fillers = [backfill.reader_of(function, entity) for entity in entities]
    return [delivery.reader_of(function, number) for number in range(partitions)] + fillers


def require_filled(control: Control, function: str) -> Standing:
    """Where the function stands. Raises Refused unless its store is what legacy says, whole, and nothing is about to change that."""
    stands = require_followed(control, function)
    if gone := [each for each in stands.all_of(function) if each.owner is Side.NEW]:
        raise _unfilled(gone[0])
    return stands.of(function)


def require_followed(control: Control, function: str) -> standings.Snapshot:
    """Where the function and its cohorts stand. Raises Refused unless legacy owns any of it, all that it owns is in the store, and nothing
    is about to change that."""
    journal.refuse_while_open(control, function, EVERYONE)
    stands = standings.snapshot(control)
    if not stands.follows(function):
        raise _unfilled(stands.of(function))
    if missing := backfills.unfinished(control, function):
        raise Refused(
            f"the store of {function} is being filled: {', '.join(record.entity for record in missing)}",
            do=f"strangler backfill {function}, and run it again when that is finished",
        )
    return stands


def _unfilled(standing: Standing) -> Refused:
    return Refused(
        f"the store of {standing.name} isn't filled from legacy in stage {standing.stage}",
        why="only what came from legacy can be had again from the log",
        do="strangler status",
    )


def outdated(
    control: Control,
    mappings: Sequence[EntityMapping],
    versions: Mapping[str, str],
    marks: Mapping[str, Mark],
) -> str | None:
    """Why what has these versions and marks doesn't go with the mappings and the log as they are now; None when it does."""
    for mapping in mappings:
        function, entity = mapping.shape.function, mapping.shape.entity
        if versions.get(entity) != mapping.version:
            made = versions.get(entity)
            return f"{entity} was made by mapping {made}, and configured is {mapping.version}"
        if reason := refilled(control, function, entity, versions, marks):
            return reason
    return None


def refilled(
    control: Control, function: str, entity: str, versions: Mapping[str, str], marks: Mapping[str, Mark]
) -> str | None:
    """Why these marks of an entity aren't those of its last backfill; None when they are."""
    record = backfills.get(control, function, entity)
    if record is None or record.finished_at is None:
        return f"{entity} was never filled whole"
    mark = marks.get(backfill.reader_of(function, entity))
    if mark is None or mark.position != record.stamp:
        return f"{entity} was filled anew since, with what the log may not have"
    if record.mapping != versions.get(entity):
        return f"{entity} is filled by mapping {record.mapping} now"
    return None


def _parted(image: Iterator[Mark | Event]) -> tuple[list[Mark], Iterator[Event]]:
    """The marks, which come first, and the events behind them."""
    marks: list[Mark] = []
    first: list[Event] = []
    for each in image:
        if isinstance(each, Event):
            first.append(each)
            break
        marks.append(each)

    def events() -> Iterator[Event]:
        yield from first
        for each in image:
            assert isinstance(each, Event)
            yield each

    return marks, events()
