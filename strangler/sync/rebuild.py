"""Rebuild: make what a function's store should hold anew, beside it, and put the store right where it is different.

The base is a snapshot, which goes with the log from its marks on, or legacy itself, read as a backfill reads it. The log is
replayed on it until it is as far as delivery is. Only then is the store touched, in one transaction: its rows become those
that were made beside, and its marks theirs. A delivery that goes on meanwhile either commits before that, and is replayed, or
doesn't know the mark any more, writes nothing, and begins again from the new one (invariants 2 and 3). Whatever ends a rebuild
before that leaves the store as it is; the next one starts over.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from hashlib import md5
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from strangler import assembly
from strangler.changes import ORIGIN, Position
from strangler.control import backfills, ledger, sources
from strangler.control.store import Control
from strangler.cutover.stages import Standing
from strangler.errors import Refused, StoreError, StranglerError, Unavailable
from strangler.events import Event
from strangler.mapping.canonical import quote
from strangler.parts import Part, parts_of
from strangler.ports import ChangeSource, EventLog, Mark, Mended, Offset, ServiceStore
from strangler.settings import Settings
from strangler.shapes import Shape
from strangler.snapshots import Snapshot
from strangler.sync import backfill, delivery
from strangler.sync.backfill import SAFE_POSITION_WAIT, Filling, settled
from strangler.sync.places import Place
from strangler.sync.schema import Schema
from strangler.sync.snapshot import outdated, require_filled

if TYPE_CHECKING:
    from strangler.mapping import EntityMapping

BEGUN: Final = "rebuild begun"
DONE: Final = "store rebuilt"
"""The kinds of the entries on the ledger."""

PATIENCE: Final = 60.0
"""Seconds in which a moment must be found when delivery isn't ahead. A try takes milliseconds, a batch of delivery more."""

PAUSE: Final = 0.02
"""Seconds between two tries."""

Told = Callable[[str], None]
"""Is told what is done now, in words."""

T = TypeVar("T")


class Rebuilt(NamedTuple):
    """What became of an entity's table."""

    entity: str
    mended: Mended


def rebuild(
    settings: Settings,
    control: Control,
    function: str,
    base: Snapshot | None,
    *,
    actor: str,
    even_own: bool = False,
    told: Told = lambda words: None,
) -> list[Rebuilt]:
    """Rebuild the function's store from `base`, None: from legacy. `even_own`: rows that the service wrote are given up.

    Raises Refused, and touches nothing, where the base doesn't go with the log or the function is about to change.
    """
    section = settings.functions[function]
    before = _Filled.of(control, function)
    with (
        closing(assembly.source(settings, section.source)) as source,
        closing(assembly.log(settings)) as log,
        closing(assembly.store(settings, section.store)) as store,
    ):
        _require_known(settings, control, section.source, source)
        mappings = assembly.mappings(settings, function, source)
        if base is not None:
            _require_fitting(control, mappings, base)
        shapes = [mapping.shape for mapping in mappings]
        store.prepare(shapes)
        if not even_own:
            _refuse_own_rows(store, shapes)
        _note(control, BEGUN, function, actor, {"from": base.name if base else "legacy"})
        beside = _Beside(settings, control, mappings, log, store, told)
        try:
            beside.begin()
            beside.fill_from_snapshot(base) if base else beside.fill_from_legacy(source)
            mended = beside.put_in_place(lambda: before.require_same(control), even_own=even_own)
        except (Refused, StoreError):
            with suppress(StranglerError):
                beside.clear()
            raise
    found = [Rebuilt(shape.entity, each) for shape, each in zip(shapes, mended, strict=True)]
    _note(control, DONE, function, actor, {each.entity: each.mended._asdict() for each in found})
    return found


def beside_of(shape: Shape, function: str, above: Shape | None = None) -> Shape:
    """The shape as one of `function`, with its children, in tables whose names aren't too long for any database and can't be those of
    others."""
    digest = md5(f"{shape.function}/{shape.entity}".encode(), usedforsecurity=False).hexdigest()
    moved = replace(shape, function=function, table=f"strangler_rebuild_{digest[:12]}")
    if above is not None and shape.under is not None:
        moved = replace(moved, under=replace(shape.under, table=above.table))
    children = tuple((name, beside_of(child, function, moved)) for name, child in shape.children)
    return replace(moved, children=children)


class _Filled(NamedTuple):
    """What must not change while a store is rebuilt: where the function stands, and by which backfills it was filled."""

    standing: Standing
    fillings: tuple[tuple[str, int, Position], ...]

    @classmethod
    def of(cls, control: Control, function: str) -> _Filled:
        standing = require_filled(control, function)
        records = backfills.of_function(control, function)
        return cls(standing, tuple((each.entity, each.run, each.stamp) for each in records))

    def require_same(self, control: Control) -> None:
        function = self.standing.function
        if _Filled.of(control, function) != self:
            raise Refused(
                f"{function} was moved or filled anew while its store was rebuilt",
                why="what was rebuilt may not be what its store should hold now",
                do="run it again",
            )


@dataclass
class _Partition:
    """Where the replay stands in one partition: everything before `next` is in the tables beside, which are complete up to
    `position`. `reader` keeps the mark of that, `live` is delivery's."""

    number: int
    reader: str
    live: str
    next: Offset
    position: Position


class _Beside:
    """The function's tables as they are made anew, in the same database: entities of a function of another name."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        mappings: Sequence[EntityMapping],
        log: EventLog,
        store: ServiceStore,
        told: Told,
    ) -> None:
        self._control, self._log, self._store, self._told = control, log, store, told
        self._mappings = {mapping.shape.entity: mapping for mapping in mappings}
        self._live = mappings[0].shape.function
        self._function = f"{self._live}~rebuild"  # No function of the configuration can be called so.
        self._source = settings.functions[self._live].source
        self._batch, self._chunk = settings.sync.batch, settings.sync.chunk
        self._most = settings.functions[self._live].quarantine.max_keys
        self._shapes = {
            entity: beside_of(mapping.shape, self._function) for entity, mapping in self._mappings.items()
        }
        self._stamps: dict[str, Position] = {}
        self._partitions = [self._partition(number) for number in range(log.partitions(self._live))]

    def _partition(self, number: int) -> _Partition:
        reader = delivery.reader_of(self._function, number)
        return _Partition(
            number,
            reader,
            delivery.reader_of(self._live, number),
            self._log.begin(self._live, number),
            ORIGIN,
        )

    def clear(self) -> None:
        """Forget what a rebuild left behind."""
        readers = [partition.reader for partition in self._partitions]
        self._store.drop(list(self._shapes.values()), readers)

    def begin(self) -> None:
        """Start over, with marks that no other rebuild has, so that of two the older one is refused whatever it does."""
        self.clear()
        self._store.prepare(list(self._shapes.values()))
        token = secrets.token_hex(8)
        for partition in self._partitions:
            self._store.mark(partition.reader)
            self._store.apply([], Mark(partition.reader, token, ORIGIN))

    def fill_from_snapshot(self, base: Snapshot) -> None:
        """Take over what the snapshot holds, and its marks."""
        self._told(f"reading the snapshot {base.name}")
        first = self._partitions[0].reader
        loading = Mark(first, secrets.token_hex(8), ORIGIN)
        for events in _batches(base.events(), self._batch):
            self._store.apply([event._replace(function=self._function) for event in events], loading)
        for entity in self._shapes:
            if filled := base.mark(backfill.reader_of(self._live, entity)):
                self._stamps[entity] = filled.position
        for partition in self._partitions:
            if mark := base.mark(partition.live):
                self._begin_at(partition, Place.read(mark.at).first, mark.position)

    def fill_from_legacy(self, source: ChangeSource) -> None:
        """Read legacy as it is now. What is in the log already was committed before, so that the reads see it."""
        if sources.identity(self._control, self._source) is None:
            raise Refused(
                f"source {self._source} isn't captured",
                why="what changes behind the reads would be lost",
                do="start `strangler run` or `strangler worker`, and run it again",
            )
        ends = [(partition, self._log.end(self._live, partition.number)) for partition in self._partitions]
        self._told("waiting for transactions that are open in legacy")
        stamp = source.safe_position(SAFE_POSITION_WAIT)
        for entity, mapping in self._mappings.items():
            self._stamps[entity] = stamp
            for part, into in zip(parts_of(mapping), self._shapes[entity].parts(), strict=True):
                self._fill(source, part, into, stamp)
            settled(self._store, self._shapes[entity], stamp)
        for partition, end in ends:
            self._begin_at(partition, end, ORIGIN)

    def _fill(self, source: ChangeSource, part: Part, into: Shape, stamp: Position) -> None:
        reader = self._partitions[0].reader
        filling = Filling(part, into, reader, self._store, self._control, self._chunk, stamp, self._most)
        moved = 0
        with closing(source.reader()) as side:
            for rows in filling.whole(side):
                moved += rows
                self._told(f"reading legacy: {moved:,} rows of {part.mapping.shape.entity}")

    def _begin_at(self, partition: _Partition, start: Offset, position: Position) -> None:
        if start > self._log.end(self._live, partition.number):
            raise Refused(
                f"the log of {self._live} isn't the one that the snapshot goes with",
                why=f"partition {partition.number} ends before offset {start}",
                do=f"strangler rebuild --from-legacy --function {self._live}",
            )
        partition.next, partition.position = start, position

    def put_in_place(self, allowed: Callable[[], None], *, even_own: bool) -> list[Mended]:
        """Replay, until the store can be replaced without going back behind what its readers have seen."""
        pairs = [(self._mappings[entity].shape, beside) for entity, beside in self._shapes.items()]
        deadline = time.monotonic() + PATIENCE
        why = "delivery is ahead whenever it is to be"
        self._told("replaying the log")
        while True:
            self._replay()
            marks = self._marks()
            try:
                if marks is not None:
                    self._told("putting the store right")
                    return self._store.replace(pairs, marks, allowed, even_own=even_own)
            except Unavailable as error:
                why = error.what
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the store of {self._live} can't be replaced now",
                    why=why,
                    do="run it again when less is written",
                )
            time.sleep(PAUSE)

    def _replay(self) -> None:
        """Apply what the log has, to its end. Raises Unavailable when another rebuild has begun."""
        known = self._log.position(self._source)  # Before the records: at their end the tables are that far.
        for partition in self._partitions:
            while records := self._log.read(self._live, partition.number, partition.next, self._batch):
                partition.next = records[-1].next
                self._apply(partition, [record.event for record in records])
            partition.position = max(partition.position, known)
            self._apply(partition, [])

    def _apply(self, partition: _Partition, events: Sequence[Event]) -> None:
        ours = [event for event in events if event.entity in self._shapes]
        for event in ours:
            self._require_same_mapping(event)
            partition.position = max(partition.position, event.position)
        mark = Mark(partition.reader, str(partition.next), partition.position)
        self._store.apply([event._replace(function=self._function) for event in ours], mark)

    def _require_same_mapping(self, event: Event) -> None:
        """Invariant 7: what another mapping made is no state of this one. What is older than the base does nothing anyway."""
        version = self._mappings[event.entity].version
        if event.mapping != version and event.position > self._stamps[event.entity]:
            raise Refused(
                f"the log holds events of {self._live}.{event.entity} that another mapping made",
                why=f"that at {event.position} is of mapping {event.mapping}, and configured is {version}",
                do="let the worker run with this configuration until its backfill is done, and run it again",
            )

    def _marks(self) -> list[tuple[str, Mark]] | None:
        """The marks that delivery is to go on from; None while it is ahead."""
        found = []
        for partition in self._partitions:
            live = self._store.mark(partition.live)
            if live is not None and Place.read(live.at).next > partition.next:
                return None
            position = max(partition.position, live.position if live else ORIGIN)
            found.append((partition.reader, Mark(partition.live, Place(partition.next).text(), position)))
        return found


def _require_known(settings: Settings, control: Control, name: str, source: ChangeSource) -> None:
    schema = Schema(name, settings, control)
    found = schema.compare(source.describe(schema.tables))
    if found.differences:
        raise Refused(
            f"tables of source {name} were altered, and nobody has looked yet",
            why=found.words,
            do=f"strangler source accept {name}",
        )


def _require_fitting(control: Control, mappings: Sequence[EntityMapping], base: Snapshot) -> None:
    if reason := outdated(control, mappings, base.mappings, {mark.reader: mark for mark in base.marks}):
        raise Refused(
            f"the snapshot {base.name} of {base.function} doesn't go with the log any more",
            why=reason,
            do=f"strangler rebuild {base.store} --function {base.function} --from-legacy; then take another snapshot",
        )
    base.verify()


def _refuse_own_rows(store: ServiceStore, shapes: Sequence[Shape]) -> None:
    """Invariant 4: what somebody entered isn't lost by the way. Looked at again when the store is replaced."""
    with closing(store.reader()) as side:
        for shape in (part for each in shapes for part in each.parts()):
            [(count,)] = side.rows(f"SELECT count(*) FROM {quote(shape.table)} WHERE _position IS NULL")
            if count:
                raise Refused(
                    f"{count:,} rows of {shape.table} were written by the service itself",
                    why="legacy owns them while events flow; a rebuild would lose what the service wrote",
                    do=f"look at them (SELECT * FROM {quote(shape.table)} WHERE _position IS NULL), and give them up"
                    " with --discard-own",
                )


def _note(control: Control, kind: str, function: str, actor: str, body: dict[str, object]) -> None:
    ledger.append(
        control, actor=actor, kind=kind, function=function, body=body, at=time.time()
    )  # Invariant 8


def _batches(each: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(each)
    while batch := list(islice(left, size)):
        yield batch
