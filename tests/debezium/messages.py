"""Records made up as Debezium's connector for PostgreSQL writes them, for orders of events that can't be had by asking."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from strangler.shapes import Column, FieldType, Table
from strangler_connectors.debezium.envelope import Message, Name, decode
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.values import Reading

PARTY: Name = ("public", "party")
LINE: Name = ("public", "line")
BEAT: Name = ("public", "strangler_heartbeat")

COLUMNS = (Column("id", FieldType.INTEGER, False, "integer"), Column("name", FieldType.TEXT, True, "text"))
ID_AND_NAME = frozenset(("id", "name"))
WANTED = {name: Reading(Table(name[1], COLUMNS, ("id",), ("id",)), ID_AND_NAME) for name in (PARTY, LINE)}
MODES = Modes.of({"decimal.handling.mode": "string", "time.precision.mode": "microseconds"})


class Place(NamedTuple):
    """Where a row stands: the last commit before its transaction (None: not known yet) and its own LSN."""

    commit: int | None
    lsn: int


def source(place: Place, table: Name, tx: int | None, **more: Any) -> dict[str, Any]:
    sequence = json.dumps([str(place.commit) if place.commit is not None else None, str(place.lsn)])
    return {
        "connector": "postgresql", "db": "erp", "schema": table[0], "table": table[1], "snapshot": "false",
        "ts_ms": 1_795_425_961_384, "ts_us": 1_795_425_961_384_250, "sequence": sequence, "lsn": place.lsn,
        "txId": tx, **more,
    }  # fmt: skip


def row(
    tx: int | None, place: tuple[int | None, int], id: int, name: str | None = "x", *, op: str = "c", table: Name = PARTY,
    order: int | None = None, header: str = "", before: dict[str, Any] | None = None, **origin: Any,
) -> Message:  # fmt: skip
    """A row; `order` is its number in the transaction where there are marks, `header` `newkey` or `oldkey` of a changed key."""
    values = {"id": id, "name": name}
    payload = {
        "before": {"id": id, "name": None} if op == "d" else before,
        "after": None if op == "d" else values,
        "source": source(Place(*place), table, tx, **origin),
        "transaction": None if order is None else {"id": f"{tx}:{place[1]}", "total_order": order, "data_collection_order": 1},
        "op": op,
        "ts_ms": 1_795_425_961_603,
    }  # fmt: skip
    headers = [(f"__debezium.{header}", b'{"id":0}')] if header else []
    return decode(json.dumps({"id": id}).encode(), json.dumps(payload).encode(), headers)


def truncate(tx: int, place: tuple[int, int], table: Name = PARTY, order: int | None = None) -> Message:
    block = None if order is None else {"id": str(tx), "total_order": order, "data_collection_order": 1}
    payload = {
        "before": None,
        "after": None,
        "source": source(Place(*place), table, tx),
        "transaction": block,
        "op": "t",
    }
    return decode(None, json.dumps(payload).encode())


def begin(tx: int) -> Message:
    return decode(None, json.dumps({"status": "BEGIN", "id": f"{tx}:1", "ts_ms": 1_795_425_961_000}).encode())


def end(tx: int, **counts: int) -> Message:
    counted = [{"data_collection": f"public.{table}", "event_count": n} for table, n in counts.items()]
    value = {
        "status": "END", "id": f"{tx}:2", "ts_ms": 1_795_425_962_000, "event_count": sum(counts.values()),
        "data_collections": counted,
    }  # fmt: skip
    return decode(None, json.dumps(value).encode())


def binlog_transaction(
    file: int, pos: int, id: int, *, server: int = 1, gtid: str | None = None, connector: str = "mysql"
) -> list[Message]:
    """A transaction of one row of `PARTY`, as Debezium's connectors for MySQL and MariaDB write it with marks."""
    name = f"binlog.{file:06}"
    transaction = gtid or f"file={name},pos={pos}"
    origin = {
        "version": "3.5.0.Final", "connector": connector, "name": "erp", "ts_ms": 1_795_425_961_384, "snapshot": "false",
        "db": PARTY[0], "sequence": None, "ts_us": 1_795_425_961_384_250, "ts_ns": 1_795_425_961_384_250_000, "table": PARTY[1],
        "server_id": server, "gtid": gtid, "file": name, "pos": pos, "row": 0, "thread": None, "query": None,
    }  # fmt: skip
    payload = {
        "before": None, "after": {"id": id, "name": "x"}, "source": origin, "op": "c", "ts_ms": 1_795_425_961_603,
        "transaction": {"id": transaction, "total_order": 1, "data_collection_order": 1},
    }  # fmt: skip
    counts = {"event_count": 1, "data_collections": [{"data_collection": ".".join(PARTY), "event_count": 1}]}
    marks = [
        decode(
            None,
            json.dumps({"status": status, "id": transaction, "ts_ms": 1_795_425_961_000} | more).encode(),
        )
        for status, more in (("BEGIN", {}), ("END", counts))
    ]
    return [marks[0], decode(json.dumps({"id": id}).encode(), json.dumps(payload).encode()), marks[1]]


TOMBSTONE = decode(b'{"id":1}', None)
HEARTBEAT = decode(b'{"serverName":"erp"}', b'{"ts_ms":1795425961000}')


SHOP = {
    ("shop", table): Reading(Table(table, COLUMNS, ("id",), ("id",)), ID_AND_NAME)
    for table in ("party", "line")
}


def binlog(number: int, id: int, table: str = "party") -> Message:
    return row(
        None, (None, 1), id,  connector="mariadb", schema=None, db="shop", table=("shop", table), **_log(number)
    )  # fmt: skip


def defined(number: int, ddl: str, *changes: tuple[str, str], snapshot: str = "false") -> Message:
    """A statement; `changes`: what Debezium says that it did to which table of `shop`."""
    payload = {
        "source": {"connector": "mariadb", "db": "shop", "snapshot": snapshot, "ts_ms": 1, **_log(number)},
        "ddl": ddl, "databaseName": "shop",
        "tableChanges": [{"type": type, "id": f'"shop"."{table}"'} for type, table in changes],
    }  # fmt: skip
    return decode(None, json.dumps(payload).encode())


def _log(number: int) -> dict[str, Any]:
    return {"gtid": f"0-1-{number}", "file": "b.000001", "pos": number * 100, "row": 0}
