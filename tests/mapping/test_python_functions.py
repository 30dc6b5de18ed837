"""Python functions in expressions: what they get, what they may give, what is said otherwise, and where the rows are then translated."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load
from strangler.errors import ConfigurationError, MappingError, Problem, StranglerError, Untranslatable
from strangler.mapping import EntityMapping, compile_entity, translated
from strangler.mapping.python_functions import PythonFunction
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

BANK = Table(
    "bank",
    (
        Column("id", FieldType.INTEGER, False, "integer"),
        Column("bankn", FieldType.TEXT, True, "text"),
        Column("bankl", FieldType.TEXT, True, "text"),
        Column("amount", FieldType.DECIMAL, True, "numeric(9,2)"),
        Column("code", FieldType.TEXT, True, "character(4)"),
    ),
    ("id",),
)
ROW = {"id": 1, "bankn": "42", "bankl": "7", "amount": Decimal("1.50"), "code": "A   "}


def mapping(expression: Any, *functions: PythonFunction, **entity: Any) -> EntityMapping:
    given = {"table": "bank", "key": "id", "fields": {"id": "id", "x": expression}} | entity
    named = {each.name: each for each in functions}
    return compile_entity("pay", "bank", Entity.model_validate(given), BANK, functions=named)


def function(
    call: Callable[..., Any],
    gives: str = "text",
    takes: tuple[str, ...] = ("text", "text"),
    version: str = "1",
) -> PythonFunction:
    return PythonFunction("iban_of", tuple(map(FieldType, takes)), FieldType(gives), version, call)


def giving(value: Any, gives: str) -> Any:
    """What comes of a function that gives the value."""
    made = mapping("iban_of(bankn, bankl)", function(lambda *_: value, gives))
    return made.translate(ROW)["x"]


def problem(expression: str, *functions: PythonFunction) -> Problem:
    with pytest.raises(MappingError) as raised:
        mapping(expression, *functions)
    (found,) = raised.value.problems
    return found


def test_a_function_is_called_by_its_name_with_the_values_of_the_row() -> None:
    made = mapping("UPPER(IBAN_OF(bankn, TRIM(bankl)) || code)", function(lambda a, b: f"de{a}{b}"))
    assert made.translate(ROW) == {"id": 1, "x": "DE427A"}


def test_null_is_passed_as_none_and_none_is_null() -> None:
    made = mapping("iban_of(bankn, NULL)", function(lambda a, b: None if a is None else repr(b)))
    assert made.translate(ROW)["x"] == "None"
    assert made.translate(ROW | {"bankn": None})["x"] is None
    assert made.shape.fields[1].nullable


@pytest.mark.parametrize(
    ("gives", "value", "canonical"),
    [
        ("text", "Łódź", "Łódź"),
        ("integer", -(2**63), -(2**63)),
        ("decimal", Decimal("1.50"), "1.5"),
        ("decimal", Decimal("NaN"), "NaN"),
        ("float", float("inf"), "Infinity"),
        ("boolean", True, True),
        ("date", date(2026, 11, 23), "2026-11-23"),
        ("time", time(8, 30), "08:30:00.000000"),
        ("timestamp", datetime(2026, 11, 23), "2026-11-23T00:00:00.000000"),
        ("instant", datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=1))), "2026-11-22T23:00:00.000000Z"),
        ("bytes", b"\xff", "ff"),
        ("json", '{"a": 1}', '{"a": 1}'),
    ],
)  # fmt: skip
def test_what_it_gives_is_the_fields_value(gives: str, value: Any, canonical: Any) -> None:
    assert giving(value, gives) == canonical


@pytest.mark.parametrize(
    ("gives", "value"),
    [
        ("text", 7), ("text", "\0"), ("text", "\ud800"), ("integer", True), ("integer", 2**63), ("decimal", 1.5),
        ("decimal", Decimal("Infinity")), ("decimal", Decimal("sNaN")), ("decimal", Decimal("1e9999")), ("float", 1), ("boolean", 1),
        ("date", datetime(2026, 11, 23)), ("time", time(8, tzinfo=UTC)), ("timestamp", datetime(2026, 11, 23, tzinfo=UTC)),
        ("instant", datetime(2026, 11, 23)), ("bytes", "ff"), ("json", "{"), ("json", {}),
    ],
)  # fmt: skip
def test_what_is_not_of_the_promised_type_makes_the_row_untranslatable(gives: str, value: Any) -> None:
    with pytest.raises(Untranslatable, match=r"bank\.x can't be translated(?s:.)*iban_of gave"):
        giving(value, gives)


@pytest.mark.parametrize(
    "error", [ValueError("no such bank"), IndexError(3), RecursionError(), StopIteration()]
)
def test_what_it_raises_makes_the_row_untranslatable_and_names_the_field(error: Exception) -> None:
    def raising(*_: Any) -> None:
        raise error

    made = mapping("iban_of(bankn, bankl)", function(raising))
    with pytest.raises(Untranslatable) as raised:
        made.translate(ROW)
    assert raised.value.what == "bank.x can't be translated"
    assert raised.value.why == f"iban_of raised {type(error).__name__}: {error}"


@pytest.mark.parametrize(
    ("expression", "says", "instead"),
    [
        ("iban_of(bankn)", "iban_of takes 2 values, given are 1\n    iban_of(bankn)\n    ^^^^^^^^^^^^^", "iban_of(text, text)"),
        ("iban_of(bankn, id)", "takes text here; this is an integer\n    iban_of(bankn, id)\n                   ^^", "CAST"),
        ("iban(bankn, bankl)", "has no IBAN", "iban_of"),
        ("iban_of(bankn, bankl) + 1", "not a number", "CAST"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_its_place(expression: str, says: str, instead: str) -> None:
    found = problem(expression, function(lambda *_: ""))
    assert says in found.what
    assert instead in found.instead


def test_constants_and_integers_become_what_is_taken() -> None:
    def shown(*values: Any) -> str:
        return repr(values)

    made = mapping("iban_of(id, '2026-11-23')", function(shown, takes=("decimal", "date")))
    assert made.translate(ROW)["x"] == "(Decimal('1'), datetime.date(2026, 11, 23))"


def test_another_version_of_the_code_is_another_version_of_the_mapping() -> None:
    one, two = (mapping("iban_of(bankn, bankl)", function(lambda *_: "", version=each)) for each in "12")
    assert one.version != two.version
    assert mapping("bankn", function(lambda *_: "")).version == mapping("bankn").version


@pytest.mark.parametrize("dialect", ["postgres", "sqlite", "mysql"])
def test_no_database_is_asked_for_it(dialect: str) -> None:
    select = mapping("COALESCE(iban_of(bankn, bankl), code)", function(lambda *_: "")).select(dialect)
    assert (select.pushed, select.why) == (None, "iban_of is a Python function")


def test_the_way_back_is_what_reverse_says() -> None:
    called = function(lambda a, b: f"{a}-{b}")
    (lost,) = mapping("iban_of(bankn, bankl)", called).inverse.lost
    assert lost == ("x", "a Python function isn't undone; `reverse:` says what legacy gets")
    reverse = {"bankn": "LEFT(x, 2)", "bankl": "SUBSTRING(x, 4)"}
    made = mapping({"value": "iban_of(bankn, bankl)", "reverse": reverse}, called)
    assert made.inverse.row({"id": 1, "x": "42-7"}) == {"id": 1, "bankn": "42", "bankl": "7"}
    with pytest.raises(Untranslatable, match="would be read as"):
        made.inverse.row({"id": 1, "x": "4-27"})


# --- from the configuration ---------------------------------------------------------------------------------------------

CONFIGURATION = """
sources:
  erp: {kind: sqlite, url: "sqlite:///erp.db"}
stores:
  new: {url: "sqlite:///new.db"}
python:
  iban_of: {call: "my_mappings:iban_of", takes: [text, text], gives: text}
functions:
  pay:
    source: erp
    store: new
    service: {url: "http://127.0.0.1:1"}
    entities:
      bank: {table: bank, key: id, fields: {id: id, iban: "iban_of(bankn, bankl)"}}
"""
MODULE = """
COUNTRY = "DE"

def iban_of(bankn, bankl):
    if not bankn.isdigit():
        raise ValueError(f"{bankn} is no account")
    return COUNTRY + bankl + bankn
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration, its module and its legacy database."""
    (tmp_path / "my_mappings.py").write_text(MODULE)
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    with closing(sqlite3.connect(tmp_path / "erp.db")) as legacy, legacy:
        legacy.execute("CREATE TABLE bank (id INTEGER PRIMARY KEY, bankn TEXT, bankl TEXT)")
        legacy.execute("INSERT INTO bank VALUES (1, '42', '7'), (2, 'x', '7')")
    return tmp_path / "strangler.yaml"


def compiled(path: Path) -> EntityMapping:
    settings = load(path)
    with closing(assembly.source(settings, "erp")) as source:
        (found,) = assembly.mappings(settings, "pay", source)
    return found


def run(path: Path, *arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(root, ["--config", str(path), *arguments])


def test_rows_of_the_legacy_database_are_translated_by_the_function_in_the_configurations_folder(
    path: Path,
) -> None:
    found = compiled(path)
    with closing(assembly.source(load(path), "erp")) as source, closing(source.reader()) as reader:
        sql = found.select(reader.dialect).rest_sql(order=True)
        assert sql is not None
        one, two = translated(found, reader.dialect, reader.rows(sql))
    assert one.data == {"id": 1, "iban": "DE742"}
    assert two.fault is not None
    assert "x is no account" in two.fault.why


def test_the_version_follows_the_whole_module(path: Path) -> None:
    before = compiled(path)
    (path.parent / "my_mappings.py").write_text(MODULE.replace('"DE"', '"PL"'))
    after = compiled(path)
    assert before.version != after.version
    row = {"id": 1, "bankn": "42", "bankl": "7"}
    assert (before.translate(row)["iban"], after.translate(row)["iban"]) == ("DE742", "PL742")


def test_a_function_of_an_installed_module_is_found_too(path: Path) -> None:
    path.write_text(path.read_text().replace("my_mappings:iban_of", "os.path:join"))
    assert compiled(path).translate({"id": 1, "bankn": "42", "bankl": "7"})["iban"] == "42/7"


def test_plan_and_check_say_that_the_rows_are_read_one_by_one(path: Path) -> None:
    why = "iban_of is a Python function"
    assert f"bank: {why}" in run(path, "plan", "pay").output
    assert json.loads(run(path, "plan", "pay", "--json").output)["by_row"] == {"bank": why}
    assert f"pay.bank is backfilled and reconciled row by row: {why}" in run(path, "config", "check").output


@pytest.mark.parametrize("arguments", [["config", "check"], ["config", "check", "--offline"]])
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("my_mappings:iban_of", "my_mapings:iban_of", "there is no module 'my_mapings'"),
        ("my_mappings:iban_of", "my_mappings:iban", "has no 'iban'"),
        ("my_mappings:iban_of", "my_mappings:COUNTRY", "'COUNTRY' of"),
        ("[text, text]", "[text]", "my_mappings:iban_of doesn't take 1 values"),
    ],
)
def test_what_cannot_be_called_is_a_problem_with_its_line(
    path: Path, arguments: list[str], old: str, new: str, says: str
) -> None:
    path.write_text(path.read_text().replace(old, new))
    result = run(path, *arguments)
    assert result.exit_code == 2
    assert f"{path}:7: python.iban_of.call: " in result.stderr
    assert says in result.stderr


def test_a_module_that_breaks_is_a_problem_without_a_traceback(path: Path) -> None:
    (path.parent / "my_mappings.py").write_text("import nothing_of_that_name_is_there\n")
    assert "there is no module 'nothing_of_that_name_is_there'" in run(path, "config", "check").stderr
    (path.parent / "my_mappings.py").write_text("def (:\n")
    assert "can't be imported: SyntaxError" in run(path, "config", "check").stderr
    with pytest.raises(
        StranglerError, match=r"python\.iban_of\.call: module 'my_mappings' can't be imported"
    ):
        compiled(path)


@pytest.mark.parametrize("name", ["upper", "lookup", "surrogate", "to_date", "date_trunc", "case", "select"])
def test_a_name_that_sql_has_is_refused(path: Path, name: str) -> None:
    path.write_text(path.read_text().replace("  iban_of: {", f"  {name}: {{"))
    with pytest.raises(ConfigurationError) as raised:
        load(path)
    assert [(each.path, each.instead) for each in raised.value.problems] == [
        (f"python.{name}", f"another name, e.g. my_{name}")
    ]
