"""What is expected, in the words of Great Expectations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import great_expectations.expectations as gxe
from great_expectations.core import ExpectationValidationResult
from great_expectations.execution_engine import ExecutionEngine
from great_expectations.expectations.expectation import Expectation as GreatExpectation
from great_expectations.render import LegacyDiagnosticRendererType as LegacyRendererType
from great_expectations.render import RenderedTableContent
from great_expectations.render.renderer.renderer import renderer

from strangler.quality.checker import Expectation, Test
from strangler_adapters.great_expectations.sessions import ROWS


class NoRowsExpectation(gxe.UnexpectedRowsExpectation):  # type: ignore[misc]  # its types aren't read
    """Expect that a query finds no rows. Shows the first of those that it finds, which is how many are fetched at all."""

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> dict[str, Any]:
        found: int = metrics["unexpected_rows_query.row_count"]
        rows: list[Any] = metrics["unexpected_rows_query.table"]
        return {
            "success": not found,
            "result": {"observed_value": found, "details": {"unexpected_rows": rows}},
        }

    @classmethod
    @renderer(renderer_type=LegacyRendererType.OBSERVED_VALUE)  # type: ignore[untyped-decorator]
    def _observed(cls, result: ExpectationValidationResult | None = None, **rest: Any) -> str:
        found = result.result.get("observed_value") if result else None
        return "--" if found is None else f"{found:,} {'row' if found == 1 else 'rows'}"

    @classmethod
    @renderer(renderer_type=LegacyRendererType.UNEXPECTED_TABLE)  # type: ignore[untyped-decorator]
    def _examples(
        cls, result: ExpectationValidationResult | None = None, **rest: Any
    ) -> list[RenderedTableContent] | None:
        rows = result.result.get("details", {}).get("unexpected_rows") if result else None
        if not rows:
            return None
        table = [["NULL" if value is None else str(value) for value in row.values()] for row in rows]
        styling = {"body": {"classes": ["table-bordered", "table-sm", "mt-3"]}}
        return [RenderedTableContent(table=table, header_row=list(rows[0]), styling=styling)]


NUMBER: Final = "strangler"
"""The key of `meta` under which an expectation has its number, by which its result is known."""


def expectation(each: Expectation) -> GreatExpectation:
    """The expectation, described in plain words."""
    described = f"{each.words} ({each.severity})"
    meta = {NUMBER: each.number}
    return _OF[each.test](each, {"severity": each.severity, "description": described, "meta": meta})


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
    return NoRowsExpectation(unexpected_rows_query=f"{each.query} {ROWS}", **rest)


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
