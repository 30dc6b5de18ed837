"""What every `ServiceStore` must do with aggregates, as tests: subclass `AggregateStoreSuite` beside `ServiceStoreSuite`, whose fixtures
and flags it uses.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import pytest

from strangler.errors import StoreError
from strangler.events import Event
from strangler.ports import Mark, Mended, ServiceStore
from strangler.shapes import Field, FieldType, Shape
from strangler.testing.aggregate_history import LABELS, LINES, SALE, TAXES, History, line, rows_of, sale
from strangler.testing.memory_store import MemoryStore
from strangler.testing.service_store import (
    CopiedRows,
    OpenStore,
    Rows,
    Service,
    at,
    contents,
    mark,
    removing,
    saying,
    texts,
    values,
)

PARTS: Final = tuple(SALE.parts())

Chunks = Callable[[Shape, Sequence[Mapping[str, Any]]], Rows]

FIRST: Final = sale(
    1, "First", [line(1, "1", ("vat", 0.1), ("eco", None)), line(2, "2", ("vat", 0.2))], ["red", "blue"]
)
SECOND: Final = sale(2, "Second", [line(1, "7", ("vat", 0.7))], ["red"])
OTHER: Final = sale(1, "Other company", [line(1, None, ("", 0.5))], [""], company="O'N %s ?")
"""Tells its own lines from those of `FIRST` by one half of the key only."""


def key(data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"company": data["company"], "id": data["id"], **more}


def gone(data: Mapping[str, Any], position: int) -> Event:
    return removing(SALE, position, **key(data))


def beside(shape: Shape) -> Shape:
    """The same in tables beside."""
    children = tuple((name, beside(child)) for name, child in shape.children)
    under = shape.under and replace(shape.under, table=f"{shape.under.table} beside")
    return replace(shape, function="beside", table=f"{shape.table} beside", children=children, under=under)


BESIDE: Final = beside(SALE)


def require_same(store: ServiceStore, sales: Sequence[Mapping[str, Any]], root: Shape = SALE) -> None:
    """The store holds these sales, with all that is under them, and nothing else."""
    for shape, part in zip(root.parts(), PARTS, strict=True):
        assert contents(store, shape) == texts(part, rows_of(part, sales)), shape.entity


def load_all(
    store: ServiceStore,
    sales: Sequence[Mapping[str, Any]],
    stamp: int,
    chunk: Callable[..., Rows],
    root: Shape = SALE,
    reader: str = "backfill",
) -> None:
    """What a backfill does, whole."""
    for shape, part in zip(root.parts(), PARTS, strict=True):
        rows = rows_of(part, sales)
        assert store.load(shape, chunk(part, rows), at(stamp), mark(stamp, reader)) == len(rows)


class AggregateStoreSuite:
    """See the module."""

    HANDLES: ClassVar[bool] = True

    @pytest.fixture
    def sales(self, open_store: OpenStore) -> ServiceStore:
        store = open_store()
        store.prepare([SALE])
        return store

    @pytest.fixture(params=[Rows, CopiedRows])
    def chunk(self, request: pytest.FixtureRequest) -> Callable[..., Rows]:
        """Makes a chunk of rows, which can be copied or not."""
        return lambda shape, rows: request.param(values(shape, rows))

    def test_an_event_brings_the_lines_of_its_aggregate(self, sales: ServiceStore) -> None:
        events = [saying(SALE, n, each) for n, each in enumerate([FIRST, SECOND, OTHER], 1)]
        assert sales.apply(events, mark(3)) == 3
        require_same(sales, [FIRST, SECOND, OTHER])

    def test_the_lines_become_exactly_those_of_a_newer_event(self, sales: ServiceStore) -> None:
        sales.apply([saying(SALE, 1, each) for each in (FIRST, SECOND, OTHER)], mark(1))
        lines = [line(2, "2", ("vat", 0.25)), line(3, "3", ("new", 0.5), ("vat", 1.5))]
        newer = sale(1, "First", lines, ["blue", "green"])
        assert sales.apply([saying(SALE, 2, newer)], mark(2)) == 1
        require_same(sales, [newer, SECOND, OTHER])
        bare = sale(1, "Bare")
        assert sales.apply([saying(SALE, 3, bare)], mark(3)) == 1
        require_same(sales, [bare, SECOND, OTHER])

    def test_of_several_events_of_one_aggregate_the_last_one_decides(self, sales: ServiceStore) -> None:
        again = sale(1, "Again", [line(1, "5", ("x", 1.0))])
        sales.apply(
            [
                saying(SALE, 1, FIRST),
                gone(FIRST, 2),
                saying(SALE, 3, again),
                saying(SALE, 3, SECOND),
                gone(SECOND, 4),
            ],
            mark(4),
        )
        require_same(sales, [again])

    def test_a_removal_takes_all_lines_with_it(self, sales: ServiceStore) -> None:
        sales.apply([saying(SALE, 1, each) for each in (FIRST, SECOND, OTHER)], mark(1))
        assert sales.apply([gone(FIRST, 2)], mark(2)) == 1
        require_same(sales, [SECOND, OTHER])

    @pytest.mark.parametrize("position", [4, 5])
    def test_invariant_3_an_event_that_is_not_newer_leaves_the_lines_alone(
        self, sales: ServiceStore, position: int
    ) -> None:
        sales.apply([saying(SALE, 5, FIRST), saying(SALE, 1, SECOND), gone(SECOND, 5)], mark(5))
        late = [
            saying(SALE, position, sale(1, "Late", [line(9)])),
            gone(FIRST, position),
            saying(SALE, position, SECOND),
        ]
        assert [sales.apply([event], mark(6)) for event in late] == [0, 0, 0]
        assert sales.apply(late, mark(6)) == 0
        require_same(sales, [FIRST])

    def test_an_event_without_the_lists_says_nothing_of_the_lines(self, sales: ServiceStore) -> None:
        """Made before the mapping had them: a backfill is to come."""
        plain = key(FIRST, name="Flat")
        sales.apply([saying(SALE, 1, FIRST)], mark(1))
        assert sales.apply([saying(SALE, 2, plain)], mark(2)) == 1
        require_same(sales, [{**FIRST, "name": "Flat"}])
        without_taxes = {name: value for name, value in line(9).items() if name != "taxes"}
        assert sales.apply([saying(SALE, 3, {**FIRST, "lines": [without_taxes]})], mark(3)) == 1
        require_same(sales, [FIRST])

    def test_what_an_event_says_beyond_the_shape_is_passed_over(self, sales: ServiceStore) -> None:
        more = {**FIRST, "old": 1, "olds": [], "lines": [{**each, "old": 1} for each in FIRST["lines"]]}
        sales.apply([saying(SALE, 1, more)], mark(1))
        require_same(sales, [FIRST])

    def test_invariant_7_two_lines_of_one_key_are_an_error(self, sales: ServiceStore) -> None:
        with pytest.raises(StoreError, match="same"):
            sales.apply([saying(SALE, 1, sale(1, "Twins", [line(1), line(1, "2")]))], mark(1))
        with pytest.raises(StoreError, match="same"):
            sales.apply([saying(SALE, 1, sale(1, "Twins", [line(1, "2", ("x", 1.0), ("x", 1.0))]))], mark(1))
        require_same(sales, [])
        assert sales.mark("party/0") is None

    @pytest.mark.parametrize("event", [saying(SALE, 9, sale(1, "New", [line(1)])), gone(FIRST, 9)])
    @pytest.mark.parametrize("inserted", [True, False])
    @pytest.mark.parametrize("there", [True, False])
    def test_invariant_4_an_event_never_covers_a_line_that_the_service_inserted(
        self, sales: ServiceStore, service: Service, event: Event, inserted: bool, there: bool
    ) -> None:
        if there:
            sales.apply([saying(SALE, 1, FIRST)], mark(1))
        sales.apply([saying(SALE, 1, SECOND)], mark(1))
        if inserted or not there:
            service.insert(LABELS, key(FIRST, label="own"))
        else:
            service.update(TAXES, key(FIRST, line=2, tax="vat"), {"rate": 0.9})
        with pytest.raises(StoreError, match="service itself"):
            sales.apply([saying(SALE, 9, {**SECOND, "labels": []}), event], mark(9))
        assert sales.mark("party/0") == mark(1)
        assert sales.apply([saying(SALE, 9, {**SECOND, "labels": []})], mark(9)) == 1

    def test_invariant_4_the_service_s_own_line_is_named(self, sales: ServiceStore, service: Service) -> None:
        sales.apply([saying(SALE, 1, FIRST)], mark(1))
        service.update(LINES, key(FIRST, line=2), {"quantity": "3"})
        with pytest.raises(StoreError, match=r'\["Ł",1,2\] of Sale lines'):
            sales.apply([saying(SALE, 2, FIRST)], mark(2))

    def test_a_backfill_brings_aggregates_part_by_part(self, sales: ServiceStore, chunk: Chunks) -> None:
        for _ in range(2):
            load_all(sales, [FIRST, SECOND, OTHER], 5, chunk)
            require_same(sales, [FIRST, SECOND, OTHER])
        assert sales.mark("backfill") == mark(5, "backfill")
        late = [saying(SALE, 5, sale(1, "Late")), gone(SECOND, 4)]
        assert sales.apply(late, mark(5)) == 0
        require_same(sales, [FIRST, SECOND, OTHER])
        assert sales.apply([saying(SALE, 6, sale(1, "New", [line(2)])), gone(SECOND, 6)], mark(6)) == 2
        require_same(sales, [sale(1, "New", [line(2)]), OTHER])

    def test_invariant_3_a_chunk_of_lines_passes_over_what_the_stream_wrote_or_removed(
        self, sales: ServiceStore, chunk: Chunks
    ) -> None:
        newer = sale(1, "Newer", [line(1, "9"), line(3)])
        sales.load(SALE, chunk(SALE, rows_of(SALE, [FIRST, SECOND, OTHER])), at(5), mark(5))
        sales.apply([saying(SALE, 6, newer), gone(SECOND, 7)], mark(7))
        unknown = sale(4, "Inserted after the sales were read", [line(1, "1", ("x", 1.0))], ["red"])
        for shape in PARTS[1:]:
            rows = rows_of(shape, [FIRST, SECOND, OTHER, unknown])
            assert sales.load(shape, chunk(shape, rows), at(5), mark(8)) == len(rows)
        require_same(sales, [newer, OTHER])
        assert sales.settle(SALE, at(5)) == 0
        require_same(sales, [newer, OTHER])

    def test_invariant_3_lines_of_a_line_go_with_it(self, sales: ServiceStore, chunk: Chunks) -> None:
        sales.load(SALE, chunk(SALE, rows_of(SALE, [FIRST])), at(5), mark(5))
        sales.load(LINES, chunk(LINES, rows_of(LINES, [FIRST])[:1]), at(5), mark(5))
        sales.load(TAXES, chunk(TAXES, rows_of(TAXES, [FIRST])), at(5), mark(5))
        require_same(sales, [{**FIRST, "lines": FIRST["lines"][:1], "labels": []}])

    def test_an_older_aggregate_takes_the_lines_of_a_chunk(self, sales: ServiceStore, chunk: Chunks) -> None:
        sales.apply([saying(SALE, 3, FIRST)], mark(3))
        lines = rows_of(LINES, [sale(1, "x", [line(1, "4"), line(5)])])
        assert sales.load(LINES, chunk(LINES, lines), at(5), mark(5)) == 2
        expected = [*lines, rows_of(LINES, [FIRST])[1]]
        assert contents(sales, LINES) == texts(LINES, expected)
        event = saying(SALE, 4, {**SECOND, "id": 1})
        assert sales.apply([event], mark(6)) == 1
        require_same(sales, [{**SECOND, "id": 1}])

    def test_invariant_4_a_chunk_of_lines_never_covers_what_the_service_inserted(
        self, sales: ServiceStore, service: Service, chunk: Chunks
    ) -> None:
        sales.load(SALE, chunk(SALE, rows_of(SALE, [FIRST])), at(5), mark(5))
        own = {**rows_of(LINES, [FIRST])[1], "quantity": "77", "scan": None}
        service.insert(LINES, own)
        with pytest.raises(StoreError, match=r'\["Ł",1,2\]'):
            sales.load(LINES, chunk(LINES, rows_of(LINES, [FIRST])), at(5), mark(6))
        assert contents(sales, LINES) == texts(LINES, [own])
        assert sales.mark("party/0") == mark(5)

    def test_invariant_4_lines_under_a_row_of_the_service_s_own_are_passed_over(
        self, sales: ServiceStore, service: Service, chunk: Chunks
    ) -> None:
        sales.load(SALE, chunk(SALE, rows_of(SALE, [FIRST, SECOND])), at(5), mark(5))
        service.update(SALE, key(FIRST), {"name": "Service"})
        sales.load(LINES, chunk(LINES, rows_of(LINES, [FIRST, SECOND])), at(5), mark(5))
        assert contents(sales, LINES) == texts(LINES, rows_of(LINES, [SECOND]))

    def test_invariant_7_two_lines_of_one_key_in_a_chunk_are_an_error(
        self, sales: ServiceStore, chunk: Chunks
    ) -> None:
        sales.load(SALE, chunk(SALE, rows_of(SALE, [FIRST])), at(5), mark(5))
        twice = rows_of(LINES, [FIRST]) + rows_of(LINES, [FIRST])
        with pytest.raises(StoreError, match="same"):
            sales.load(LINES, chunk(LINES, twice), at(5), mark(5))
        assert contents(sales, LINES) == []

    def test_lines_that_a_later_backfill_did_not_find_are_settled(
        self, sales: ServiceStore, service: Service, chunk: Chunks
    ) -> None:
        newer = sale(3, "Newer", [line(1, "3", ("x", 1.0))], ["a"])
        load_all(sales, [FIRST, SECOND, OTHER], 5, chunk)
        sales.apply([saying(SALE, 9, newer)], mark(9))
        first = sale(1, "First", [line(2, "2", ("eco", 0.5))], ["red"])
        load_all(sales, [first, SECOND, newer], 7, chunk)
        service.insert(LABELS, key(FIRST, label="own"))
        # Of the first sale: a line with its two taxes, a tax of the other one, a label.
        assert sales.settle(SALE, at(7)) == 5
        own = sale(1, labels=["own"])
        assert contents(sales, LABELS) == texts(LABELS, rows_of(LABELS, [first, own, SECOND, newer, OTHER]))
        for shape in (SALE, LINES, TAXES):
            assert contents(sales, shape) == texts(shape, rows_of(shape, [first, SECOND, newer, OTHER]))
        assert sales.settle(SALE, at(7)) == 0

    def test_what_a_later_backfill_is_just_filling_is_not_settled_by_an_earlier_one(
        self, sales: ServiceStore, chunk: Chunks
    ) -> None:
        load_all(sales, [FIRST, SECOND], 5, chunk)
        sales.load(SALE, chunk(SALE, rows_of(SALE, [FIRST])), at(9), mark(9, "backfill"))
        assert sales.settle(SALE, at(7)) == 0
        require_same(sales, [FIRST, SECOND])

    def test_a_part_that_does_not_fit_is_refused_by_its_column(
        self, sales: ServiceStore, open_store: OpenStore
    ) -> None:
        fields = tuple(Field("rate", FieldType.TEXT, True) if f.name == "rate" else f for f in TAXES.fields)
        lines = replace(LINES, children=(("taxes", replace(TAXES, fields=fields)),))
        wrong = replace(SALE, children=(("lines", lines), ("labels", LABELS)))
        other = open_store() if self.HANDLES else sales
        [finding] = [finding for finding in other.examine([wrong]) if finding.blocks]
        assert TAXES.table in finding.what
        with pytest.raises(StoreError, match="rate"):
            other.prepare([wrong])
        assert [finding for finding in other.examine([SALE]) if finding.blocks] == []

    def test_an_image_tells_aggregates_whole(self, sales: ServiceStore) -> None:
        told = [FIRST, SECOND, OTHER, sale(7, "Bare")]
        sales.apply([*(saying(SALE, 3, each) for each in told), gone(sale(9), 4)], mark(4))
        [first, *events] = sales.image([SALE], ["party/0"])
        assert first == mark(4)
        assert all(isinstance(each, Event) for each in events)
        sales.prepare([BESIDE])
        again = [each._replace(function="beside") for each in events if isinstance(each, Event)]
        assert len(again) == 5
        assert sales.apply(again, mark(1, "beside")) == 4
        require_same(sales, told, BESIDE)
        late = [saying(BESIDE, 3, sale(1, "Late")), saying(BESIDE, 4, sale(9))]
        assert sales.apply(late, mark(5, "beside")) == 0

    @pytest.mark.parametrize("there", [True, False])
    def test_invariant_7_an_image_of_a_line_of_the_service_s_own_is_refused(
        self, sales: ServiceStore, service: Service, there: bool
    ) -> None:
        if there:
            sales.apply([saying(SALE, 1, FIRST)], mark(1))
        service.insert(TAXES, key(FIRST, line=2, tax="own", rate=None))
        with pytest.raises(StoreError, match=r'\["Ł",1,2,"own"\]'):
            list(sales.image([SALE], []))

    def test_replaced_aggregates_have_the_lines_that_the_others_had(
        self, sales: ServiceStore, service: Service, chunk: Chunks
    ) -> None:
        right = [sale(1, "First", [line(2, "2", ("vat", 0.2)), line(3)], ["red"]), SECOND]
        sales.apply([saying(SALE, 1, each) for each in (FIRST, SECOND, OTHER)], mark(1))
        service.update(TAXES, key(SECOND, line=1, tax="vat"), {"rate": 0.9})
        sales.mark("party/0")
        sales.prepare([BESIDE])
        load_all(sales, right, 7, chunk, BESIDE, "beside")
        with pytest.raises(StoreError, match="service"):
            sales.replace([(SALE, BESIDE)], [("beside", mark(8))], lambda: None)
        assert sales.mark("party/0") == mark(1)
        [mended] = sales.replace([(SALE, BESIDE)], [("beside", mark(8))], lambda: None, even_own=True)
        # Away: a line with two taxes, a label, and the other sale with its line, tax and label. New: a line.
        assert mended == Mended(8, 1, 1)
        require_same(sales, right)
        assert sales.apply([saying(SALE, 9, FIRST), gone(SECOND, 9)], mark(9)) == 2
        require_same(sales, [FIRST])
        sales.prepare([BESIDE])
        require_same(sales, [], BESIDE)

    def test_dropped_aggregates_leave_nothing_behind(self, sales: ServiceStore) -> None:
        sales.apply([saying(SALE, 1, FIRST), gone(SECOND, 2)], mark(2))
        for _ in range(2):
            sales.drop([SALE], ["party/0"])
        sales.prepare([SALE])
        require_same(sales, [])
        assert sales.apply([saying(SALE, 1, FIRST), saying(SALE, 1, SECOND)], mark(1)) == 2

    def test_an_old_removal_of_an_aggregate_is_swept(self, sales: ServiceStore) -> None:
        sales.apply([gone(FIRST, 6)], mark(6))
        assert sales.sweep(SALE, at(7)) == 1
        assert sales.apply([saying(SALE, 5, FIRST)], mark(7)) == 1
        require_same(sales, [FIRST])

    def test_invariant_3_lines_of_an_aggregate_removed_beside_a_running_chunk_stay_away(
        self, sales: ServiceStore, open_store: OpenStore
    ) -> None:
        if not self.HANDLES:
            return
        sales.load(SALE, Rows(values(SALE, rows_of(SALE, [FIRST, SECOND]))), at(5), mark(5, "backfill"))
        other = open_store()
        other.prepare([SALE])
        remover = threading.Thread(target=other.apply, args=([gone(FIRST, 9)], mark(9)))

        class Slow(Rows):
            def rows(self) -> Iterator[Sequence[Any]]:
                yield from super().rows()
                remover.start()
                # A store that serialises lets the removal wait for the chunk; one that doesn't lets it through here.
                remover.join(0.3)

        sales.load(LINES, Slow(values(LINES, rows_of(LINES, [FIRST, SECOND]))), at(5), mark(5, "backfill"))
        remover.join()
        assert contents(sales, LINES) == texts(LINES, rows_of(LINES, [SECOND]))

    @pytest.mark.parametrize("seed", range(8))
    def test_invariant_3_any_order_of_what_legacy_says_comes_to_what_legacy_is(
        self, sales: ServiceStore, seed: int
    ) -> None:
        """Two backfills beside a stream that lags and repeats itself; before the second one nobody saw what happened."""
        chance = random.Random(seed)
        legacy = History(chance)
        delivered = 0

        def deliver(most: int) -> None:
            nonlocal delivered
            start = max(0, delivered - chance.randrange(4))
            delivered = min(len(legacy.events), delivered + chance.randrange(most + 1))
            sales.apply(legacy.events[start:delivered], mark(delivered))

        for run in range(2):
            for _ in range(15):
                legacy.happen(seen=False)
            stamp = legacy.now
            for shape in PARTS:
                for rows in legacy.chunks(shape, chance.choice([1, 2, 6])):
                    kind = chance.choice([Rows, CopiedRows])
                    sales.load(shape, kind(values(shape, rows)), at(stamp), mark(stamp, f"backfill {run}"))
                    if chance.random() < 0.2:
                        sales.load(
                            shape, kind(values(shape, rows)), at(stamp), mark(stamp, f"backfill {run}")
                        )
                    for _ in range(chance.randrange(4)):
                        legacy.happen()
                    deliver(6)
            for _ in range(2):
                sales.settle(SALE, at(stamp))
                deliver(6)
            while delivered < len(legacy.events):
                deliver(20)
            require_same(sales, legacy.state(legacy.now))

    @pytest.mark.parametrize("seed", range(8))
    def test_invariant_3_any_batches_of_aggregates_come_to_what_their_events_do_one_by_one(
        self, sales: ServiceStore, seed: int
    ) -> None:
        model = MemoryStore()
        model.prepare([SALE])
        chance = random.Random(seed)
        legacy = History(chance)
        for step in range(20):
            for _ in range(10):
                legacy.happen()
            events = [chance.choice(legacy.events[-20:]) for _ in range(chance.randrange(12))]
            if chance.random() < 0.5:
                stamp = at(legacy.now - chance.randrange(15))
                state = legacy.state(legacy.now - chance.randrange(15))
                for shape in PARTS[: chance.randrange(5)]:
                    chunk = Rows(values(shape, rows_of(shape, state)))
                    for each in (sales, model):
                        each.load(shape, chunk, stamp, mark(step))
                if chance.random() < 0.5:
                    assert sales.settle(SALE, stamp) == model.settle(SALE, stamp)
            sales.apply(events, Mark("party/0", str(step), at(step)))
            for event in events:
                model.apply([event], Mark("party/0", str(step), at(step)))
            for shape in PARTS:
                assert contents(sales, shape) == contents(model, shape), shape.entity
