"""The console: the page, the facts, the health and the figures, beside a running worker and without one."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.changes import Position
from strangler.console.server import serving
from strangler.control import sources
from strangler.cutover.stages import Stage
from strangler.settings import Console
from tests.sync.landscape import Landscape, until


class Page:
    """What the console answers at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self._url + path, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    yield made
    made.control.close()


@pytest.fixture
def page(landscape: Landscape) -> Iterator[Page]:
    settings = landscape.settings.model_copy(update={"console": Console(port=0)})
    with serving(settings, landscape.control) as url:
        yield Page(url)


def test_without_a_worker_it_lives_but_is_not_ready_and_says_why(page: Page) -> None:
    assert page.get("/healthz")[0] == 200
    status, body = page.get("/readyz")
    assert status == 503
    assert "source erp was never read: does a worker run?" in json.loads(body)["output"]


def test_with_a_worker_it_is_ready(page: Page, landscape: Landscape) -> None:
    landscape.put(Stage.SYNCING)
    with landscape.worker():
        until(lambda: page.get("/readyz")[0] == 200, "it is ready")
    assert json.loads(page.get("/readyz")[1])["status"] == "pass"


def test_the_page_and_the_facts_tell_the_stage(page: Page, landscape: Landscape) -> None:
    landscape.put(Stage.SYNCING)
    assert "syncing" in page.get("/")[1]
    facts = json.loads(page.get("/api/progress")[1])
    assert [function["name"] for function in facts["functions"]] == ["partners"]
    assert json.loads(page.get("/api/functions/partners")[1]) == facts["functions"][0]


def test_an_unknown_function_is_404_and_names_those_that_are_there(page: Page) -> None:
    status, body = page.get("/api/functions/partner")
    assert status == 404
    assert "partners" in body


def test_the_figures_tell_rows_and_stage(page: Page, landscape: Landscape) -> None:
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1'), (2, 'b', 'two')")
    landscape.put(Stage.SYNCING)
    with landscape.worker():
        until(
            lambda: (
                'strangler_backfill_rows{entity="partner",function="partners"} 1.0' in page.get("/metrics")[1]
            ),
            "a row counts",
        )
    figures = page.get("/metrics")[1]
    assert 'strangler_stage{function="partners",stage="syncing"} 1.0' in figures
    assert 'strangler_stage{function="partners",stage="live"} 0.0' in figures
    assert 'strangler_quarantined_keys{function="partners"} 1.0' in figures


def test_what_waits_in_a_source_is_a_figure_where_the_source_tells(page: Page, landscape: Landscape) -> None:
    name = "strangler_source_consumer_lag_records"
    sources.seen(landscape.control, "erp", Position("5"), seen_at=1.0, committed_at=1.0)
    assert f'{name}{{source="erp"}}' not in page.get("/metrics")[1]
    sources.seen(landscape.control, "erp", Position("5"), seen_at=1.0, committed_at=1.0, behind=17)
    assert f'{name}{{source="erp"}} 17.0' in page.get("/metrics")[1]


def test_without_its_control_store_it_lives_and_says_so(page: Page, landscape: Landscape) -> None:
    with landscape.control.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE source")
    assert page.get("/healthz")[0] == 200
    for path in ("/readyz", "/", "/api/progress"):
        status, body = page.get(path)
        assert status == 503
        assert "the control store" in json.loads(body)["output"]
