"""The contract language: sources, conversions, structures, and what must not get lost in silence."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around, Request
from strangler.testing.service_protocol import ask, problem, service_answer
from strangler_adapters.protocols.contract.conversions import conversion
from strangler_adapters.protocols.contract.exact import parsed, written
from strangler_adapters.protocols.contract.sources import Language, Scope, source
from strangler_adapters.protocols.contract.spelling import JSON, TEXTUAL, Spelling
from strangler_adapters.protocols.contract.structure import structure
from strangler_adapters.protocols.jsonrpc.spelling import ODOO, TRYTON
from strangler_adapters.protocols.odata.spelling import V2, V4
from strangler_adapters.protocols.rest import connect

MAPS = {"countries": {"D": "DE", "A": "AT"}, "kinds": {"1": 10, "2": 20, "3": 20}}
BOTH: list[tuple[str, Any, Any]] = [
    ("decimal", "4904.4900", "4904.4900"),
    ("decimal(2)", "4904.49", "4904.49"),
    ("decimal(2, comma)", "4904,49", "4904.49"),
    ("decimal(comma)", "-0,5", "-0.5"),
    ("number", "12345678901234567890.12", Decimal("12345678901234567890.12")),
    ("integer", 7, 7),
    ("boolean", True, True),
    ("date", "2026-11-30", "2026-11-30"),
    ("date(YYYYMMDD)", "20261130", "2026-11-30"),
    ("date(YYYYMMDD)", "09990101", "0999-01-01"),
    ("date(DD.MM.YYYY)", "30.11.2026", "2026-11-30"),
    ("time(HHMMSS)", "235958", "23:59:58.000000"),
    ("timestamp(YYYYMMDDHHMMSS)", "20261130235958", "2026-11-30T23:59:58.000000"),
    ("timestamp(YYYY-MM-DD HH:MM:SS)", "2026-11-30 23:59:58", "2026-11-30T23:59:58.000000"),
    ("zeros(10)", "0000004711", "4711"),
    ("zeros(4)", "K12", "K12"),
    ("zeros(4)", "0000", "0"),
    ("flag", "X", True),
    ("flag", "", False),
    ("flag(Y, N)", "N", False),
    ("map(countries)", "D", "DE"),
    ("map(kinds)", "1", 10),
    ("bytes", "/w==", "ff"),
]


def made(written: str, spelling: Spelling = JSON) -> Any:
    name, _, rest = written.partition("(")
    return conversion(name, [part.strip() for part in rest.rstrip(")").split(",") if part], spelling, MAPS)


@pytest.mark.parametrize(("written", "legacy", "service"), BOTH)
def test_conversions_go_both_ways(written: str, legacy: Any, service: Any) -> None:
    assert made(written).read(legacy) == service
    assert made(written).write(service) == legacy or str(made(written).write(service)) == legacy


@pytest.mark.parametrize(
    ("written", "legacy", "service"),
    [
        ("decimal(comma)", "1.234.567,80", "1234567.80"),
        ("date(YYYYMMDD)", "00000000", None),
        ("date(YYYYMMDD)", 20261130, "2026-11-30"),
        ("date(DD.MM.YYYY)", "", None),
        ("time(HHMMSS)", "  ", None),
        ("decimal(comma)", "", None),
        ("flag", None, False),
        ("zeros(10)", "", ""),
        ("zeros(10)", 4711, "4711"),
    ],
)
def test_what_is_read_leniently(written: str, legacy: Any, service: Any) -> None:
    assert made(written).read(legacy) == service


@pytest.mark.parametrize(
    ("written", "service", "legacy"),
    [
        ("date(YYYYMMDD)", None, "00000000"),
        ("date(DD.MM.YYYY)", None, ""),
        ("decimal(3)", "1.5", "1.500"),
        ("zeros(10)", 4711, "0000004711"),
        ("flag", "true", "X"),
        ("map(countries)", None, None),
    ],
)
def test_what_is_written_for_it(written: str, service: Any, legacy: Any) -> None:
    assert made(written).write(service) == legacy


@pytest.mark.parametrize(
    ("written", "legacy"),
    [
        ("decimal", "1,5"), ("decimal", "NaN"), ("decimal", "1e999"), ("decimal", "1" * 5000), ("decimal", True),
        ("decimal(comma)", "1.5"), ("decimal(comma)", "12.34,5"),
        ("integer", "1.5"), ("integer", True), ("boolean", "yes"), ("text", 5),
        ("date", "2026-02-31"), ("date(YYYYMMDD)", "20260231"), ("date(YYYYMMDD)", "2026113"), ("date(DD.MM.YYYY)", "1.1.2026"),
        ("flag", "x"), ("map(countries)", "X"), ("bytes", "%%%"),
    ],
)  # fmt: skip
def test_what_doesnt_fit_is_refused_when_read(written: str, legacy: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, ArithmeticError)):
        made(written).read(legacy)


@pytest.mark.parametrize(
    ("written", "service"),
    [
        ("decimal(2)", "1.005"),
        ("zeros(3)", "4711"),
        ("map(kinds)", 20),
        ("map(countries)", "FR"),
        ("time(HHMMSS)", "23:59:58.5"),
        ("flag", "maybe"),
        ("date", "31.12.2026"),
    ],
)
def test_what_would_be_another_value_is_refused_when_written(written: str, service: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, ArithmeticError)):
        made(written).write(service)


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**18), max_value=10**18)
VALUES = [
    ("decimal", AMOUNTS.map(lambda value: f"{value:f}")),
    ("integer", st.integers()),
    ("boolean", st.booleans()),
    ("text", st.text()),
    ("date", st.dates().map(date.isoformat)),
    ("time", st.times().map(lambda value: value.replace(microsecond=0).isoformat(timespec="microseconds"))),
    (
        "timestamp",
        st.datetimes(datetime(1000, 1, 1)).map(
            lambda v: v.replace(microsecond=0).isoformat(timespec="microseconds")
        ),
    ),
    ("bytes", st.binary(max_size=20).map(bytes.hex)),
]


@pytest.mark.parametrize(
    "spelling", [JSON, TEXTUAL, TRYTON, ODOO, V2, V4], ids=["json", "text", "tryton", "odoo", "v2", "v4"]
)
@settings(deadline=None)
@given(data=st.data())
def test_what_is_written_in_any_spelling_is_read_as_the_same(spelling: Spelling, data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(VALUES))
    value = data.draw(values)
    if kind in ("decimal", "bytes", "integer", "date") and value == "" and spelling is TEXTUAL:
        return  # Nothing can't be told from no value in text.
    both = conversion(kind, [], spelling, {})
    wire = both.write(value)
    assert spelling is not TEXTUAL or isinstance(wire, str)
    if spelling is not TEXTUAL:
        wire = parsed(written(wire))
    assert both.read(wire) == value


@pytest.mark.parametrize(
    "wrong",
    [
        "A | nonsense", "A | decimal(two)", "A | date(YYMMDD)", "A | date(YYYYMMDDHH)", "A | flag(Y)", "A | flag(Y, Y)", "A | zeros(0)",
        "A | map(colours)", "A..B", "A |", "", "A | decimal(2", "A | default(1, 2)",
    ],
)  # fmt: skip
def test_what_isnt_understood_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(StranglerError):
        source(wrong, Language(JSON, MAPS), "read")


def built(spec: Any, values: Any, direction: Any = "write", asked: Any = None) -> Any:
    return structure(spec, Language(JSON, MAPS), direction).value(Scope(values, asked))


def test_structures_nest_and_repeat() -> None:
    spec = {
        "No": "id | zeros(6)",
        "Head": {"Country": "country | map(countries)", "Source": "=ERP", "Version": 2},
        "Items": {"Item[lines]": {"Material": "sku", "Tag[tags]": "."}},
        "Text": "=Order {id} of {asked:who}",
        "Gone": "gone | optional",
        "Empty": "nothing | default()",
    }
    told = {
        "id": "12",
        "country": "AT",
        "lines": [{"sku": "a", "tags": ["x", "y"]}, {"sku": "b", "tags": []}],
        "nothing": None,
    }
    assert built(spec, told, asked={"who": "me"}) == {
        "No": "000012",
        "Head": {"Country": "A", "Source": "ERP", "Version": 2},
        "Items": {"Item": [{"Material": "a", "Tag": ["x", "y"]}, {"Material": "b", "Tag": []}]},
        "Text": "Order 12 of me",
        "Empty": "",
    }
    assert built({"[items]": "id"}, {"items": [{"id": 1}, {"id": 2}]}) == [1, 2]
    assert built("id", {"id": Decimal("1.10")}) == Decimal("1.10")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("id", {}),
        ("id", {"id": [1]}),
        ("id", {"id": {}}),
        ("lines.sku", {"lines": [{"sku": 1}, {"sku": 2}]}),
        ({"Item[lines]": "sku"}, {}),
        ("amount | decimal", {"amount": "much"}),
    ],
)
def test_what_isnt_there_as_it_should_be_is_untranslatable(spec: Any, told: Any) -> None:
    with pytest.raises(UntranslatableRequest):
        built(spec, told)


def posted(options: dict[str, Any], body: Any, *answers: Answer) -> tuple[Any, Answer]:
    """What the service was asked by a POST, and what was told."""
    protocol = connect({"operations": {"POST /orders": options}}, Around(MAPS))
    request = Request("POST", "/orders", [("content-type", "application/json")], json.dumps(body).encode())
    asked = ask(protocol, request, answers or [service_answer({"id": 1})])
    return asked.steps[0], asked.answer


ORDER = {
    "ask": "POST /orders",
    "query": {"dry": "body.test | flag"},
    "headers": {"Idempotency-Key": "body.reference"},
    "body": {
        "customer": "body.no | zeros(6)",
        "lines[body.items]": {"sku": "material", "quantity": "qty | number"},
    },
    "expect": {"body.language": ["EN", ""]},
    "ignore": ["body.session"],
    "answer": {"orderNo": "id"},
}


def test_an_order_goes_where_the_options_say() -> None:
    body = {
        "no": "004711",
        "reference": "R-1",
        "test": "X",
        "session": "x",
        "language": "EN",
        "items": [{"material": "a", "qty": 1.50}],
    }
    step, answer = posted(ORDER, body)
    assert (step.method, step.target) == ("POST", "/orders?dry=true")
    assert ("idempotency-key", "R-1") in step.headers
    assert json.loads(step.body) == {"customer": "4711", "lines": [{"sku": "a", "quantity": 1.5}]}
    assert json.loads(answer.body) == {"orderNo": 1}


def test_what_isnt_sent_isnt_passed_on() -> None:
    step, _ = posted(ORDER, {"no": "1"})
    assert (step.target, json.loads(step.body)) == (
        "/orders?dry=false" if "dry" in step.target else "/orders",
        {"customer": "1"},
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"discount": 5}, "body.discount"),
        ({"items": [{"material": "a", "discount": 5}]}, "body.items.0.discount"),
        ({"items": [{"material": ["a"]}]}, "material"),
        ({"language": "DE"}, "body.language"),
        ({"qty": False}, "body.qty"),
        ({"items": "x"}, ""),
    ],
)
def test_what_nothing_reads_must_not_get_lost_in_silence(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UntranslatableRequest) as error:
        posted(ORDER, {"no": "1", **change})
    assert named in str(error.value)


def test_what_says_nothing_neednt_be_read() -> None:
    posted(ORDER, {"no": "1", "discount": "", "note": None, "texts": [], "more": {"a": ""}})


def test_errors_say_what_legacy_said() -> None:
    errors = {
        404: {"code": "E404", "message": "No order: {detail}"},
        "4xx": {"status": 400, "answer": {"ok": False, "why": "title", "field": "field | optional"}},
        "*": {"status": 200, "fault": False, "answer": {"RETURN": {"TYPE": "=E", "MESSAGE": "title"}}},
    }
    options = {**ORDER, "errors": errors}
    _, told = posted(options, {"no": "1"}, problem(404, "Not found", "4711"))
    assert (told.status, json.loads(told.body)) == (
        404,
        {"title": "No order: 4711", "status": 404, "code": "E404"},
    )
    _, told = posted(options, {"no": "1"}, service_answer({"title": "Bad", "field": "no"}, 422))
    assert (told.status, json.loads(told.body)) == (400, {"ok": False, "why": "Bad", "field": "no"})
    _, told = posted(options, {"no": "1"}, Answer(500, [], b"<html>"))
    assert json.loads(told.body) == {"RETURN": {"TYPE": "E", "MESSAGE": "HTTP 500"}}


def test_a_write_whose_answer_cant_be_put_back_is_said_to_be_done() -> None:
    with pytest.raises(UntranslatableRequest, match="did what was asked"):
        posted(ORDER, {"no": "1"}, service_answer({}))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ask": "FETCH /orders"}, "GET /customers"),
        ({"ask": "GET orders"}, "GET /customers"),
        ({"ask": "GET /orders"}, "has no body"),
        ({"answers": {}}, "answers"),
        ({"errors": {"200": {}}}, "200"),
        ({"body": {"a[=b]": "c"}}, "list"),
        ({"body": {"[a]": "b", "c": "d"}}, "alone"),
        ({"ask": "POST /orders/{body.no | nonsense}"}, "nonsense"),
    ],
)
def test_options_that_dont_fit_are_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(StranglerError) as error:
        connect({"operations": {"POST /orders": {**ORDER, **change}}}, Around(MAPS))
    assert named in str(error.value)


@pytest.mark.parametrize(
    "value", [Decimal("0.10"), Decimal("1E+3"), Decimal("-0.000000000000000000001"), 10**30]
)
def test_numbers_keep_their_digits(value: Any) -> None:
    assert parsed(written({"a": [value]})) == {"a": [value]}


@pytest.mark.parametrize("value", [Decimal("NaN"), float("inf"), "\ud800", object()])
def test_what_json_cant_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        written({"a": value})
