"""What Great Expectations found: without what nobody may see, in its own form for its site, and in ours.

Everything that it says of an expectation about a hidden field that isn't a count is masked, before anything is kept or shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from great_expectations.core import ExpectationSuiteValidationResult

from strangler.mapping.canonical import plain
from strangler.quality.checker import Batch, Expectation, Order, Test, Tested, Verdict
from strangler.sensitive import masked
from strangler_adapters.great_expectations.expectations import NUMBER

Json = dict[str, Any]


def masked_json(found: ExpectationSuiteValidationResult, batch: Batch, order: Order) -> Json:
    """The result of a batch as JSON, in the order of its expectations; masked, and without what stands in for the real thing."""
    expected = {each.number: each for each in batch.expectations}
    whole: Json = found.to_json_dict()
    by_number = {_number(one): _shown(one, batch, expected[_number(one)]) for one in whole["results"]}
    whole["results"] = [by_number[each.number] for each in batch.expectations]
    whole["suite_name"] = f"{order.function} / {order.side} / {batch.title}"
    for name in ("batch_spec", "batch_markers"):
        whole["meta"].pop(name, None)
    return whole


def tested(whole: Json, batch: Batch) -> list[Tested]:
    """The same in our form."""
    pairs = zip(batch.expectations, whole["results"], strict=True)
    return [_tested(each, one) for each, one in pairs]


def _number(one: Json) -> int:
    number: int = one["expectation_config"]["meta"][NUMBER]
    return number


def _tested(each: Expectation, one: Json) -> Tested:
    if reason := _raised(one):
        return Tested(each.number, Verdict.UNMADE, reason=reason)
    result = one["result"]
    verdict = Verdict.PASSED if one["success"] else Verdict.FAILED
    if each.test is Test.COUNT:
        return Tested(each.number, verdict, observed=f"{result['observed_value']:,} rows")
    if each.test is Test.NO_ROWS:
        rows = tuple(result.get("details", {}).get("unexpected_rows") or ())
        return Tested(each.number, verdict, unexpected=result["observed_value"], samples=rows)
    return Tested(
        each.number,
        verdict,
        rows=result["element_count"],
        unexpected=result["unexpected_count"] or 0,
        samples=tuple(_samples(result)),
    )


def _samples(result: Json) -> Iterator[Mapping[str, Any]]:
    """Rows that fail, by key and field; where it has no keys, by the fields alone."""
    indexes = result.get("partial_unexpected_index_list")
    if indexes:
        yield from indexes
        return
    for value in result.get("partial_unexpected_list") or ():
        if isinstance(value, dict):
            yield value


def _shown(one: Json, batch: Batch, each: Expectation) -> Json:
    """The result with canonical values in it, and without hidden ones."""
    hides = not batch.hidden.isdisjoint(each.fields)
    result = one.get("result") or {}
    one["result"] = {name: _value(name, value, batch.hidden, hides) for name, value in result.items()}
    if reason := _raised(one):
        if batch.hidden:
            reason = _without_values(reason)
        one["exception_info"] = {
            "raised_exception": True,
            "exception_message": reason,
            "exception_traceback": None,
        }
    return one


_LISTS: Final = frozenset({"partial_unexpected_list", "unexpected_list"})


def _value(name: str, value: Any, hidden: frozenset[str], hides: bool) -> Any:
    if name in _LISTS:
        return [_row(one, hidden) if isinstance(one, dict) else _one(one, hides) for one in value]
    if name == "partial_unexpected_counts":
        return [] if hides else [{**one, "value": _canonical(one["value"])} for one in value]
    if name in ("partial_unexpected_index_list", "unexpected_index_list"):
        return [_row(one, hidden) for one in value or ()]
    if name == "details":
        rows = value.get("unexpected_rows") or ()
        return {**value, "unexpected_rows": [_row(one, hidden) for one in rows]}
    return value


def _row(row: Mapping[str, Any], hidden: frozenset[str]) -> Json:
    return {name: _one(value, name in hidden) for name, value in row.items()}


def _one(value: Any, hides: bool) -> Any:
    return masked(value) if hides else _canonical(value)


def _canonical(value: Any) -> Any:
    return plain(value) if isinstance(value, date | datetime) else value


def _raised(one: Json) -> str:
    """Why the expectation couldn't be tested; empty when it could."""
    info = one.get("exception_info") or {}
    raised = info.values() if info and all(isinstance(each, dict) for each in info.values()) else [info]
    messages = [str(each.get("exception_message")) for each in raised if each.get("raised_exception")]
    return _first_line(messages[0]) if messages else ""


def _without_values(reason: str) -> str:
    """Databases say a value behind what they say of it."""
    return re.split(r""": ["']""", reason, maxsplit=1)[0]


def _first_line(message: str) -> str:
    """Without the statement and its parameters, which SQLAlchemy adds, and without the class of the driver's error."""
    told = message.split("\n", 1)[0].strip()
    return told.partition(") ")[2] or told if told.startswith("(") else told
