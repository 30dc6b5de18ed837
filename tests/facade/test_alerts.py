"""The alert rules and the dashboard in `deploy/` name only metrics and labels that there are, in PromQL that can be read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from strangler.console.metrics import _Sync
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side
from strangler.facade.breaker import Breakers
from strangler.facade.gauges import watch_breakers, watch_drops, watch_holding, watch_pools, watch_shedding
from strangler.facade.holding import Holding
from strangler.facade.metrics import Metrics
from strangler.facade.shedding import Shedding
from strangler.facade.track import Track
from strangler.settings import Breaker, Limits
from tests.facade.calls import call
from tests.facade.conftest import Front, settings

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]
]
SCRAPED = {"job", "instance", "le"}
"""Labels that Prometheus adds, and that of buckets."""


WATCHED = (
    "writes_in_flight",
    "generation",
    "control_silence_seconds",
    "calls_open",
    "caller_connections",
    "tasks",
)
"""What is read inside the event loop of a facade only."""


class Writer:
    def decide_again(self) -> None:
        """It has been."""


class Pool:
    key, open, idle, waiting, limit = "legacy", 5, 2, 0, 10


def facade_metrics() -> Metrics:
    """Metrics of a facade to which everything has happened."""
    metrics = Metrics(["party"])
    again = call(fell_back="new is down", error="connection_refused", status=502)
    again.missed("connection_terminated", 1000.0)
    again.ask("legacy", 1000.0)
    for each in (again, call(side=Side.NEW), call(decided=False, status=400)):
        metrics.note(each, Track())
    metrics.untranslatable.labels("party").inc()
    metrics.shadow.labels("party", EVERYONE, "matched").inc()
    metrics.effects.labels("party", EVERYONE, "rehearsed").inc()
    breakers, shedding = Breakers(Breaker()), Shedding(Limits())
    breakers.of("legacy", "party")
    shedding.refuse(shedding.lane("party", "legacy"), write=True)
    watch_breakers(metrics, breakers)
    watch_shedding(metrics, shedding)
    holding = Holding(1.0, shedding.all)
    wait = holding.hold(Writer(), "party", 1000.0, 1.0)
    assert wait is not None
    holding.let_go(wait, "passed", 1000.2)
    watch_holding(metrics, holding)
    watch_pools(metrics, [Pool()])
    watch_drops(metrics, lambda: 0, lambda: 0)
    for name in WATCHED:
        metrics.watch(name, "as a facade shows it", (), lambda: [((), 0)])
    return metrics


@pytest.fixture
def known(control: Control) -> dict[str, set[str]]:
    """Every metric that there is, with its labels."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(facade_metrics().page().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for metric in _Sync(settings("http://127.0.0.1:1"), control).collect():
        found[metric.name] = set(metric._labelnames)  # type: ignore[attr-defined]
    return found


def parsed(expression: str) -> Any:
    """Grafana's own variables stand for what Prometheus would get."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m").replace("$function", ".*"))


def parts(expression: Any) -> Iterator[Any]:
    found: list[Any] = []

    def visit(part: Any) -> bool:
        found.append(part)
        return True

    promql_parser.walk(expression, visit)
    yield from found


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_every_metric_and_label_that_is_named_exists(
    known: dict[str, set[str]], name: str, expression: str
) -> None:
    tree = parsed(expression)
    selectors = [part for part in parts(tree) if isinstance(part, promql_parser.VectorSelector)]
    assert selectors
    for selector in selectors:
        assert selector.name in known, f"{name}: there is no {selector.name}"
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= known[selector.name] | SCRAPED, f"{name}: {selector.name} has no {labels}"
    grouped = {
        label for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(", ")
    }
    assert grouped <= set().union(*(known[selector.name] for selector in selectors)) | SCRAPED


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_about_what_is_counted_by_cohort_names_the_cohort(
    known: dict[str, set[str]], rule: dict[str, Any]
) -> None:
    tree = parsed(rule["expr"])
    used = {part.name for part in parts(tree) if isinstance(part, promql_parser.VectorSelector)}
    by_cohort = any("cohort" in known[name] for name in used)
    assert ("$labels.cohort" in rule["annotations"]["summary"]) == by_cohort


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool isn't here")
def test_prometheus_itself_raises_them_for_the_cohort_that_is_meant() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts.test.yaml"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_and_what_to_do_with_labels_that_it_has(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    said = f"{rule['annotations']['summary']} {rule['annotations']['description']}"
    kept = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
    left = {label for labels in kept for label in labels.split(", ")} if kept else None
    for label in re.findall(r"\$labels\.(\w+)", said):
        assert left is None or label in left, f"{label} is summed away"


async def test_a_running_facade_shows_what_only_its_event_loop_can_tell(front: Front) -> None:
    facade = await front(settings("http://127.0.0.1:1"))
    page = facade.parts.metrics.page().decode()
    families = {family.name for family in text_string_to_metric_families(page)}
    assert {f"strangler_facade_{name}" for name in WATCHED} <= families


def test_what_is_counted_is_looked_at() -> None:
    """A metric that neither an alert nor a panel names is one that nobody will see."""
    shown = " ".join(expression for _, expression in EXPRESSIONS)
    families = text_string_to_metric_families(facade_metrics().page().decode())
    own = {f.name for f in families if f.name.startswith("strangler_") and not f.name.endswith("_created")}
    assert len(own) > 20
    assert {name for name in own if name not in shown} == set()


def test_panels_of_the_dashboard_lie_side_by_side() -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("observability.md", "resilience.md")]


def test_the_page_names_every_metric_and_none_besides(known: dict[str, set[str]]) -> None:
    named = set(re.findall(r"`(strangler_facade_\w+)`", PAGES[0].read_text()))
    families = text_string_to_metric_families(facade_metrics().page().decode())
    counters = {"counter": "_total"}
    there = {
        family.name + counters.get(family.type, "")
        for family in families
        if family.name.startswith("strangler_") and not family.name.endswith("_created")
    }
    assert named == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_configuration_of_the_page_is_one(page: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    ours = [given["facade"] for given in map(yaml.safe_load, blocks) if "scrape_configs" not in given]
    assert ours
    for given in ours:
        assert settings(given.pop("legacy"), facade=given).facade is not None
