"""What is expected, in the words of Great Expectations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation as GreatExpectation

from strangler.quality.checker import Expectation, Test
from strangler_adapters.great_expectations.sessions import ROWS

NUMBER: Final = "strangler"
"""The key of `meta` under which an expectation has its number, by which its result is known."""


def expectation(each: Expectation) -> GreatExpectation:
    """The expectation, described in plain words."""
    return _OF[each.test](each, {"severity": each.severity, "description": each.words, "meta": {NUMBER: each.number}})


def _not_null(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    return gxe.ExpectColumnValuesToNotBeNull(column=each.fields[0], mostly=each.mostly, **rest)


def _unique(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    if len(each.fields) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=each.fields[0], mostly=each.mostly, **rest)
    return gxe.ExpectCompoundColumnsToBeUnique(
        column_list=list(each.fields), mostly=each.mostly, ignore_row_if="any_value_is_missing", **rest
    )


def _in_set(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    return gxe.ExpectColumnValuesToBeInSet(
        column=each.fields[0], value_set=list(each.values), mostly=each.mostly, **rest
    )


def _between(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    return gxe.ExpectColumnValuesToBeBetween(
        column=each.fields[0], min_value=each.least, max_value=each.most, mostly=each.mostly, **rest
    )


def _matches(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    return gxe.ExpectColumnValuesToMatchRegex(
        column=each.fields[0], regex=each.pattern, mostly=each.mostly, **rest
    )


def _no_rows(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=f"{each.query} {ROWS}", **rest)


def _count(each: Expectation, rest: dict[str, Any]) -> GreatExpectation:
    return gxe.ExpectTableRowCountToBeBetween(min_value=each.least, max_value=each.most, **rest)


_OF: Final[dict[Test, Callable[[Expectation, dict[str, Any]], GreatExpectation]]] = {
    Test.NOT_NULL: _not_null,
    Test.UNIQUE: _unique,
    Test.IN_SET: _in_set,
    Test.BETWEEN: _between,
    Test.MATCHES: _matches,
    Test.NO_ROWS: _no_rows,
    Test.COUNT: _count,
}
