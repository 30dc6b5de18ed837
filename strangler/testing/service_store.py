"""What every `ServiceStore` must do, as tests: subclass `ServiceStoreSuite`, and `AggregateStoreSuite` of
`strangler.testing.aggregate_store`, and give them two fixtures.

    class TestMyStore(ServiceStoreSuite, AggregateStoreSuite):
        @pytest.fixture
        def open_store(self): ...    # returns a function that opens one more handle of the same, at first empty, store
        @pytest.fixture
        def service(self): ...       # a `Service`: the new service, which writes into the store on its own

Flags, for what a store may do in its own way:

- `HANDLES`: several handles may be open at once, in one process or in several.
- `LOAD`: the database tells how many statements run in it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, ClassVar, Final, Protocol

import pytest

from strangler.changes import Position
from strangler.errors import SourceError, StoreError, StranglerError, Unavailable
from strangler.events import Effect, Event, encode_key
from strangler.mapping import canonical_columns
from strangler.mapping.canonical import float_text, quote
from strangler.ports import Mark, Mended, ServiceStore
from strangler.shapes import Field, FieldType, Shape
from strangler.testing.memory_store import MemoryStore

OpenStore = Callable[[], ServiceStore]

PARTY: Final = Shape(
    "party",
    "party",
    "party",
    ("id",),
    (
        Field("id", FieldType.INTEGER, False),
        Field("name", FieldType.TEXT, True),
        Field("notes", FieldType.TEXT, True),
        Field("credit", FieldType.DECIMAL, True),
        Field("order", FieldType.BOOLEAN, True),
    ),
)
"""The usual entity, with a column whose name is a word of SQL."""

DOCUMENT: Final = Shape(
    "party",
    "document",
    "Party documents",
    ("owner", "number"),
    (
        Field("kind", FieldType.TEXT, False),
        Field("owner", FieldType.TEXT, False),
        Field("number", FieldType.INTEGER, False),
        Field("content", FieldType.BYTES, True),
        Field("size", FieldType.FLOAT, True),
        Field("day", FieldType.DATE, True),
        Field("hour", FieldType.TIME, True),
        Field("written", FieldType.TIMESTAMP, True),
        Field("sent", FieldType.INSTANT, True),
        Field("extra", FieldType.JSON, True),
        Field("done", FieldType.BOOLEAN, True),
        Field("price", FieldType.DECIMAL, True),
    ),
)
"""All types, a key of two columns that aren't the first ones, a table whose name must be quoted."""

PARTY_BESIDE: Final = replace(PARTY, function="beside", table="party_beside")
DOCUMENT_BESIDE: Final = replace(DOCUMENT, function="beside", table="document_beside")
BESIDE: Final = (PARTY_BESIDE, DOCUMENT_BESIDE)
PAIRS: Final = ((PARTY, PARTY_BESIDE), (DOCUMENT, DOCUMENT_BESIDE))
"""The same entities in tables beside."""

_NULLABLE: Final = [field.name for field in DOCUMENT.fields if field.nullable]

ODD: Final = 'Łódź, O\'Neil, Nippon 日本\nsecond\ttab \\ "quoted" \\N'

DOCUMENTS: Final = (
    {"kind": "a", "owner": ODD, "number": 1, "content": "00ff5c0a", "size": 0.1, "day": "0001-01-01",
     "hour": "23:59:59.000001", "written": "2026-11-23T23:59:59.500000", "sent": "2026-11-23T23:59:59.000000Z",
     "extra": '{"b": [1,  2]}', "done": True, "price": "4904.49"},
    {"kind": "", "owner": "", "number": -9223372036854775808, "content": "", "size": "NaN", "day": "9999-12-31",
     "hour": "00:00:00.000000", "written": "1900-01-01T00:00:00.000000", "sent": "1969-12-31T23:00:00.000000Z",
     "extra": ODD, "done": False, "price": "-0.000000000000000000000000000001"},
    {"kind": "nothing", "owner": "x", "number": 0} | dict.fromkeys(
        ("content", "size", "day", "hour", "written", "sent", "extra", "done", "price")),
)  # fmt: skip


class Service(Protocol):
    """The new service, which knows its tables but not what Strangler does with them."""

    def insert(self, shape: Shape, values: Mapping[str, Any]) -> None: ...

    def update(self, shape: Shape, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Change these fields of the row, and nothing else."""
        ...


class Rows:
    """A chunk that can only be read row by row."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = list(rows)

    def rows(self) -> Iterable[Sequence[Any]]:
        return iter(self._rows)

    def copy_out(self, into: BinaryIO) -> bool:
        return False


class CopiedRows(Rows):
    """A chunk that comes in COPY's text format, as PostgreSQL sends it."""

    def copy_out(self, into: BinaryIO) -> bool:
        for row in self._rows:
            into.write("\t".join(map(_copy_text, row)).encode() + b"\n")
        return True


def _copy_text(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value).replace("\\", r"\\")
    return text.replace("\n", r"\n").replace("\t", r"\t")


def at(number: int) -> Position:
    """The position of this number: fixed width, so that text sorts as numbers do."""
    return Position(f"{number:08d}")


def mark(number: int, reader: str = "party/0") -> Mark:
    return Mark(reader, str(number), at(number))


def saying(shape: Shape, position: int, data: Mapping[str, Any]) -> Event:
    """An event that says what `data` has, whole or partial."""
    key = encode_key([data[name] for name in shape.key])
    return Event(
        "Changed", shape.function, shape.entity, Effect.UPSERT, key, at(position), 1.0, "0123456789ab", data
    )


def removing(shape: Shape, position: int, **key: Any) -> Event:
    """An event that removes a key."""
    return saying(shape, position, key)._replace(type="Removed", effect=Effect.REMOVE)


def party(
    id: int, name: str | None = "Acme", notes: str | None = "n", credit: str = "1.5", order: bool = True
) -> dict[str, Any]:
    return {"id": id, "name": name, "notes": notes, "credit": credit, "order": order}


def values(shape: Shape, rows: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """Rows as a chunk has them."""
    return [[row[field.name] for field in shape.fields] for row in rows]


def contents(store: ServiceStore, shape: Shape) -> list[tuple[str | None, ...]]:
    """All rows of the table as canonical text, sorted."""
    side = store.reader()
    try:
        columns = ", ".join(canonical_columns(shape, side.dialect))
        return sorted(side.rows(f"SELECT {columns} FROM {quote(shape.table)}"), key=repr)
    finally:
        side.close()


def texts(shape: Shape, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str | None, ...]]:
    """Rows of canonical values as `contents` gives them."""
    return sorted((tuple(_text(f.type, row[f.name]) for f in shape.fields) for row in rows), key=repr)


def _text(type: FieldType, value: Any) -> str | None:
    if value is None:
        return None
    if type is FieldType.FLOAT and isinstance(value, float):
        return float_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class ServiceStoreSuite:
    """See the module."""

    HANDLES: ClassVar[bool] = True
    LOAD: ClassVar[bool] = False

    @pytest.fixture
    def store(self, open_store: OpenStore) -> ServiceStore:
        store = open_store()
        store.prepare([PARTY, DOCUMENT])
        return store

    @pytest.fixture(params=[Rows, CopiedRows])
    def chunk(self, request: pytest.FixtureRequest) -> Callable[..., Rows]:
        """Makes a chunk of rows, which can be copied or not."""
        return lambda shape, rows: request.param(values(shape, rows))

    def test_preparing_again_changes_nothing(self, store: ServiceStore) -> None:
        store.apply([saying(PARTY, 1, party(1))], mark(1))
        store.prepare([PARTY, DOCUMENT])
        assert contents(store, PARTY) == texts(PARTY, [party(1)])

    def test_a_table_that_does_not_fit_is_refused_by_its_column(self, store: ServiceStore) -> None:
        fields = tuple(
            Field("name", FieldType.FLOAT, True) if field.name == "name" else field for field in PARTY.fields
        )
        with pytest.raises(StoreError, match="name"):
            store.prepare([Shape("party", "party", "party", ("id",), fields)])

    def test_what_prepare_would_refuse_is_found_by_looking(
        self, store: ServiceStore, open_store: OpenStore
    ) -> None:
        assert [finding for finding in store.examine([PARTY, DOCUMENT]) if finding.blocks] == []
        born = Field("born", FieldType.DATE, True)
        wrong = Shape("party", "party", "party", ("id",), (*PARTY.fields, born))
        other = open_store() if self.HANDLES else store
        [finding] = [finding for finding in other.examine([wrong, DOCUMENT]) if finding.blocks]
        assert PARTY.table in finding.what
        assert finding.do
        store.prepare([PARTY, DOCUMENT])  # Looking has made nothing.

    def test_an_entity_that_was_not_prepared_is_refused(self, store: ServiceStore) -> None:
        with pytest.raises(StoreError, match="stranger"):
            store.apply([saying(PARTY, 1, party(1))._replace(entity="stranger")], mark(1))
        assert store.mark("party/0") is None

    def test_every_type_is_stored_as_it_is(self, store: ServiceStore) -> None:
        assert store.apply([saying(DOCUMENT, 1, each) for each in DOCUMENTS], mark(1)) == 3
        assert contents(store, DOCUMENT) == texts(DOCUMENT, DOCUMENTS)

    def test_every_type_is_loaded_as_it_is(self, store: ServiceStore, chunk: Callable[..., Rows]) -> None:
        assert store.load(DOCUMENT, chunk(DOCUMENT, DOCUMENTS), at(1), mark(1)) == 3
        assert contents(store, DOCUMENT) == texts(DOCUMENT, DOCUMENTS)

    def test_events_insert_change_and_remove(self, store: ServiceStore) -> None:
        first = [saying(PARTY, n, party(n)) for n in range(1, 5)]
        assert store.apply(first, mark(4)) == 4
        second = [saying(PARTY, 5, party(1, "New")), removing(PARTY, 6, id=2), removing(PARTY, 7, id=99)]
        assert store.apply(second, mark(7)) == 2
        assert contents(store, PARTY) == texts(PARTY, [party(1, "New"), party(3), party(4)])

    def test_a_field_that_is_absent_keeps_its_value(self, store: ServiceStore) -> None:
        store.apply([saying(PARTY, 1, party(1, notes="long"))], mark(1))
        assert store.apply([saying(PARTY, 2, {"id": 1, "name": None, "order": False})], mark(2)) == 1
        assert contents(store, PARTY) == texts(PARTY, [party(1, None, notes="long", order=False)])

    def test_a_key_that_comes_back_after_its_removal_is_there(self, store: ServiceStore) -> None:
        events = [saying(PARTY, 1, party(1)), removing(PARTY, 2, id=1), saying(PARTY, 3, party(1, "Back"))]
        store.apply(events, mark(3))
        assert contents(store, PARTY) == texts(PARTY, [party(1, "Back")])
        store.apply([removing(PARTY, 4, id=1)], mark(4))
        store.apply([saying(PARTY, 5, party(1, "Again"))], mark(5))
        assert contents(store, PARTY) == texts(PARTY, [party(1, "Again")])

    def test_marks_belong_to_their_readers(self, store: ServiceStore, open_store: OpenStore) -> None:
        assert store.mark("party/0") is None
        store.apply([], mark(3))
        store.apply([saying(PARTY, 4, party(1))], mark(4, "other"))
        store.apply([], mark(5))
        assert (store.mark("party/0"), store.mark("other")) == (mark(5), mark(4, "other"))
        if self.HANDLES:
            assert open_store().mark("party/0") == mark(5)

    def test_invariant_2_who_does_not_know_the_mark_any_more_writes_nothing(
        self, store: ServiceStore, open_store: OpenStore, chunk: Callable[..., Rows]
    ) -> None:
        if not self.HANDLES:
            return
        quick = open_store()
        quick.prepare([PARTY])
        assert store.mark("party/0") == quick.mark("party/0")
        quick.apply([saying(PARTY, 5, party(1))], mark(5))
        quick.apply([saying(PARTY, 6, party(2))], mark(6))
        with pytest.raises(Unavailable):
            store.apply([saying(PARTY, 4, party(3))], mark(4))
        with pytest.raises(Unavailable):
            store.load(PARTY, chunk(PARTY, [party(3)]), at(4), mark(4))
        assert contents(store, PARTY) == texts(PARTY, [party(1), party(2)])
        assert store.mark("party/0") == mark(6)
        assert store.apply([saying(PARTY, 7, party(3))], mark(7)) == 1

    def test_invariant_2_effect_and_mark_of_events_commit_together(
        self, store: ServiceStore, service: Service
    ) -> None:
        service.insert(PARTY, party(2))
        with pytest.raises(StoreError):
            store.apply([saying(PARTY, 1, party(1)), saying(PARTY, 2, party(2, "Mine"))], mark(2))
        assert contents(store, PARTY) == texts(PARTY, [party(2)])
        assert store.mark("party/0") is None

    def test_invariant_2_effect_and_mark_of_a_chunk_commit_together(self, store: ServiceStore) -> None:
        class Breaking(Rows):
            def rows(self) -> Iterator[Sequence[Any]]:
                yield from super().rows()
                raise SourceError("the legacy database went away")

        with pytest.raises(SourceError, match="went away"):
            store.load(PARTY, Breaking(values(PARTY, [party(1)])), at(1), mark(1))
        assert contents(store, PARTY) == []
        assert store.mark("party/0") is None

    def test_a_copy_that_breaks_off_leaves_nothing(self, store: ServiceStore) -> None:
        class Breaking(CopiedRows):
            def rows(self) -> Iterator[Sequence[Any]]:
                yield from super().rows()
                raise SourceError("the legacy database went away")

            def copy_out(self, into: BinaryIO) -> bool:
                super().copy_out(into)
                raise SourceError("the legacy database went away")

        with pytest.raises(SourceError, match="went away"):
            store.load(PARTY, Breaking(values(PARTY, [party(1)])), at(1), mark(1))
        assert contents(store, PARTY) == []
        assert store.load(PARTY, CopiedRows(values(PARTY, [party(1)])), at(1), mark(1)) == 1

    @pytest.mark.parametrize("position", [4, 5])
    def test_invariant_3_an_event_that_is_not_newer_than_the_row_does_nothing(
        self, store: ServiceStore, position: int
    ) -> None:
        store.apply([saying(PARTY, 5, party(1, "New"))], mark(5))
        old = [saying(PARTY, position, party(1, "Old")), saying(PARTY, position, {"id": 1, "name": "Part"})]
        assert [store.apply([event], mark(6)) for event in old] == [0, 0]
        assert store.apply([removing(PARTY, position, id=1)], mark(6)) == 0
        assert contents(store, PARTY) == texts(PARTY, [party(1, "New")])
        assert store.mark("party/0") == mark(6)

    @pytest.mark.parametrize("position", [4, 5])
    def test_invariant_3_an_event_that_is_not_newer_than_the_removal_does_nothing(
        self, store: ServiceStore, position: int
    ) -> None:
        store.apply([removing(PARTY, 5, id=1)], mark(5))
        assert store.apply([saying(PARTY, position, party(1))], mark(6)) == 0
        assert contents(store, PARTY) == []

    def test_invariant_3_a_chunk_covers_nothing_newer(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        older, newer = saying(PARTY, 3, party(1, "Old")), saying(PARTY, 7, party(2, "New"))
        store.apply([older, newer, removing(PARTY, 8, id=3), removing(PARTY, 2, id=4)], mark(8))
        rows = [party(n, "Legacy") for n in range(1, 6)]
        assert store.load(PARTY, chunk(PARTY, rows), at(5), mark(5, "backfill")) == 5
        expected = [party(1, "Legacy"), party(2, "New"), party(4, "Legacy"), party(5, "Legacy")]
        assert contents(store, PARTY) == texts(PARTY, expected)
        assert store.mark("backfill") == mark(5, "backfill")

    def test_invariant_3_a_chunk_does_not_bring_a_removed_key_back(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        gone = DOCUMENTS[0]
        store.apply([removing(DOCUMENT, 8, owner=gone["owner"], number=gone["number"])], mark(8))
        store.apply([removing(PARTY, 8, id=1)], mark(8))
        store.load(DOCUMENT, chunk(DOCUMENT, DOCUMENTS), at(5), mark(5, "backfill"))
        store.load(PARTY, chunk(PARTY, [party(1), party(2)]), at(5), mark(5, "backfill"))
        assert contents(store, DOCUMENT) == texts(DOCUMENT, DOCUMENTS[1:])
        assert contents(store, PARTY) == texts(PARTY, [party(2)])

    def test_events_up_to_the_stamp_do_nothing_to_loaded_rows(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        store.load(PARTY, chunk(PARTY, [party(1), party(2)]), at(5), mark(5))
        assert (
            store.apply([saying(PARTY, 5, party(1, "Old")), saying(PARTY, 6, party(2, "New"))], mark(6)) == 1
        )
        assert contents(store, PARTY) == texts(PARTY, [party(1), party(2, "New")])

    def test_loading_a_chunk_again_changes_nothing(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        for _ in range(2):
            assert store.load(PARTY, chunk(PARTY, [party(1), party(2)]), at(5), mark(5)) == 2
        assert contents(store, PARTY) == texts(PARTY, [party(1), party(2)])

    def test_an_empty_chunk_moves_the_mark(self, store: ServiceStore, chunk: Callable[..., Rows]) -> None:
        assert store.load(PARTY, chunk(PARTY, []), at(5), mark(5)) == 0
        assert store.mark("party/0") == mark(5)

    def test_invariant_7_two_rows_of_one_key_in_a_chunk_are_an_error(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        with pytest.raises(StoreError, match="same"):
            store.load(PARTY, chunk(PARTY, [party(1), party(2), party(1, "Twin")]), at(5), mark(5))
        assert contents(store, PARTY) == []

    def test_a_partial_event_that_overtakes_its_row_is_applied_to_it(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        events = [
            saying(PARTY, 6, {"id": 1, "name": "Changed"}),
            saying(PARTY, 7, {"id": 1, "credit": "7"}),
            saying(PARTY, 7, {"id": 2, "name": "Never comes"}),
        ]
        store.apply(events, mark(7))
        assert contents(store, PARTY) == []
        store.load(PARTY, chunk(PARTY, [party(1, notes="long"), party(3)]), at(5), mark(5, "backfill"))
        expected = [party(1, "Changed", notes="long", credit="7"), party(3)]
        assert contents(store, PARTY) == texts(PARTY, expected)
        assert store.apply([saying(PARTY, 7, party(1, "Late"))], mark(8)) == 0

    def test_a_removal_takes_partial_events_with_it(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        store.apply([saying(PARTY, 6, {"id": 1, "name": "Changed"})], mark(6))
        store.apply([removing(PARTY, 7, id=1), saying(PARTY, 8, party(1, "New"))], mark(8))
        store.load(PARTY, chunk(PARTY, [party(1)]), at(5), mark(5, "backfill"))
        assert contents(store, PARTY) == texts(PARTY, [party(1, "New")])

    def test_sweep_forgets_old_removals_only(self, store: ServiceStore, chunk: Callable[..., Rows]) -> None:
        store.apply([removing(PARTY, 6, id=1), removing(PARTY, 8, id=2)], mark(8))
        store.apply([removing(DOCUMENT, 6, owner="x", number=1)], mark(8))
        assert store.sweep(PARTY, at(8)) == 1
        assert store.sweep(PARTY, at(8)) == 0
        store.load(PARTY, chunk(PARTY, [party(1), party(2)]), at(5), mark(5))
        assert contents(store, PARTY) == texts(PARTY, [party(1)])

    @pytest.mark.parametrize(
        "event", [saying(PARTY, 9, party(1)), saying(PARTY, 9, {"id": 1}), removing(PARTY, 9, id=1)]
    )
    def test_invariant_4_an_event_never_covers_what_the_service_inserted(
        self, store: ServiceStore, service: Service, event: Event
    ) -> None:
        service.insert(PARTY, party(1, "Service"))
        with pytest.raises(StoreError, match=r"\[1\]"):
            store.apply([event], mark(9))
        assert contents(store, PARTY) == texts(PARTY, [party(1, "Service")])

    def test_invariant_4_an_event_never_covers_what_the_service_changed(
        self, store: ServiceStore, service: Service
    ) -> None:
        store.apply([saying(PARTY, 1, party(1)), saying(PARTY, 2, party(2))], mark(2))
        service.update(PARTY, {"id": 1}, {"name": "Service"})
        with pytest.raises(StoreError, match=r"\[1\]"):
            store.apply([saying(PARTY, 3, party(1))], mark(3))
        assert store.apply([saying(PARTY, 3, party(2, "Legacy"))], mark(3)) == 1
        assert contents(store, PARTY) == texts(PARTY, [party(1, "Service"), party(2, "Legacy")])

    def test_invariant_4_a_chunk_never_covers_what_the_service_inserted(
        self, store: ServiceStore, service: Service, chunk: Callable[..., Rows]
    ) -> None:
        service.insert(PARTY, party(1, "Service"))
        with pytest.raises(StoreError, match=r"\[1\]"):
            store.load(PARTY, chunk(PARTY, [party(1), party(2)]), at(5), mark(5))
        assert contents(store, PARTY) == texts(PARTY, [party(1, "Service")])

    @pytest.mark.parametrize("seed", range(8))
    def test_invariant_3_any_batches_come_to_what_their_events_do_one_by_one(
        self, store: ServiceStore, seed: int
    ) -> None:
        model = MemoryStore()
        model.prepare([PARTY, DOCUMENT])
        chance = random.Random(seed)
        position = 10
        for step in range(25):
            if chance.random() < 0.3:
                keys = chance.sample(range(12), 6)
                rows = [party(key, f"chunk {step}") for key in keys]
                kind = chance.choice([Rows, CopiedRows])
                stamp = at(position - chance.randrange(9))
                for each in (store, model):
                    each.load(PARTY, kind(values(PARTY, rows)), stamp, mark(step))
            events = [_random_event(chance, position + n - chance.choice([0, 0, 0, 5])) for n in range(15)]
            position += 15
            store.apply(events, mark(step))
            for event in events:
                model.apply([event], mark(step))
            assert contents(store, PARTY) == contents(model, PARTY)

    def test_invariant_3_a_key_removed_beside_a_running_chunk_stays_away(
        self, store: ServiceStore, open_store: OpenStore
    ) -> None:
        if not self.HANDLES:
            return
        other = open_store()
        other.prepare([PARTY])
        remover = threading.Thread(target=other.apply, args=([removing(PARTY, 9, id=1)], mark(9)))

        class Slow(Rows):
            def rows(self) -> Iterator[Sequence[Any]]:
                yield from super().rows()
                remover.start()
                # A store that serialises lets the removal wait for the chunk; one that doesn't lets it through here.
                remover.join(0.3)

        store.load(PARTY, Slow(values(PARTY, [party(1), party(2)])), at(5), mark(5, "backfill"))
        remover.join()
        assert contents(store, PARTY) == texts(PARTY, [party(2)])
        assert store.mark("party/0") == mark(9)

    def test_handles_that_write_at_once_lose_nothing(
        self, store: ServiceStore, open_store: OpenStore
    ) -> None:
        if not self.HANDLES:
            return
        handles = [open_store() for _ in range(4)]
        failures: list[BaseException] = []

        def write(number: int, handle: ServiceStore) -> None:
            try:
                handle.prepare([DOCUMENT, PARTY])
                for batch in range(10):
                    ids = range(number * 100 + batch * 10, number * 100 + batch * 10 + 10)
                    handle.apply([saying(PARTY, 1, party(id)) for id in ids], mark(batch, f"reader {number}"))
                    documents = [DOCUMENTS[1] | {"owner": f"{number}", "number": id} for id in ids]
                    handle.load(
                        DOCUMENT, Rows(values(DOCUMENT, documents)), at(1), mark(batch, f"load {number}")
                    )
            except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=write, args=pair) for pair in enumerate(handles)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert (len(contents(store, PARTY)), len(contents(store, DOCUMENT))) == (400, 400)
        assert [store.mark(f"reader {n}") for n in range(4)] == [mark(9, f"reader {n}") for n in range(4)]

    def test_an_image_brings_the_same_into_empty_tables(self, store: ServiceStore) -> None:
        _fill(store)
        marks, events = _told(store.image([PARTY, DOCUMENT], ["party/0", "backfill", "stranger"]))
        assert sorted(marks) == sorted([mark(9), mark(5, "backfill")])
        store.prepare(BESIDE)
        store.apply([each._replace(function=PARTY_BESIDE.function) for each in events], mark(1, "beside"))
        for live, beside in PAIRS:
            assert contents(store, beside) == contents(store, live)
        for shape in (PARTY, PARTY_BESIDE):
            late = [saying(shape, 7, party(2, "Late")), saying(shape, 7, party(1, "Late"))]
            assert store.apply(late, mark(9, shape.function)) == 0
            store.load(shape, Rows(values(shape, [party(3, "Loaded")])), at(4), mark(10, shape.function))
        assert texts(PARTY, [party(3, "Partly")])[0] in contents(store, PARTY_BESIDE)
        assert contents(store, PARTY_BESIDE) == contents(store, PARTY)

    def test_an_image_is_of_one_moment(self, store: ServiceStore, open_store: OpenStore) -> None:
        if not self.HANDLES:
            return
        store.apply([saying(PARTY, n, party(n)) for n in range(1, 4)], mark(3))
        store.apply([saying(DOCUMENT, 3, DOCUMENTS[0])], mark(4))
        told = store.image([PARTY, DOCUMENT], ["party/0"])
        assert next(told) == mark(4)
        other = open_store()
        other.prepare([PARTY, DOCUMENT])
        other.apply([saying(PARTY, 9, party(9)), saying(DOCUMENT, 9, DOCUMENTS[1])], mark(9))
        assert len(list(told)) == 4

    def test_invariant_7_an_image_of_a_row_of_the_service_s_own_is_refused(
        self, store: ServiceStore, service: Service
    ) -> None:
        service.insert(PARTY, party(1))
        with pytest.raises(StoreError, match=r"\[1\]"):
            list(store.image([PARTY], []))

    def test_a_replaced_table_has_what_the_other_had_and_only_what_differs_is_touched(
        self, store: ServiceStore, service: Service
    ) -> None:
        _fill(store)
        _, events = _told(store.image([PARTY, DOCUMENT], []))
        store.mark("party/0")
        store.apply([removing(PARTY, 20, id=4), saying(PARTY, 21, party(77))], mark(21))
        service.update(PARTY, {"id": 5}, {"name": "Broken"})
        self._prepare_beside(store, events)
        with pytest.raises(StoreError, match="service"):
            store.replace(PAIRS, [("beside", mark(30))], lambda: None)
        mended = store.replace(PAIRS, [("beside", mark(30))], lambda: None, even_own=True)
        assert mended == [Mended(1, 1, 1), Mended(0, 0, 0)]
        assert contents(store, PARTY) == texts(PARTY, [party(4), party(5)])
        assert contents(store, DOCUMENT) == texts(DOCUMENT, DOCUMENTS)
        assert store.mark("party/0") == mark(30)
        assert store.mark("beside") is None
        # What belongs to the rows came along: the removal of 1 at 8, the waiting event of 3; the removal of 4 is no more.
        assert store.apply([saying(PARTY, 8, party(1))], mark(31)) == 0
        assert store.apply([saying(PARTY, 15, party(4, "Newer"))], mark(32)) == 1
        store.load(PARTY, Rows(values(PARTY, [party(3)])), at(4), mark(33))
        expected = [party(3, "Partly"), party(4, "Newer"), party(5)]
        assert contents(store, PARTY) == texts(PARTY, expected)
        # Written by legacy again, each row of it, and not by the service.
        assert store.apply([saying(PARTY, 40, party(5, "Legacy"))], mark(40)) == 1

    def test_a_table_in_which_everything_is_wrong_is_replaced_whole(
        self, store: ServiceStore, chunk: Callable[..., Rows]
    ) -> None:
        wrong = [each | dict.fromkeys(_NULLABLE) for each in DOCUMENTS[:2]]
        store.load(DOCUMENT, chunk(DOCUMENT, wrong), at(5), mark(5, "backfill"))
        store.prepare(BESIDE)
        store.load(DOCUMENT_BESIDE, chunk(DOCUMENT_BESIDE, DOCUMENTS), at(5), mark(5, "beside"))
        [_, mended] = store.replace(PAIRS, [("beside", mark(6))], lambda: None)
        assert mended == Mended(0, 2, 1)
        assert contents(store, DOCUMENT) == texts(DOCUMENT, DOCUMENTS)

    def test_a_replacement_that_is_not_allowed_changes_nothing(self, store: ServiceStore) -> None:
        _fill(store)
        before = contents(store, PARTY)
        self._prepare_beside(store, [])

        def refuse() -> None:
            raise SourceError("not now")

        store.mark("party/0")
        with pytest.raises(SourceError, match="not now"):
            store.replace(PAIRS, [("beside", mark(30))], refuse)
        assert contents(store, PARTY) == before
        assert store.mark("party/0") == mark(9)
        assert store.apply([saying(PARTY, 41, party(1))], mark(41)) == 1

    def test_invariant_2_a_replacement_and_a_delivery_that_does_not_know_of_it_exclude_each_other(
        self, store: ServiceStore, open_store: OpenStore
    ) -> None:
        if not self.HANDLES:
            return
        _fill(store)
        delivering = open_store()
        delivering.prepare([PARTY, DOCUMENT])
        assert delivering.mark("party/0") == store.mark("party/0") == mark(9)
        self._prepare_beside(store, [])
        delivering.apply([saying(PARTY, 30, party(30))], mark(30))
        with pytest.raises(Unavailable):
            store.replace(PAIRS, [("beside", mark(20))], lambda: None)
        assert store.mark("party/0") == mark(30)
        store.replace(PAIRS, [("beside", mark(20))], lambda: None)
        for batch in ([saying(PARTY, 31, party(31))], []):
            with pytest.raises(Unavailable):
                delivering.apply(batch, mark(31))
        assert contents(store, PARTY) == []
        assert delivering.mark("party/0") == mark(20)
        assert delivering.apply([saying(PARTY, 30, party(30))], mark(30)) == 1

    def test_what_another_one_began_anew_is_not_taken_for_the_replacement(
        self, store: ServiceStore, open_store: OpenStore
    ) -> None:
        if not self.HANDLES:
            return
        _fill(store)
        before = contents(store, PARTY)
        self._prepare_beside(store, [])
        other = open_store()
        other.drop(BESIDE, ["beside"])
        other.prepare(BESIDE)
        other.apply([], mark(1, "beside"))
        with pytest.raises(Unavailable):
            store.apply([saying(PARTY_BESIDE, 1, party(1))], mark(2, "beside"))
        with pytest.raises(Unavailable):
            store.replace(PAIRS, [("beside", mark(30))], lambda: None)
        assert contents(store, PARTY) == before

    def test_what_is_dropped_leaves_nothing_behind(self, store: ServiceStore) -> None:
        _fill(store)
        for _ in range(2):
            store.drop([PARTY, DOCUMENT], ["party/0", "backfill"])
        assert store.mark("party/0") is None
        store.prepare([PARTY, DOCUMENT])
        assert contents(store, PARTY) == []
        assert store.apply([saying(PARTY, 1, party(1))], mark(1)) == 1

    def _prepare_beside(self, store: ServiceStore, events: Iterable[Event]) -> None:
        store.prepare(BESIDE)
        store.apply([event._replace(function=PARTY_BESIDE.function) for event in events], mark(99, "beside"))

    def test_a_reader_reads_and_cannot_write(self, store: ServiceStore) -> None:
        store.apply([saying(PARTY, n, party(n)) for n in range(1, 2501)], mark(1))
        side = store.reader()
        assert [id for (id,) in side.rows('SELECT id FROM "party" ORDER BY id')] == list(range(1, 2501))
        for refused in ('SELECT "gone" FROM "nowhere"', 'DELETE FROM "party"'):
            with pytest.raises(StranglerError):
                list(side.rows(refused))
        assert len(contents(store, PARTY)) == 2500
        side.close()

    def test_a_reader_tells_how_busy_the_database_is(self, store: ServiceStore) -> None:
        side = store.reader()
        lag, running = side.pressure()
        assert list(side.rows('SELECT "id" FROM "party"')) == []
        side.close()
        assert lag is None  # It is no replica, and has none.
        assert (running is not None) == self.LOAD
        assert running is None or running >= 0


def _fill(store: ServiceStore) -> None:
    """Rows of both ways and of all types, a removal, a partial event that waits; marks of `party/0` and `backfill`."""
    store.load(PARTY, Rows(values(PARTY, [party(4), party(5)])), at(5), mark(5, "backfill"))
    store.apply([saying(DOCUMENT, 6, each) for each in DOCUMENTS], mark(6))
    removals = [removing(PARTY, 8, id=1), removing(PARTY, 8, id=2)]
    store.apply([*removals, saying(PARTY, 9, {"id": 3, "name": "Partly"})], mark(9))


def _told(image: Iterable[Mark | Event]) -> tuple[list[Mark], list[Event]]:
    told = list(image)
    return [each for each in told if isinstance(each, Mark)], [
        each for each in told if isinstance(each, Event)
    ]


def _random_event(chance: random.Random, position: int) -> Event:
    id = chance.randrange(12)
    whole = party(id, f"at {position}", chance.choice([None, "n"]), str(position), chance.random() < 0.5)
    draw = chance.random()
    if draw < 0.25:
        return removing(PARTY, position, id=id)
    if draw < 0.6:
        return saying(PARTY, position, whole)
    kept = chance.sample(["name", "notes", "credit", "order"], chance.randrange(4))
    return saying(PARTY, position, {"id": id} | {name: whole[name] for name in kept})
