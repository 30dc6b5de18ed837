"""A function between two databases whose data is checked, by Great Expectations in this very process: loading it takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest
import yaml

from strangler.configuration import load
from strangler.control import quality_runs
from strangler.control.quality_runs import QualityRun, Result
from strangler.quality import apart, runs, site
from strangler.quality.checker import Answer, Checker, Order
from strangler.settings import CheckedSide
from tests.reconcile.conftest import Make, make
from tests.reconcile.landscape import Landscape

__all__ = ["Checked", "Make", "make"]


class Checked(NamedTuple):
    """A run, and what came of its checks."""

    run: QualityRun
    results: list[Result]

    def of(self, words: str, entity: str = "partner") -> Result:
        """The one of these words."""
        (found,) = [each for each in self.results if each.words == words and each.entity == entity]
        return found

    @property
    def failed(self) -> dict[str, int | None]:
        """Words → rows, of the checks that failed."""
        return {each.words: each.unexpected for each in self.results if each.verdict == "failed"}


Check = Callable[..., Checked]


@pytest.fixture(scope="session")
def checker() -> Checker:
    """The checker, loaded once."""
    return apart.checker()


@pytest.fixture
def in_process(checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands test in this process."""

    def testing(orders: Sequence[Order]) -> list[Answer]:
        return [checker.test(order) for order in orders]

    defaults: dict[str, Any] = runs.run.__kwdefaults__
    monkeypatch.setitem(defaults, "testing", testing)
    monkeypatch.setitem(
        site.build.__kwdefaults__, "making", lambda shown, folder: checker.site(tuple(shown), folder)
    )


@pytest.fixture
def check(checker: Checker) -> Check:
    """Check a landscape on a side."""

    def testing(orders: Sequence[Order]) -> list[Answer]:
        return [checker.test(order) for order in orders]

    def checked(landscape: Landscape, on: CheckedSide = "legacy", function: str = "partners") -> Checked:
        settings = load(landscape.path)
        run = runs.run(settings, landscape.control, function, on, testing=testing)
        return Checked(run, quality_runs.results(landscape.control, run.id))

    return checked


def entity(fields: dict[str, Any], checks: Iterable[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The entity over the table `partner`, with these checks."""
    return {"table": "partner", "key": "id", "fields": fields, "quality": list(checks), **more}


def rewrite(landscape: Landscape, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the configuration file."""
    document = yaml.safe_load(landscape.path.read_text())
    change(document)
    landscape.path.write_text(yaml.safe_dump(document, sort_keys=False))
