"""Orders are tested: a data source for each, a query asset and a suite for each batch."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, Final

import great_expectations as gx
import orjson
from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
from great_expectations.data_context import AbstractDataContext
from tqdm import tqdm

from strangler.quality.checker import Answer, Batch, Document, Order, Shown
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
                found = _validated(asset, batch, order)
                whole = results.masked_json(found, batch, order)
                tested += results.tested(whole, batch)
                documents.append(Document(batch.title, orjson.dumps(whole).decode()))
        return Answer(tuple(tested), tuple(documents))

    def site(self, shown: tuple[Shown, ...], folder: Path) -> Path:
        return docs.build(shown, folder)


tqdm.set_lock(threading.RLock())
"""It isn't shared with other processes, so that none has to be tidied up when this one ends."""


def _context() -> AbstractDataContext:
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = _QUIET
    return context


def _source(context: AbstractDataContext, order: Order, url: str) -> Any:
    add = {
        "postgres": context.data_sources.add_postgres,
        "sqlite": context.data_sources.add_sqlite,
        "mysql": context.data_sources.add_sql,
    }[order.dialect]
    return add("checked", connection_string=url, create_temp_table=False)


def _validated(asset: Any, batch: Batch, order: Order) -> ExpectationSuiteValidationResult:
    suite = ExpectationSuite(batch.title, expectations=[expectation(each) for each in batch.expectations])
    wanted = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": order.samples,
        "return_unexpected_index_query": False,
        "unexpected_index_column_names": list(batch.key),
    }
    definition = asset.add_batch_definition_whole_table("all")
    found: ExpectationSuiteValidationResult = definition.get_batch().validate(suite, result_format=wanted)
    return found
