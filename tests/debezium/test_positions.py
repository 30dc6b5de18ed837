"""Positions sort as their databases commit, for each kind."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError
from strangler_connectors.debezium.envelope import Origin, RowMessage, Truncated
from strangler_connectors.debezium.positions import SNAPSHOT, WHOLE, behind, point, position, split, whole
from tests.debezium.recordings import records


def origin(connector: str, **more: Any) -> Origin:
    return msgspec.convert({"connector": connector, "db": "erp", "schema": "s", "table": "t"} | more, Origin)


IN_ORDER: dict[str, list[dict[str, Any]]] = {
    "postgresql": [
        {"sequence": '[null,"5"]'}, {"sequence": '["9","6"]'}, {"sequence": '["9","99"]'}, {"sequence": '["10","7"]'},
        {"sequence": '["18446744073709551614","7"]'},
    ],
    "mysql": [
        {"file": "mysql-bin.000009", "pos": 4, "row": 0}, {"file": "mysql-bin.000009", "pos": 4, "row": 1},
        {"file": "mysql-bin.000009", "pos": 10, "row": 0}, {"file": "mysql-bin.000010", "pos": 4, "row": 0},
        {"file": "mysql-bin.1000000", "pos": 4, "row": 0},
    ],
    "mariadb": [
        {"gtid": "0-1-9", "pos": 900, "row": 0, "file": "b.000002"}, {"gtid": "0-1-10", "pos": 4, "row": 0, "file": "b.000003"},
        {"gtid": "0-1-10", "pos": 4, "row": 2}, {"gtid": "0-2-11", "pos": 1, "row": 0}, {"gtid": "0-1-12", "pos": 1, "row": 0},
    ],
    "sqlserver": [
        {"commit_lsn": "0000002b:00000560:0003", "change_lsn": "0000002b:00000560:0002", "event_serial_no": 1},
        {"commit_lsn": "0000002b:00000560:0003", "change_lsn": "0000002b:00000560:0002", "event_serial_no": 2},
        {"commit_lsn": "0000002b:00000561:0003", "change_lsn": "0000002b:00000550:0002", "event_serial_no": 1},
        {"commit_lsn": "0000010b:00000000:0003", "change_lsn": "0000002b:00000550:0002", "event_serial_no": 1},
    ],
    "oracle": [
        {"commit_scn": "999", "scn": "990", "rs_id": " 0x000001.00000002.0010 ", "ssn": 0, "txId": "0a"},
        {"commit_scn": "1000", "scn": "5", "rs_id": " 0x000001.00000002.0010 ", "ssn": 0, "txId": "0b"},
        {"commit_scn": "1000", "scn": "5", "rs_id": " 0x000001.00000002.0010 ", "ssn": 1, "txId": "0b"},
        {"commit_scn": "1000", "scn": "500", "rs_id": " 0x000001.00000002.0010 ", "ssn": 0, "txId": "0b"},
    ],
    "db2": [
        {"commit_lsn": "00000000:00000000:0000000000a53e43", "change_lsn": "00000000:00000000:0000000000a53e40"},
        {"commit_lsn": "00000000:00000000:0000000000a53e43", "change_lsn": "00000000:00000000:0000000000a53e41"},
        {"commit_lsn": "00000000:00000001:0000000000000000", "change_lsn": "00000000:00000000:0000000000a53e41"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("connector", sorted(IN_ORDER))
def test_positions_sort_as_the_log_goes(connector: str) -> None:
    points = [point(origin(connector, **each)) for each in IN_ORDER[connector]]
    assert points == sorted(points)
    assert len(set(points)) == len(points)
    positions = [p for at in points for p in (position(at, 1), position(at, 2), position(at, WHOLE))]
    assert positions == sorted(positions)
    assert ORIGIN < position(SNAPSHOT, 1) < positions[0]
    for at, after in itertools.pairwise(points):
        assert position(at, WHOLE) < position(behind(at), 1) < position(after, 1)


def test_an_echo_stands_at_the_end_of_its_transaction() -> None:
    at = origin("postgresql", sequence='["24","31"]')
    assert whole(at) == Position("0000000000000018/000000000000001F/FFFFFFFF")
    assert split(whole(at)) == ("0000000000000018/000000000000001F", WHOLE)
    assert split(ORIGIN) == ("", 0)


@pytest.mark.parametrize("name", ["pg_rendered", "pg_default", "my_rendered"])
def test_the_points_of_a_recorded_stream_never_go_back(name: str) -> None:
    messages = [record.message for record in records(name)]
    points = [point(m.origin) for m in messages if isinstance(m, RowMessage | Truncated)]
    assert points == sorted(points)
    assert len(set(points)) > 20


@pytest.mark.parametrize(
    "at",
    [
        origin("vitess"), origin("postgresql"), origin("postgresql", sequence="[]"), origin("postgresql", sequence='["x","1"]'),
        origin("postgresql", sequence='["-1","1"]'), origin("postgresql", sequence=f'["{1 << 64}","1"]'),
        origin("mysql", file="binlog", pos=1, row=1), origin("mysql", file="b.1", pos=None, row=1), origin("mariadb", gtid="x"),
        origin("sqlserver", commit_lsn="NULL"), origin("sqlserver", commit_lsn="0000002b:00000560:3", change_lsn="x"),
        origin("oracle"), origin("oracle", commit_scn="x", scn="1"), origin("db2", commit_lsn=None),
    ],
)  # fmt: skip
def test_a_change_that_does_not_say_where_it_stands_is_an_error(at: Origin) -> None:
    with pytest.raises(SourceError):
        point(at)
