"""The promise of the inverse: what it writes back reads as the same fields, whatever was in legacy.

Expressions are made of the operations that are undone, over columns of every type with odd values; then the same in PostgreSQL and
MariaDB, whose rows are emptied and filled again by UPDATE.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.canonical import plain
from strangler.mapping.inverse.ways import RULES
from strangler.mapping.nodes import Call, walk
from strangler.mapping.reading import read
from strangler.mapping.typing import check
from strangler.settings import Entity
from strangler.shapes import FieldType, Table
from tests.mapping.peers import COLUMNS, TABLE, InMariadb, InPostgres, Peer, odd_rows

pytestmark = pytest.mark.slow

T, I, D, F, B = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT, FieldType.BOOLEAN  # noqa: E741
DAY, TIME, NAIVE, AWARE = FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.INSTANT

ROWS: list[dict[str, Any]] = [dict(zip(COLUMNS, row, strict=True)) for row in odd_rows(120)]

FORMS: dict[FieldType, list[tuple[str, FieldType]]] = {
    T: [
        *[(f"{name}({{}})", T) for name in ("TRIM", "LTRIM", "RTRIM")],
        ("('P' || {})", T), ("({} || '0')", T), ("CONCAT('<', {}, '>')", T), ("CONCAT({}, NULL)", T),
        ("LPAD({}, 8, '0')", T), ("RPAD({}, 250, ' x')", T), ("LEFT({}, 8)", T), ("SUBSTRING({}, 1, 200)", T),
        ("COALESCE({}, 'a')", T), ("COALESCE({}, '', 'b')", T), ("NULLIF({}, '')", T), ("NULLIF({}, 'A')", T),
        ("CASE {} WHEN 'a' THEN 'Alpha' WHEN '' THEN '-' END", T), ("CASE {} WHEN 'A' THEN 1 WHEN 'B' THEN 2 END", I),
        ("CAST({} AS INTEGER)", I), ("CAST({} AS DECIMAL)", D), ("CAST({} AS DOUBLE PRECISION)", F),
        ("CAST({} AS DATE)", DAY), ("TO_DATE({}, 'YYYYMMDD')", DAY),
    ],
    I: [
        ("({} + 7)", I), ("(7 + {})", I), ("({} - 7)", I), ("(7 - {})", I), ("({} * 3)", I), ("(-{})", I), ("ROUND({}, 2)", D),
        ("COALESCE({}, 0)", I), ("NULLIF({}, 0)", I), ("CAST({} AS TEXT)", T), ("CAST({} AS DECIMAL)", D), ("({} * 0.01)", D),
        ("LPAD(CAST({} AS TEXT), 40, '0')", T), ("RPAD({} || '|', 50, '.')", T), ("CAST({} AS BOOLEAN)", B),
        ("CASE {} WHEN 1 THEN 'one' WHEN -1 THEN 'less' END", T), ("CASE WHEN {} IN (2) THEN 0 END", I),
    ],
    D: [
        ("({} + 0.5)", D), ("(1 - {})", D), ("({} * 0.01)", D), ("({} * -0.3)", D), ("(-{})", D), ("CAST({} AS TEXT)", T),
        ("COALESCE({}, 0)", D), ("NULLIF({}, 0.5)", D), ("CAST({} AS DECIMAL(40, 6))", D), ("ROUND({}, 9)", D),
        ("CASE {} WHEN 0.5 THEN 'half' END", T),
    ],
    F: [("CAST({} AS DECIMAL)", D), ("COALESCE({}, 0)", F), ("NULLIF({}, 0.5)", F)],
    B: [
        ("(NOT {})", B), ("CAST({} AS INTEGER)", I), ("CAST({} AS TEXT)", T), ("COALESCE({}, TRUE)", B), ("NULLIF({}, FALSE)", B),
        ("CASE WHEN {} THEN 'Y' ELSE 'N' END", T), ("CASE WHEN {} IS FALSE THEN 0 END", I), ("CASE {} WHEN TRUE THEN 1 END", I),
    ],
    DAY: [("CAST({} AS TEXT)", T), ("CAST({} AS TIMESTAMP)", NAIVE), ("COALESCE({}, '1900-01-01')", DAY),
          ("NULLIF({}, '1900-01-01')", DAY)],
    TIME: [("CAST({} AS TEXT)", T), ("COALESCE({}, '12:00')", TIME)],
    NAIVE: [("({} AT TIME ZONE 'UTC')", AWARE), ("CAST({} AS TEXT)", T), ("NULLIF({}, '2026-11-23 10:00')", NAIVE)],
    AWARE: [("({} AT TIME ZONE 'UTC')", NAIVE), ("CAST({} AS TEXT)", T)],
    FieldType.BYTES: [("COALESCE({}, NULL)", FieldType.BYTES)],
    FieldType.JSON: [("CAST({} AS TEXT)", T)],
}  # fmt: skip
"""What may be done to a value of the type so that there is a way back, over some column at least; and the type that it makes."""


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """SQL that mostly has a way back."""
    text: str = draw(st.sampled_from(list(COLUMNS)[1:]))
    kind = COLUMNS[text][0]
    for _ in range(draw(st.integers(0, 4))):
        form, kind = draw(st.sampled_from(FORMS[kind]))
        text = form.format(text)
    return text


def compiled(text: str, table: Table = TABLE) -> EntityMapping:
    fields = {"id": "id", "value": text}
    return compile_entity(
        "f", "odd", Entity.model_validate({"table": "odd", "key": "id", "fields": fields}), table
    )


def comes_back(text: str, unknown_codes: bool = False) -> int:
    """Assert that every row that translates comes back as one that reads alike, and as it was where that is said; how many there were.

    `unknown_codes`: a table of codes may stand over what is never NULL, and so have no code for NULL.
    """
    made, count = compiled(text), 0
    for row in ROWS:
        try:
            data = made.translate(row)
        except Untranslatable:
            continue
        try:
            written = made.inverse.row(data)
        except Untranslatable:
            assert unknown_codes, f"{text}\n{row}"
            continue
        again = made.translate(row | written)
        assert (again, str(again)) == (data, str(data)), f"{text}\n{row}"
        if not made.inverse.respelled:
            columns = [TABLE.column(name) for name in written]
            before = {each.name: plain(read(each, row[each.name])) for each in columns if each}
            assert {name: plain(value) for name, value in written.items()} == before, text
        count += 1
    return count


def alone() -> Iterator[str]:
    for kind, forms in FORMS.items():
        for name in (name for name, (of, _) in COLUMNS.items() if of is kind and name != "id"):
            yield from (form.format(name) for form, _ in forms)


def test_every_operation_that_is_undone_comes_back_over_every_column() -> None:
    """But for three that hold for some values or columns only; these are in `test_inverse`."""
    undone = set()
    for text in alone():
        if compiled(text).inverse.lost:
            continue
        node = check(text, TABLE, {})
        if comes_back(text):
            undone |= {each.name for each in walk(node) if isinstance(each, Call)}
    asked = {name for name in RULES if not name.startswith("null_if")}
    assert asked - undone == {"decimal_to_integer", "decimal_to_float", "integer_to_float"}


@settings(
    max_examples=400, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(expressions())
def test_operations_on_operations_come_back(text: str) -> None:
    assume(not compiled(text).inverse.lost)
    comes_back(text, unknown_codes="CASE" in text)


FIELDS = {
    "id": "id", "t1": "TRIM(t1)", "t2": "'P-' || t2", "number": "COALESCE(number, '0')", "moment": "NULLIF(moment, '00000000')",
    "padded": "LPAD(padded, 8, '0')", "i1": "i1 - 1", "i2": "'N' || LPAD(CAST(i2 AS TEXT), 6, '0')", "d1": "d1 * 0.01",
    "d2": "CAST(1 - d2 AS TEXT)", "f1": "f1", "f2": "f2", "b1": "NOT b1", "b2": "CASE WHEN b2 THEN 'Y' ELSE 'N' END",
    "day": "CAST(day AS TIMESTAMP)", "clock": "CAST(clock AS TEXT)", "naive": "naive AT TIME ZONE 'UTC'", "aware": "aware",
    "raw": "raw", "doc": "CAST(doc AS TEXT)",
}  # fmt: skip
"""A field over each column of the odd rows."""


def written_back(peer: Peer) -> tuple[list[Any], list[Any]]:
    """The fields of the peer's rows, and those of the rows that the inverse has written in their place."""
    given = {"table": "odd", "key": "id", "fields": FIELDS}
    made = compile_entity("f", "odd", Entity.model_validate(given), peer.table)
    assert not made.inverse.lost
    before = {}
    for row in peer.rows:
        try:
            before[row["id"]] = made.translate(row)
        except Untranslatable:
            continue
    names = [name for name in made.inverse.columns if name != "id"]
    peer.execute_many(f"UPDATE odd SET {', '.join(f'{name} = NULL' for name in names)}", [()])
    rows = [made.inverse.row(data, peer.dialect) for data in before.values()]
    peer.execute_many(
        f"UPDATE odd SET {', '.join(f'{name} = %s' for name in names)} WHERE id = %s",
        [[*(row[name] for name in names), row["id"]] for row in rows],
    )
    after = [made.translate(row) for row in peer.read() if row["id"] in before]
    return list(before.values()), after


@pytest.mark.parametrize("peer", [InPostgres, InMariadb])
def test_rows_written_back_to_a_database_read_as_they_were(
    postgres: Any, mariadb: Any, peer: type[Any]
) -> None:
    server, name = (postgres if peer is InPostgres else mariadb), f"round_trip_{os.getpid()}"
    opened = peer(server.create_database(name))
    try:
        before, after = written_back(opened)
    finally:
        opened.close()
        server.drop_database(name)
    assert len(before) > 100
    assert after == before
