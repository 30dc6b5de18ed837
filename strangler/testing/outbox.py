"""What every `Outbox` must do, as tests: subclass `OutboxSuite` with three fixtures.

    class TestMyOutbox(OutboxSuite):
        @pytest.fixture
        def store(self): ...      # a `ReturningStore`, empty
        @pytest.fixture
        def run(self): ...        # runs statements as the service does, all in one transaction of a connection of its own
        @pytest.fixture
        def open_service(self): ...  # opens such a connection, with `execute`, `commit`, `rollback` and `close`

`run` takes statements in the SQL that SQLite and PostgreSQL have in common.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, Final, Protocol

import pytest

from strangler.changes import Position
from strangler.errors import StoreError, Unavailable
from strangler.events import encode_key
from strangler.mapping.canonical import quote
from strangler.ports import Outbox, ReturningStore
from strangler.shapes import Field, FieldType
from strangler.testing.aggregate_history import SALE, line, sale
from strangler.testing.service_store import (
    DOCUMENT,
    DOCUMENTS,
    PARTY,
    contents,
    mark,
    party,
    removing,
    saying,
    texts,
)

Run = Callable[..., None]

_SALE: Final = sale(1, "First", [line(1, "1", ("vat", 0.1)), line(2, "2")], ["blue", "red"], company="L")


class ServiceConnection(Protocol):
    """A connection of the service, a transaction at a time."""

    def execute(self, sql: str) -> Any: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


class OutboxSuite:
    """See the module."""

    CONCURRENT: bool = True
    """Whether several transactions may write at once."""

    @pytest.fixture
    def outbox(self, store: ReturningStore) -> Iterator[Outbox]:
        store.prepare([PARTY, DOCUMENT, SALE])
        outbox = store.outbox([PARTY, DOCUMENT])
        outbox.prepare()
        yield outbox
        outbox.close()

    @pytest.fixture
    def sales(self, store: ReturningStore, outbox: Outbox) -> Iterator[Outbox]:
        sales = store.outbox([SALE])
        sales.prepare()
        yield sales
        sales.close()

    def test_what_the_service_inserts_changes_and_deletes_is_told_with_what_was(
        self, store: ReturningStore, outbox: Outbox, run: Run
    ) -> None:
        store.apply([saying(PARTY, 1, party(1)), saying(PARTY, 1, party(2))], mark(1))
        assert outbox.outgoing(10) == []
        assert outbox.waiting() == (0, None)
        run("INSERT INTO party (id, name, notes, credit, \"order\") VALUES (3, 'New', NULL, '7.50', FALSE)")
        run("UPDATE party SET name = 'Other', credit = '0' WHERE id = 1")
        run("DELETE FROM party WHERE id = 2")
        new = party(3, "New", None, "7.5", order=False)
        changed = party(1, "Other", credit="0")
        assert _told(outbox) == [
            ("[3]", None, new),
            ("[1]", party(1), changed),
            ("[2]", party(2), None),
        ]
        keys, since = outbox.waiting()
        assert keys == 3
        assert since is not None
        assert abs(time.time() - since) < 60

    def test_several_changes_are_told_as_one(self, store: ReturningStore, outbox: Outbox, run: Run) -> None:
        store.apply([saying(PARTY, 1, party(1))], mark(1))
        run("UPDATE party SET name = 'B' WHERE id = 1", "UPDATE party SET name = 'C' WHERE id = 1")
        run("DELETE FROM party WHERE id = 1")
        run("INSERT INTO party (id, name) VALUES (1, 'D')")
        assert _told(outbox) == [
            ("[1]", party(1), party(1, "D") | dict.fromkeys(("notes", "credit", "order")))
        ]

    def test_a_key_that_changes_is_a_removal_and_a_new_one(
        self, store: ReturningStore, outbox: Outbox, run: Run
    ) -> None:
        store.apply([saying(PARTY, 1, party(1))], mark(1))
        run("UPDATE party SET id = 5 WHERE id = 1")
        assert _told(outbox) == [("[1]", party(1), None), ("[5]", None, party(5))]

    def test_preparing_again_keeps_what_waits_and_takes_a_new_shape(
        self, store: ReturningStore, outbox: Outbox, run: Run
    ) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A')")
        wider = replace(PARTY, fields=(*PARTY.fields, Field("more", FieldType.TEXT, True)))
        run("ALTER TABLE party ADD COLUMN more text")
        for shape in (PARTY, wider):
            again = store.outbox([shape, DOCUMENT])
            again.prepare()
            assert again.waiting().keys == 1
        [told] = again.outgoing(10)
        again.done(told.entries)
        run("UPDATE party SET more = 'more'")
        [told] = again.outgoing(10)
        again.close()
        assert told.before is not None
        assert told.now is not None
        assert (told.before["more"], told.now["more"]) == (None, "more")

    def test_nothing_is_kept_behind_its_end(self, store: ReturningStore, outbox: Outbox, run: Run) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A')")
        for _ in range(2):
            outbox.end()
            run("UPDATE party SET name = 'B'")
            assert outbox.outgoing(10) == []
        outbox.prepare()
        run("UPDATE party SET name = 'C'")
        assert [each.key for each in outbox.outgoing(10)] == ["[1]"]

    def test_it_ends_when_empty_and_never_with_something_in_it(
        self, store: ReturningStore, outbox: Outbox, run: Run
    ) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A')")
        assert not outbox.end_when_empty()
        run("UPDATE party SET name = 'B'")
        [told] = outbox.outgoing(10)
        assert told.now == party(1, "B") | dict.fromkeys(("notes", "credit", "order"))
        outbox.done(told.entries)
        assert outbox.end_when_empty()
        assert outbox.end_when_empty()
        run("UPDATE party SET name = 'C'")
        assert outbox.outgoing(10) == []

    def test_it_does_not_end_before_whoever_has_written(
        self, outbox: Outbox, open_service: Callable[[], ServiceConnection]
    ) -> None:
        if not self.CONCURRENT:
            return
        service = open_service()
        service.execute("INSERT INTO party (id, name) VALUES (1, 'A')")
        with ThreadPoolExecutor(1) as ending:
            ended = ending.submit(outbox.end_when_empty)
            assert not wait([ended], 0.5).done
            service.commit()
            assert not ended.result(30)
        service.close()
        assert [each.key for each in outbox.outgoing(10)] == ["[1]"]

    def test_what_waits_is_not_adopted(self, store: ReturningStore, outbox: Outbox, run: Run) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A'), (2, 'B')")
        first, _ = outbox.outgoing(10)
        outbox.done(first.entries)
        assert outbox.adopt(Position("1")) == 1
        store.apply([saying(PARTY, 2, party(1, "legacy"))], mark(1))
        with pytest.raises(StoreError, match="written by the service itself"):
            store.apply([saying(PARTY, 3, party(2, "legacy"))], mark(2))

    def test_what_comes_and_goes_is_told_as_nothing(self, outbox: Outbox, run: Run) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A')")
        run("DELETE FROM party WHERE id = 1")
        assert _told(outbox) == [("[1]", None, None)]

    def test_delivery_writes_nothing_into_it(self, store: ReturningStore, outbox: Outbox) -> None:
        store.apply([saying(PARTY, 1, party(1)), saying(PARTY, 1, party(2))], mark(1))
        store.apply([saying(PARTY, 2, party(1, "B")), removing(PARTY, 2, id=2)], mark(2))
        store.apply([saying(PARTY, 3, {"id": 1, "notes": "partial"})], mark(3))
        assert outbox.outgoing(10) == []

    def test_what_the_service_rolls_back_was_never_there(
        self, outbox: Outbox, open_service: Callable[[], ServiceConnection]
    ) -> None:
        service = open_service()
        service.execute("INSERT INTO party (id, name) VALUES (1, 'A')")
        service.rollback()
        service.close()
        assert outbox.outgoing(10) == []

    def test_done_entries_are_forgotten_and_later_ones_stay(self, outbox: Outbox, run: Run) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A')")
        [first] = outbox.outgoing(10)
        run("UPDATE party SET name = 'B' WHERE id = 1")
        for _ in range(2):
            outbox.done(first.entries)
            [second] = outbox.outgoing(10)
            assert second.before == first.now
            assert second.now is not None
            assert second.now["name"] == "B"
            assert not second.entries & first.entries

    def test_a_transaction_that_commits_late_is_not_passed_over(
        self, outbox: Outbox, run: Run, open_service: Callable[[], ServiceConnection]
    ) -> None:
        if not self.CONCURRENT:
            return
        late = open_service()
        late.execute("INSERT INTO party (id, name) VALUES (1, 'late')")
        run("INSERT INTO party (id, name) VALUES (2, 'early')")
        [early] = outbox.outgoing(10)
        outbox.done(early.entries)
        late.commit()
        late.close()
        assert [each.key for each in outbox.outgoing(10)] == ["[1]"]

    def test_every_type_is_told_as_it_is(self, store: ReturningStore, outbox: Outbox, run: Run) -> None:
        store.apply([saying(DOCUMENT, 1, each) for each in DOCUMENTS], mark(1))
        run(f"UPDATE {quote(DOCUMENT.table)} SET kind = 'changed'")
        told = {each.key: each for each in outbox.outgoing(10)}
        assert len(told) == len(DOCUMENTS)
        for given in DOCUMENTS:
            each = told[encode_key([given[name] for name in DOCUMENT.key])]
            assert each.before is not None
            assert texts(DOCUMENT, [each.before]) == texts(DOCUMENT, [given])
            assert each.now == each.before | {"kind": "changed"}

    def test_a_change_of_a_line_is_one_of_its_aggregate(
        self, store: ReturningStore, sales: Outbox, run: Run
    ) -> None:
        store.apply([saying(SALE, 1, _SALE)], mark(1))
        run('UPDATE "Sale taxes" SET rate = 0.5 WHERE line = 1')
        run("DELETE FROM sale_labels WHERE label = 'red'")
        run("INSERT INTO sale_labels (company, id, label) VALUES ('L', 1, 'amber')")
        run('DELETE FROM "Sale lines" WHERE line = 2')
        [told] = sales.outgoing(10)
        assert told[:3] == ("sale", '["L",1]', _SALE)
        assert told.now == sale(1, "First", [line(1, "1", ("vat", 0.5))], ["amber", "blue"], company="L")

    def test_an_aggregate_that_goes_with_its_lines_was_all_of_them(
        self, store: ReturningStore, sales: Outbox, run: Run
    ) -> None:
        store.apply([saying(SALE, 1, _SALE)], mark(1))
        run(*(f'DELETE FROM "{part.table}"' for part in reversed([*SALE.parts()])))
        [told] = sales.outgoing(10)
        assert (told.before, told.now) == (_SALE, None)

    def test_each_has_the_aggregates_that_it_was_made_for(
        self, outbox: Outbox, sales: Outbox, run: Run
    ) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A')")
        run("INSERT INTO sale (company, id, name) VALUES ('L', 1, 'A')")
        assert [each.entity for each in outbox.outgoing(10)] == ["party"]
        assert [each.entity for each in sales.outgoing(10)] == ["sale"]
        assert (outbox.waiting().keys, sales.waiting().keys) == (1, 1)

    def test_keys_that_are_held_are_left_out_and_found_by_name(self, outbox: Outbox, run: Run) -> None:
        run(*(f"INSERT INTO party (id, name) VALUES ({n}, 'A')" for n in range(5)))
        without = [("party", "[0]"), ("party", "[2]")]
        assert [each.key for each in outbox.outgoing(2, without)] == ["[1]", "[3]"]
        found = outbox.of("party", "[2]")
        assert found is not None
        assert found.now is not None
        assert found.now["name"] == "A"
        assert outbox.of("party", "[9]") is None

    def test_legacy_s_state_overwrites_the_service_s_with_its_entries(
        self, store: ReturningStore, sales: Outbox, run: Run
    ) -> None:
        store.apply([saying(SALE, 1, _SALE)], mark(1))
        run(
            "UPDATE sale SET name = 'ours'",
            "INSERT INTO sale_labels (company, id, label) VALUES ('L', 1, 'z')",
        )
        [told] = sales.outgoing(10)
        theirs = sale(1, "theirs", [line(2, "7", ("eco", 0.2))], ["red"], company="L")
        sales.overwrite(saying(SALE, 5, theirs), told.entries)
        assert sales.outgoing(10) == []
        run("UPDATE sale SET name = 'ours again'")
        [told] = sales.outgoing(10)
        assert (told.before, told.now) == (theirs, theirs | {"name": "ours again"})
        sales.overwrite(removing(SALE, 6, company="L", id=1), told.entries)
        assert contents(store, SALE) == []
        assert sales.outgoing(10) == []

    def test_nothing_is_overwritten_that_the_service_changed_again(
        self, store: ReturningStore, sales: Outbox, run: Run
    ) -> None:
        store.apply([saying(SALE, 1, _SALE)], mark(1))
        run("UPDATE sale SET name = 'ours'")
        [told] = sales.outgoing(10)
        run("UPDATE sale SET name = 'ours again'")
        with pytest.raises(Unavailable, match=r"has changed sale .* again"):
            sales.overwrite(saying(SALE, 5, _SALE), told.entries)
        [later] = sales.outgoing(10)
        assert later.now == _SALE | {"name": "ours again"}
        assert later.entries > told.entries

    def test_invariant_4_adopted_rows_follow_legacy_again(
        self, store: ReturningStore, outbox: Outbox, run: Run
    ) -> None:
        store.apply([saying(PARTY, 1, party(1))], mark(1))
        run("UPDATE party SET name = 'ours'", "INSERT INTO party (id, name) VALUES (2, 'ours')")
        outbox.done([entry for each in outbox.outgoing(10) for entry in each.entries])
        with pytest.raises(StoreError, match="written by the service itself"):
            store.apply([saying(PARTY, 9, party(1, "theirs"))], mark(9))
        assert outbox.adopt(saying(PARTY, 5, party(1)).position) == 2
        assert outbox.adopt(saying(PARTY, 5, party(1)).position) == 0
        store.mark("party/0")
        store.apply([saying(PARTY, 4, party(1, "old")), saying(PARTY, 9, party(2, "theirs"))], mark(9))
        names = sorted(row[1] or "" for row in contents(store, PARTY))
        assert names == ["ours", "theirs"]
        assert outbox.outgoing(10) == []

    def test_whatever_the_service_does_taken_back_is_what_was_returned_last(
        self, store: ReturningStore, sales: Outbox, run: Run
    ) -> None:
        """Random edits, and a return now and then: states chain, each `before` is the `now` returned last."""
        chance = random.Random(7)
        returned: dict[str, Any] = {}
        for _ in range(40):
            run(*(_edit(chance) for _ in range(chance.randrange(1, 4))))
            if chance.random() < 0.4:
                for told in sales.outgoing(chance.randrange(1, 4)):
                    assert told.before == returned.get(told.key)
                    returned[told.key] = told.now
                    sales.done(told.entries)
        for told in sales.outgoing(100):
            assert told.before == returned.get(told.key)
            returned[told.key] = told.now
        there = [each for each in returned.values() if each is not None]
        assert contents(store, SALE) == texts(SALE, there)


def _told(outbox: Outbox) -> list[tuple[str, Any, Any]]:
    return [(each.key, each.before, each.now) for each in outbox.outgoing(10)]


def _edit(chance: random.Random) -> str:
    """Something that a service does to a sale."""
    id, number = chance.randrange(4), chance.randrange(3)
    key = f"company = 'L' AND id = {id}"
    there = f"EXISTS (SELECT 1 FROM sale WHERE {key})"
    return chance.choice(
        [
            f"INSERT INTO sale (company, id, name) VALUES ('L', {id}, 'n{chance.random()}') ON CONFLICT (company, id)"
            " DO UPDATE SET name = excluded.name",
            f"UPDATE sale SET name = 'u{chance.random()}' WHERE {key}",
            f"INSERT INTO \"Sale lines\" (company, id, line, quantity) SELECT 'L', {id}, {number}, '{chance.randrange(9)}'"
            f" WHERE {there} ON CONFLICT (company, id, line) DO UPDATE SET quantity = excluded.quantity",
            f'DELETE FROM "Sale lines" WHERE {key} AND line = {number}',
            f"INSERT INTO sale_labels (company, id, label) SELECT 'L', {id}, 'l{number}' WHERE {there} ON CONFLICT DO NOTHING",
            f"DELETE FROM sale_labels WHERE {key}",
            f'DELETE FROM sale WHERE {key} AND NOT EXISTS (SELECT 1 FROM "Sale lines" WHERE {key})'
            f" AND NOT EXISTS (SELECT 1 FROM sale_labels WHERE {key})",
        ]
    )
