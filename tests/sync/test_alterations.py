"""A legacy database that is altered while it is captured: what is said, what goes on, and that nothing is translated by a wrong shape."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.boundary import Boundary
from strangler.control import ledger, legacy_tables, sources
from strangler.control.store import Control
from strangler.errors import SourceError, Unavailable
from strangler.settings import EntityField, Settings
from strangler.shapes import Column, FieldType, Table
from strangler.sync.alterations import Use, alteration, stop, uses
from strangler.sync.schema import ACCEPTED, Agreed, Schema
from strangler.sync.stream import Stream
from strangler.testing.memory_log import MemoryLog
from strangler.testing.memory_source import MemoryDatabase, MemorySource
from tests.mapping.sales import SALE, TABLES, Legacy
from tests.sync.partners import ENTITY, TABLE, mapping, settings

USES = [Use("partners.partner.name", "partner", frozenset({"name"}))]

Row = dict[str, Any]


def column(name: str, declared: str = "text", nullable: bool = True) -> Column:
    return Column(name, FieldType.TEXT, nullable, declared)


def with_columns(*columns: Column) -> Table:
    return replace(TABLE, columns=columns)


ID, NAME, NOTE = Column("id", FieldType.INTEGER, False, "bigint"), column("name"), column("note")


@pytest.mark.parametrize(
    ("now", "words", "touches"),
    [
        (with_columns(ID, NAME, NOTE, column("email")), "column email (text) added", False),
        (with_columns(ID, NAME), "column note (text) dropped", False),
        (with_columns(ID, NOTE), "column name (text) dropped", True),
        (
            with_columns(ID, column("title"), NOTE),
            "column name (text) dropped and title added, probably renamed",
            True,
        ),
        (
            with_columns(ID, NAME, column("remark")),
            "column note (text) dropped and remark added, probably renamed",
            False,
        ),
        (
            with_columns(ID, column("title", "integer"), NOTE),
            "column name (text) dropped, column title (integer) added",
            True,
        ),
        (
            with_columns(ID, column("name", "varchar(9)"), NOTE),
            "column name retyped from text to varchar(9)",
            True,
        ),
        (with_columns(ID, NAME, column("note", nullable=False)), "column note may no longer be NULL", False),
        (replace(with_columns(ID, NAME, NOTE), key=("id", "name")), "the key was id, is (id, name)", True),
        (replace(with_columns(ID, NAME, NOTE), removal=("id",)), "a removed row now tells id", True),
        (None, "the table isn't there any more", True),
    ],
)
def test_a_difference_is_said_and_touches_what_uses_it(now: Table | None, words: str, touches: bool) -> None:
    before = with_columns(ID, NAME, NOTE)
    found = alteration({"partner": before}, {"partner": now} if now else {}, USES)
    assert found.words == f"partner: {words}"
    assert found.touched == (("partners.partner.name",) if touches else ())
    assert (stop("erp", found, "continue") is not None) is touches
    assert stop("erp", found, "stop") is not None


def test_a_column_that_only_a_reverse_fills_is_used_by_its_field() -> None:
    field = EntityField(value="UPPER(name)", reverse={"Note": "name"})
    entity = ENTITY.model_copy(update={"fields": {"name": field}})
    function = settings().functions["partners"].model_copy(update={"entities": {"partner": entity}})
    found = uses(settings().model_copy(update={"functions": {"partners": function}}), "erp")
    assert [use.columns for use in found if use.path == "partners.partner.name"] == [{"name", "note"}]


SALES = {
    "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///legacy.db"}},
    "stores": {"service": {"url": "sqlite:///service.db"}},
    "functions": {"sales": {"source": "erp", "store": "service", "entities": {"sale": SALE}}},
}


@pytest.mark.parametrize(
    ("table", "name", "touched"),
    [
        ("line", "quantity", {"children.lines.fields.quantity", "children.lines.where"}),
        ("line", "id", {"children.lines.fields.line", "children.lines.children.taxes.on"}),
        ("line", "company", {"children.lines.on"}),
        ("line", "note", set()),
        ("head", "company", {"company", "children.lines.on"}),
        ("head", "state", {"where", "children.lines.children.taxes.fields.state"}),
        ("party", "name", {"party"}),
        ("party", "lang", {"join.lang"}),
        ("party", "code", {"join.party"}),
        ("lang", "TITLE", {"lang", "children.lines.fields.lang"}),
        ("product_text", "lang", {"children.lines.join.text"}),
        (
            "product_text",
            "title",
            {"children.lines.fields.text", "children.lines.children.taxes.fields.text"},
        ),
        ("line_tax", "line", {"children.lines.children.taxes.on"}),
    ],
)
def test_a_column_of_a_joined_table_or_of_lines_touches_what_reads_it(
    table: str, name: str, touched: set[str]
) -> None:
    before = Table(table, (column(name), column("other")), ("other",))
    now = replace(before, columns=(column("other"),))
    found = alteration({table: before}, {table: now}, uses(Settings.model_validate(SALES), "erp"))
    assert set(found.touched) == {f"sales.sale.{path}" for path in touched}


def test_a_joined_table_that_is_gone_touches_all_that_is_read_from_it() -> None:
    before = Table("lang", (column("code"), column("title")), ("code",))
    found = alteration({"lang": before}, {}, uses(Settings.model_validate(SALES), "erp"))
    assert set(found.touched) == {
        "sales.sale.lang", "sales.sale.join.lang", "sales.sale.children.lines.fields.lang",
    }  # fmt: skip


def test_all_tables_of_an_entity_are_looked_at(tmp_path: Path) -> None:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        assert Schema("erp", Settings.model_validate(SALES), control).tables == sorted(TABLES)


def test_what_fills_begins_anew_when_another_shape_of_a_joined_table_was_agreed_to(tmp_path: Path) -> None:
    legacy = Legacy("sqlite", f"sqlite:///{tmp_path}/legacy.db")
    tables = legacy.source.describe(list(TABLES))
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        legacy_tables.remember(control, "erp", list(tables.values()))
        agreed, mappings = Agreed("erp", control), [legacy.mapping()]
        agreed.require_same(mappings)
        lang = tables["lang"]
        legacy_tables.remember(control, "erp", [replace(lang, columns=(*lang.columns, NOTE))])
        agreed.require_same(mappings)
        altered = tuple(replace(each, declared="text") for each in lang.columns)
        legacy_tables.remember(control, "erp", [replace(lang, columns=altered)])
        with pytest.raises(Unavailable, match="lang was altered"):
            agreed.require_same(mappings)


def test_columns_in_another_order_are_no_difference() -> None:
    found = alteration(
        {"partner": with_columns(ID, NAME, NOTE)}, {"partner": with_columns(NOTE, ID, NAME)}, USES
    )
    assert found.differences == ()


def test_a_shape_is_remembered_whole(tmp_path: Path) -> None:
    odd = replace(TABLE, removal=("id", "name"), whole_removal="ALTER TABLE …")
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        legacy_tables.remember(control, "erp", [odd, replace(odd, name="other")])
        legacy_tables.remember(control, "erp", [replace(odd, name="other", removal=None)])
        legacy_tables.remember(control, "b", [odd])
        assert legacy_tables.remembered(control, "erp") == {
            "partner": odd,
            "other": replace(odd, name="other", removal=None),
        }
        legacy_tables.keep(control, "erp", ["other"])
        assert list(legacy_tables.remembered(control, "erp")) == ["other"]
        sources.forget(control, "erp")
        assert legacy_tables.remembered(control, "erp") == {}
        assert list(legacy_tables.remembered(control, "b")) == ["partner"]


class Memory:
    """A stream over a database in memory, run until what is there is read or it stops."""

    def __init__(self, control: Control, policy: str = "stop") -> None:
        self.database, self.log, self.control = MemoryDatabase([TABLE]), MemoryLog(), control
        self.settings = settings(on_schema_change=policy)
        self.run_to(lambda: bool(sources.identity(control, "erp")))

    def insert(self, key: int) -> None:
        row = {"id": key, "name": "a", "number": "1", "active": True}
        with self.database.transaction() as transaction:
            transaction.insert("partner", row)

    def alter(self, *columns: Column) -> None:
        self.database.alter(replace(self.database.tables["partner"], columns=columns))

    def read(self) -> None:
        """Read to the end. Raises what stops the stream."""
        last = self.database.number
        self.run_to(lambda: self.log.position("erp") >= f"{last:016}")

    def run_to(self, condition: Callable[[], bool]) -> None:
        stop = threading.Event()
        source = MemorySource("x_erp", self.database, {"partner": list(mapping().columns)})
        boundary = Boundary([replace(mapping(), table=self.database.tables["partner"])])
        schema = Schema("erp", self.settings, self.control)

        def look() -> None:
            deadline = time.monotonic() + 20
            while not condition() and time.monotonic() < deadline and not stop.is_set():
                time.sleep(0.01)
            stop.set()

        watching = threading.Thread(target=look)
        watching.start()
        try:
            Stream(
                "erp", source, schema, boundary, self.log, self.control, 20, {}, lambda: None, lambda: None
            ).run(stop)
        finally:
            stop.set()
            watching.join()
        assert condition()

    def keys(self) -> list[str]:
        return [record.event.key for record in self.log.read("partners", 0, 0, 1000)]  # type: ignore[arg-type]


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as opened:
        yield opened


def test_what_was_altered_while_nobody_read_stops_the_source_before_anything_is_read(
    control: Control,
) -> None:
    memory = Memory(control)
    memory.insert(1)
    memory.alter(*TABLE.columns, column("email"))
    memory.insert(2)
    with pytest.raises(SourceError, match=r"column email \(text\) added") as raised:
        memory.read()
    assert "no mapping uses what changed" in raised.value.why
    assert "strangler source accept erp" in raised.value.do
    assert memory.keys() == []


def test_in_mid_stream_what_was_read_before_the_alteration_is_kept_and_nothing_after_it(
    control: Control,
) -> None:
    memory = Memory(control)

    class Live(MemorySource):
        """Its tables are altered when they were described for the first time."""

        described = 0

        def describe(self, tables: Any) -> dict[str, Table]:
            found = super().describe(tables)
            self.described += 1
            if self.described == 1:
                memory.insert(1)
                memory.insert(2)
                memory.alter(*TABLE.columns, column("email"))
                memory.insert(3)
            return found

    source = Live("x_erp", memory.database, {"partner": list(mapping().columns)})
    schema = Schema("erp", memory.settings, control)
    stream = Stream(
        "erp", source, schema, Boundary([mapping()]), memory.log, control, 20, {}, lambda: None, lambda: None
    )
    with pytest.raises(SourceError, match="column email"):
        stream.run(threading.Event())
    assert memory.keys() == ["[1]", "[2]"]
    now = source.describe(["partner"])
    schema.accept(now, schema.compare(now), actor="eva", at=1.0)
    memory.read()
    assert memory.keys() == ["[1]", "[2]", "[3]"]
    [entry] = [entry for entry in ledger.entries(control) if entry.kind == ACCEPTED]
    assert (entry.actor, entry.body["altered"]) == ("eva", "partner: column email (text) added")


def test_continue_goes_on_where_no_mapping_is_touched_and_stops_where_one_is(control: Control) -> None:
    memory = Memory(control, policy="continue")
    memory.insert(1)
    memory.alter(*TABLE.columns, column("email"))
    memory.insert(2)
    memory.read()
    assert memory.keys() == ["[1]", "[2]"]
    assert [entry.actor for entry in ledger.entries(control) if entry.kind == ACCEPTED] == ["worker"]
    memory.alter(*(each for each in TABLE.columns if each.name != "note"))
    memory.insert(3)
    with pytest.raises(SourceError, match="column note") as raised:
        memory.read()
    assert "partners.partner.note" in raised.value.why
    assert "column email (text) dropped" in str(raised.value)
    assert memory.keys() == ["[1]", "[2]"]
