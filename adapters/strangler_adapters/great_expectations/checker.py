"""Orders are tested: one data source for each, one query asset and one suite for each batch."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import great_expectations as gx
import orjson
from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
from great_expectations.data_context import AbstractDataContext

from strangler.quality.checker import Answer, Batch, Document, Order, Shown, Test
from strangler_adapters.great_expectations import docs, results, sessions
from strangler_adapters.great_expectations.expectations import expectation

_QUIET: Final = {"globally": False, "metric_calculations": False}


class GreatExpectations:
    """See `Checker`."""

    def test(self, order: Order) -> Answer:
        with sessions.standing_in(order) as url:
            context = _context()
            source = _source(context, order, url)
            tested, documents = [], []
            for batch in order.batches:
                asset = source.add_query_asset(batch.title, query=f"SELECT * FROM {batch.relation}")
                found = [_validated(context, asset, batch, order, part) for part in _parts(batch)]
                whole = results.together(found, batch, order)
                tested += results.tested(whole, batch)
                documents.append(Document(batch.title, orjson.dumps(whole).decode()))
        return Answer(tuple(tested), tuple(documents))

    def site(self, shown: tuple[Shown, ...], folder: Path) -> Path:
        return docs.build(shown, folder)


def _context() -> AbstractDataContext:
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = _QUIET  # type: ignore[assignment]
    return context


def _source(context: AbstractDataContext, order: Order, url: str) -> Any:
    add = {
        "postgres": context.data_sources.add_postgres,
        "sqlite": context.data_sources.add_sqlite,
        "mysql": context.data_sources.add_sql,
    }[order.dialect]
    return add("checked", connection_string=url, create_temp_table=False)


def _parts(batch: Batch) -> list[tuple[list[Any], str]]:
    """The expectations with the form of result that they need: a query's rows are only told with all the rest, which for columns
    would be every value that fails."""
    queries = [each for each in batch.expectations if each.test is Test.NO_ROWS]
    others = [each for each in batch.expectations if each.test is not Test.NO_ROWS]
    return [(part, form) for part, form in ((others, "SUMMARY"), (queries, "COMPLETE")) if part]


def _validated(
    context: AbstractDataContext, asset: Any, batch: Batch, order: Order, part: tuple[list[Any], str]
) -> ExpectationSuiteValidationResult:
    expected, form = part
    suite = ExpectationSuite(batch.title, expectations=[expectation(each) for each in expected])
    definition = asset.get_batch_definition("all") if asset.batch_definitions else asset.add_batch_definition_whole_table("all")
    wanted = {
        "result_format": form,
        "partial_unexpected_count": order.samples,
        "return_unexpected_index_query": False,
        "exclude_unexpected_values": False,
    }
    if form == "SUMMARY" and batch.key:
        wanted["unexpected_index_column_names"] = list(batch.key)
    found: ExpectationSuiteValidationResult = definition.get_batch().validate(suite, result_format=wanted)
    return found
