"""`strangler status`: ten functions in ten stages at once, on one screen, from a real control store."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from strangler.changes import Position
from strangler.cli.main import root
from strangler.cli.overview import functions_json, print_overview
from strangler.cli.worries import worries
from strangler.control import (
    backfills,
    comparisons,
    deliveries,
    facades,
    late_writes,
    quarantine,
    reconciliations,
    sources,
    standings,
    stops,
    traffic,
)
from strangler.control import guards as watches
from strangler.control.comparisons import Comparison
from strangler.control.late_writes import LateWrite
from strangler.control.quarantine import Held
from strangler.control.reconciliations import Status
from strangler.control.stops import Stop
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover.assessment import Assessment, assess
from strangler.cutover.conductor import Acting, Conductor
from strangler.cutover.evidence import Health
from strangler.cutover.guarding import Guarding
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.switch import Outside
from strangler.settings import Service, Settings
from tests.cutover.estate import position
from tests.cutover.test_commands import CONFIGURATION
from tests.cutover.test_gates import function

NEW, LEGACY = Side.NEW, Side.LEGACY
STANDINGS = {
    "country": (Stage.RETIRED, NEW, 10_000),
    "party": (Stage.LIVE, NEW, 10_000),
    "product": (Stage.CANARY, LEGACY, 500),
    "pricing": (Stage.CANARY, LEGACY, 5_000),
    "stock": (Stage.SHADOW, LEGACY, 0),
    "purchase": (Stage.SYNCING, LEGACY, 0),
    "production": (Stage.SYNCING, LEGACY, 0),
    "invoicing": (Stage.LIVE, NEW, 10_000),
    "sale": (Stage.SHADOW, LEGACY, 0),
    "ledger": (Stage.LEGACY, LEGACY, 0),
}


@pytest.fixture
def settings() -> Settings:
    asked = {"depends_on": [], "guards": [{"gate": "errors", "for": "1m", "then": "hold"}]}
    companies = {"from": [{"header": "X-Company"}]}
    return Settings.model_validate(
        {
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "functions": {
                name: function(**asked, **({"cohorts": companies} if name == "sale" else {})).model_dump(
                    by_alias=True
                )
                for name in STANDINGS
            },
        }
    )


@pytest.fixture
def landscape(control: Control, settings: Settings) -> Control:
    """Ten functions, each with something of its own to tell."""
    now = time.time()
    for name, (stage, owner, weight) in STANDINGS.items():
        standings.amend(control, name, at=now - 90_000, stage=stage, owner=owner, weight=weight)
        if stage is not Stage.LEGACY:
            filled(control, name, now)
    sources.seen(control, "erp", Position("7"), seen_at=now, committed_at=now)
    facades.seen(
        control, "f", generation=standings.generation(control), address="http://10.0.0.7:8080", at=now
    )
    run = reconciliations.start(control, "pricing", mode="full", job={}, at=time.time())
    reconciliations.finish(
        control, run, Status.DRIFT, at=time.time(), counts={"compared": 81_204, "different": 3}
    )
    minute = int(now // 60)
    comparisons.add(control, [Comparison(minute, "f", "stock", EVERYONE, 1_240, 12, 3, 0)])
    quarantine.hold(control, [Held("purchase", "party", "[1]", Position("1"), "bad date", "{}", now)])
    stops.begin(control, Stop("production", Position("7"), 1_204, 1_000, now))
    traffic.add(
        control,
        [Traffic(minute - ago, "f", "party", EVERYONE, "read", "new", 40, 9, 0, 4.0) for ago in range(3)],
    )
    hand = Acting(
        control,
        "eva@office",
        5.0,
        lambda name, cohort: Outside(lambda: None, lambda timeout: position(1), lambda: 0, lambda: 0),
    )
    conductor = Conductor(settings, control, hand, actor="eva@office", probe=lambda service: well(service))
    conductor.rollback("product", reason="prices are rounded differently")
    conductor.hold("sale", "period close until 3 December")
    standings.amend(control, "sale", "2000", at=now, stage=Stage.CANARY, weight=2_500, hold=None)
    standings.amend(control, "invoicing", at=now, fenced=True)
    Guarding(settings, control, hand=hand, probe=well).look()
    return control


def filled(control: Control, name: str, now: float) -> None:
    backfills.request(control, name, "party")
    backfills.finish(control, name, "party", run=1)
    deliveries.report(
        control,
        name,
        position=Position("7"),
        generation=1,
        rows=184_000,
        late_writes=0,
        lag=0.4,
    )
    if name == "party":
        late = [
            LateWrite(
                name,
                EVERYONE,
                "party",
                f"[{n}]",
                None,
                None,
                "party",
                "update",
                Position(f"{n}"),
                "7",
                now,
                "",
                False,
            )
            for n in range(2)
        ]
        late_writes.record(control, "erp", Position("2"), late)
    run = reconciliations.start(control, name, mode="full", job={}, at=time.time())
    reconciliations.finish(control, run, Status.CLEAN, at=time.time(), counts={"compared": 81_204})


def well(service: Service) -> Health:
    return Health(True, "well")


@pytest.fixture
def assessed(landscape: Control, settings: Settings) -> list[Assessment]:
    picture = standings.snapshot(landscape)
    return [
        assess(landscape, settings, name, cohort=cohort, probe=well)
        for name in settings.functions
        for cohort in (EVERYONE, *(each.cohort for each in picture.cohorts(name)))
    ]


def screen(assessed: list[Assessment], control: Control, width: int, *, terminal: bool = True) -> str:
    """What `strangler status` shows."""
    out = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system=None,
        highlight=False,
        record=True,
    )
    print_overview(out, assessed)
    for line in worries(assessed, control):
        out.print(line)
    return out.export_text()


@pytest.mark.parametrize("width", [80, 120])
def test_ten_functions_in_ten_stages_fit_one_screen(
    assessed: list[Assessment], landscape: Control, width: int
) -> None:
    lines = screen(assessed, landscape, width).splitlines()
    assert len(lines) < 24, "\n".join(lines)
    assert max(map(len, lines)) <= width
    table = "\n".join(lines)
    for name in STANDINGS:
        (line,) = (each for each in lines if each.strip().startswith(f"{name} ") and each[0] != ":")
        assert line
    for what in (
        "10 functions · 3 on new · 1 switching · 1 stopped · 2 paused · 1 rolled back",
        "canary 50%",
        "canary 25%",
        "switching: writes are fenced",
        "stopped: 1,204 of its keys",
        "paused: period close",
        "rolled back: prices are",
        "✗ drift",
        "→ syncing",
        "done",
    ):
        assert what in table, table


def test_where_it_is_not_a_terminal_nothing_is_cut(assessed: list[Assessment], landscape: Control) -> None:
    shown = " ".join(screen(assessed, landscape, 80, terminal=False).split())
    assert "…" not in shown
    assert "differently" in shown


def test_json_says_the_state_of_each_and_what_its_gates_and_guards_found(assessed: list[Assessment]) -> None:
    found = {
        each["function"]: each
        for each in (functions_json([one]) for one in assessed if one.evidence.standing.cohort == EVERYONE)
    }
    states = {name: each["state"] for name, each in found.items()}
    assert {name: state for name, state in states.items() if state != "on its way"} == {
        "product": "rolled back",
        "production": "stopped",
        "invoicing": "switching",
        "sale": "paused",
    }
    assert "prices are rounded differently (eva@office" in found["product"]["why"]
    (drift,) = (gate for gate in found["pricing"]["gates"] if gate["gate"] == "drift")
    assert (drift["verdict"], drift["figure"], drift["limit"]) == ("fail", "3 keys", "0 keys")
    assert drift["do"]
    (guard,) = found["party"]["guards"]
    assert (guard["gate"], guard["verdict"], guard["breached_at"] is not None) == ("errors", "fail", True)


def test_a_cohort_stands_below_its_function(assessed: list[Assessment], landscape: Control) -> None:
    lines = screen(assessed, landscape, 120).splitlines()
    below = next(number for number, line in enumerate(lines) if line.strip().startswith("sale ")) + 1
    assert lines[below].split()[:3] == ["2000", "canary", "25%"]
    assert "paused: period close" in lines[below]
    assert watches.of_function(landscape, "sale")[0].cohort == "2000"


def test_status_imports_nothing_that_takes_long_and_that_it_does_not_need(tmp_path: Path) -> None:
    """Half of its time went there once."""
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    CliRunner().invoke(root, ["-c", str(path), "status"])  # Makes the control store.
    program = (
        "import sys\nfrom strangler.cli.main import root\n"
        "try: root()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, "-c", str(path), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "party" in done.stdout
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert "sqlalchemy" in loaded
    assert loaded.isdisjoint(
        {"alembic", "sqlglot", "psycopg", "mako", "fastapi", "uvloop", "httptools", "jwt"}
    )
    assert {
        "sqlalchemy.dialects.postgresql",
        "strangler.cutover.foretelling",
    }.isdisjoint(done.stderr.split())
