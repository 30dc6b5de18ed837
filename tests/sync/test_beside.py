"""The shapes in which a store is made anew: of an aggregate each part is beside its own table, under what is beside its parent's."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from strangler import snapshots
from strangler.events import Event
from strangler.settings import Database
from strangler.sync.rebuild import beside_of
from strangler.testing.aggregate_history import SALE, sale
from strangler.testing.aggregate_store import FIRST, OTHER, SECOND, gone, require_same
from strangler.testing.service_store import mark, saying
from strangler_adapters import sqlite_store

BESIDE = beside_of(SALE, "sale~rebuild")


def test_every_part_of_an_aggregate_lies_beside_its_own_table() -> None:
    live, beside = list(SALE.parts()), list(BESIDE.parts())
    assert len({each.table for each in (*live, *beside)}) == 2 * len(live)
    tables = dict(zip([each.table for each in live], [each.table for each in beside], strict=True))
    for one, other in zip(live, beside, strict=True):
        assert other.function == "sale~rebuild"
        assert (other.entity, other.key, other.fields) == (one.entity, one.key, one.fields)
        if one.under:
            assert other.under is not None
            assert (other.under.table, other.under.key) == (tables[one.under.table], one.under.key)


def test_aggregates_come_out_of_a_snapshot_whole(tmp_path: Path) -> None:
    store = sqlite_store.connect("test", Database(url=SecretStr(f"sqlite:///{tmp_path}/store.db")))
    store.prepare([SALE, BESIDE])
    told = [FIRST, SECOND, OTHER, sale(7, "Bare")]
    store.apply([*(saying(SALE, 1, each) for each in told), gone(sale(8), 2)], mark(2))
    events = [each for each in store.image([SALE], []) if isinstance(each, Event)]
    taken = snapshots.write(tmp_path, "store", [SALE], {"sale": "v"}, [], events)
    assert taken.rows == {"sale": 4}
    store.apply([each._replace(function=BESIDE.function) for each in taken.events()], mark(1, "beside"))
    require_same(store, told, BESIDE)
    store.close()
