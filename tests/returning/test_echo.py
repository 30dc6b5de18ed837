"""What we returned ourselves is known when the source tells of it: it makes no events of its function, and is no late write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strangler import assembly
from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, Transaction
from strangler.cutover.stages import Side
from strangler.events import Event
from strangler.mapping import EntityMapping
from strangler.mirror import Mirror
from strangler.ports import ChangeSource
from strangler.returning import carrying
from strangler.returning.echo import Echo
from strangler.returning.marks import COLUMNS, TABLE
from tests.returning.orders import Orders, in_legacy

LEGACY = ("sqlite", "postgres", "mariadb")


@pytest.fixture(params=LEGACY)
def orders(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Orders]:
    made = in_legacy(request, tmp_path)
    made.create()
    yield made
    made.control.close()


def read_all(source: ChangeSource, identity: str) -> list[Transaction]:
    """Every transaction with changes that the source has by now, the echo told apart."""
    safe, found, echo = source.safe_position(20), [], Echo()
    with source.stream(ORIGIN, identity) as stream:
        while True:
            transaction = stream.read(5)
            assert transaction is not None
            found += echo.marked(transaction)
            if transaction.position >= safe:
                return [each for each in found if each.changes]


def test_what_was_returned_is_told_from_what_legacy_wrote(orders: Orders) -> None:
    insert = "INSERT INTO sale_order (code, customer) VALUES"
    with orders.captured() as source:
        orders.write(f"{insert} ('SO-0', 'legacy')")
        orders.fill()
        orders.own(Side.NEW)
        orders.serve("UPDATE orders SET customer = 'new', shouted = 'NEW'")
        orders.return_all()
        orders.write(f"{insert} ('SO-1', 'legacy again')")
        found = read_all(source, orders.identity)
    told = [
        (each.returned, change.after["customer"]) for each in found for change in each.changes if change.after
    ]
    assert told == [(None, "legacy"), ("sales", "new"), (None, "legacy again")]
    positions = [each.position for each in found]
    assert positions == sorted(set(positions))


def test_what_a_source_would_tell_in_parts_comes_back_in_several_transactions(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told whole: nobody begins to read behind its mark."""
    monkeypatch.setattr(carrying, "MOST_ROWS", 6)
    with orders.captured() as source:
        orders.fill()
        orders.own(Side.NEW)
        for number, lines in enumerate((2, 2, 9, 1, 1)):
            order, positions = f"SO-{number}", range(lines)
            orders.serve(
                f"INSERT INTO orders (number, customer, shouted) VALUES ('{order}', 'new', 'NEW')",
                *(
                    f"INSERT INTO orders_lines (number, position) VALUES ('{order}', {each})"
                    for each in positions
                ),
            )
        assert orders.return_all() == 5
        found = read_all(source, orders.identity)
        orders.require_same()
    assert {each.returned for each in found} == {"sales"}
    assert [len(each.changes) for each in found] == [6, 10, 4]


def test_it_makes_no_events_of_its_function_and_those_of_others(orders: Orders) -> None:
    with orders.captured() as source:
        orders.fill()
        orders.own(Side.NEW)
        orders.serve(
            "INSERT INTO orders (number, customer, shouted) VALUES ('SO-5', 'new', 'NEW')",
            "INSERT INTO orders_lines (number, position, article) VALUES ('SO-5', 1, 'a')",
        )
        orders.return_all()
        orders.write("INSERT INTO sale_order (code, customer) VALUES ('SO-6', 'legacy')")
        found = read_all(source, orders.identity)
    assert orders.waiting() == 0
    assert [event.key for event in _events(orders, found, "sales")] == ['["SO-6"]']
    assert [event.key for event in _events(orders, found, "another")] == ['["SO-5"]', '["SO-6"]']


def _events(orders: Orders, found: list[Transaction], function: str) -> list[Event]:
    """What the boundary makes of these transactions for a function of this name."""
    from strangler import assembly
    from strangler.mirror.file import MirrorFile

    section = orders.settings.functions["sales"]
    settings = orders.settings.model_copy(update={"functions": {function: section}})
    with closing(assembly.source(settings, "erp")) as source:
        mappings: list[EntityMapping] = assembly.mappings(settings, function, source)
    path = orders.file.parent / f"{function}.mirror"
    with closing(Mirror(MirrorFile(path), mappings)) as mirror:
        mirror.fill("test", ORIGIN, lambda layout: iter(()), lambda: ORIGIN)
        into = Translation([], [])
        mirror.bring(found)
        for transaction in found:
            Boundary(mappings, mirror=mirror).translate(transaction, into)
    assert not into.held
    return into.events


def test_who_does_not_read_the_log_itself_is_told_by_the_marks(postgres_url: str, tmp_path: Path) -> None:
    """Its log has an origin, which Debezium says nothing of."""
    orders = Orders(tmp_path, postgres_url, f"sqlite:///{tmp_path}/service.db")
    erp = orders.settings.sources["erp"].model_copy(update={"kind": "debezium"})
    assert assembly.marks(orders.settings, "erp") == {}
    debezium = orders.settings.model_copy(update={"sources": {"erp": erp}})
    assert assembly.marks(debezium, "erp") == {TABLE: list(COLUMNS)}
    orders.control.close()
