"""A migration in the middle: ten functions in all stages, with two weeks of traffic and decisions, in a control store."""

from __future__ import annotations

import time

from strangler.changes import Position
from strangler.control import (
    backfills,
    comparisons,
    deliveries,
    facades,
    late_writes,
    ledger,
    quarantine,
    reconciliations,
    sources,
    standings,
    traffic,
)
from strangler.control.comparisons import Comparison, Mismatch
from strangler.control.late_writes import LateWrite
from strangler.control.quarantine import Held
from strangler.control.reconciliations import Finding, Status
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover.evidence import Health
from strangler.cutover.history import Kind, describe
from strangler.cutover.plan import moved
from strangler.cutover.stages import EVERYONE, ORDER, Side, Stage
from strangler.cutover.steps import Target
from strangler.settings import Service, Settings

NOW = float(int(time.time()))
"""The control store stamps some rows with the time itself, so the rest has to fit."""

HOUR, DAY = 3600.0, 86_400.0

TITLES = {
    "party": "Business partners",
    "product": "Products and services",
    "price": "Price lists",
    "stock": "Stock by location",
    "purchase": "Purchase orders",
    "sale": "Sales orders",
    "invoice": "Outgoing invoices",
    "payment": "Payments",
    "ledger_posting": "General ledger postings",
    "asset": "Fixed assets",
}

REACHED = {
    "party": Target(Stage.RETIRED, 10_000),
    "product": Target(Stage.LIVE, 10_000),
    "price": Target(Stage.LIVE, 10_000),
    "stock": Target(Stage.CANARY, 5_000),
    "purchase": Target(Stage.CANARY, 500),
    "sale": Target(Stage.SHADOW, 0),
    "invoice": Target(Stage.SYNCING, 0),
}
"""How far each function has come; the others are where they began."""

WAY = [
    Target(Stage.SYNCING, 0),
    Target(Stage.SHADOW, 0),
    Target(Stage.CANARY, 500),
    Target(Stage.CANARY, 2_500),
    Target(Stage.CANARY, 5_000),
    Target(Stage.LIVE, 10_000),
    Target(Stage.RETIRED, 10_000),
]


def well(service: Service) -> Health:
    """A probe that never leaves the process."""
    return Health(True, f"the new service says at {service.url} that it is well")


def settings(**titles: str) -> Settings:
    """A configuration with these functions; one entity and one read route each."""
    functions = {
        name: {
            "title": title,
            "source": "erp",
            "store": "new",
            "entities": {name: {"table": f"{name}_table", "key": "id", "fields": {"id": "id"}}},
            "service": {"url": "http://127.0.0.1:9001"},
            "routes": [{"match": {"path": f"/{name}"}, "kind": "read"}],
        }
        for name, title in titles.items()
    }
    return Settings.model_validate(
        {
            "name": "acme",
            "control": {"url": "sqlite:///control.db"},
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db?password=hunter2"}},
            "stores": {"new": {"url": "postgresql://new:hunter2@db/new"}},
            "functions": functions,
        }
    )


def move(
    control: Control, function: str, target: Target, at: float, reason: str = "", actor: str = "m.kovács"
) -> None:
    """A decision as the conductor makes it: the standing and the ledger in one transaction."""
    with control.begin():
        before = standings.of(control, function)
        back = ORDER.index(target.stage) < ORDER.index(before.stage)
        after = standings.change(control, before, moved(before, target), at=at)
        body = describe(before, after, reason)
        kind = Kind.ROLLED_BACK if back else Kind.ADVANCED
        ledger.append(control, actor=actor, kind=kind, function=function, body=body, at=at)


def seed(control: Control, now: float = NOW) -> None:
    """Everything that ten functions in the middle of their way leave behind."""
    _moves(control, now)
    _sync(control, now)
    _calls(control, now)
    _shadow(control, now)
    _findings(control, now)
    for name in ("facade-1", "facade-2"):
        facades.seen(control, name, generation=1, address="127.0.0.1:8080", at=now - 1)


def _moves(control: Control, now: float) -> None:
    sources.remember(control, "erp", "slot/1")
    sources.seen(control, "erp", Position("00000000/0A"), committed_at=now - 2, seen_at=now - 1.2)
    for number, (name, reached) in enumerate(REACHED.items()):
        at = now - 14 * DAY + number * 1.3 * DAY
        for target in WAY[: WAY.index(reached) + 1]:
            move(
                control,
                name,
                target,
                at,
                "gates passed, change board 46" if target.stage is Stage.LIVE else "",
            )
            at += min((now - at) / 3.2, 2.2 * DAY)
            if name == "stock" and target.weight == 2_500:
                move(
                    control,
                    name,
                    Target(Stage.SYNCING, 0),
                    at,
                    "quantities rounded to whole units",
                    "a.núñez",
                )
                for again in WAY[1:4]:
                    at += 0.3 * DAY
                    move(control, name, again, at)
                at += 0.5 * DAY
    standings.amend(control, "sale", hold="period close until Thursday", at=now - DAY)
    ledger.append(
        control,
        actor="m.kovács",
        kind=Kind.HELD,
        function="sale",
        body={"reason": "period close"},
        at=now - DAY,
    )


def _sync(control: Control, now: float) -> None:
    for number, name in enumerate(REACHED):
        size = 2_013 * (number + 1) ** 3
        part = 0.62 if name == "invoice" else 1.0
        backfills.request(control, name, name)
        backfills.begin(control, name, name, run=1, stamp=Position("00000000/01"), estimate=size)
        backfills.add_rows(control, name, name, int(size * part))
        if part == 1.0:
            backfills.finish(control, name, name, run=1)
        deliveries.report(
            control,
            name,
            position=Position("00000000/0A"),
            generation=1,
            lag=0.4 + number / 10,
            rows=size // 7,
            late_writes=0,
        )
    late = [
        LateWrite(
            "price",
            EVERYONE,
            "price",
            f"[{n}]",
            None,
            None,
            "price",
            "update",
            Position(f"{n}"),
            "7",
            now,
            "",
            False,
        )
        for n in range(3)
    ]
    late_writes.record(control, "erp", Position("3"), late)


def _calls(control: Control, now: float) -> None:
    last = int(now // 60)
    parts = []
    for number, name in enumerate(TITLES):
        for hour in range(14 * 24 // 2):
            minute = last - hour * 60
            if (hour + 6) % 24 in (1, 2, 3):
                continue  # Nobody calls at night.
            share = _share(control, name, minute * 60.0)
            calls = 200 + 37 * number + 11 * (hour % 7)
            new = round(calls * share)
            for side, count in ((Side.LEGACY, calls - new), (Side.NEW, new)):
                if count:
                    latency = 0.048 if side is Side.LEGACY else 0.0072
                    parts.append(
                        Traffic(
                            minute,
                            "facade-1",
                            name,
                            EVERYONE,
                            "read",
                            side,
                            count,
                            count // 400,
                            0,
                            count * latency,
                        )
                    )
            owner = Side.NEW if share == 1 else Side.LEGACY
            parts.append(
                Traffic(
                    minute,
                    "facade-1",
                    name,
                    EVERYONE,
                    "write",
                    owner,
                    calls // 9,
                    0,
                    int(hour == 3),
                    calls / 9 * 0.09,
                )
            )
    traffic.add(control, parts)


def _share(control: Control, name: str, at: float) -> float:
    share = 0.0
    for entry in ledger.entries(control, function=name):
        if entry.at <= at and "after" in entry.body:
            share = entry.body["after"]["weight"] / 10_000
    return share


def _shadow(control: Control, now: float) -> None:
    minute = int(now // 60) - 5
    counts = {"stock": (48_211, 0), "purchase": (9_120, 0), "sale": (1_874, 12)}
    rows = [Comparison(minute, "facade-1", name, EVERYONE, *pair, 3, 1) for name, pair in counts.items()]
    comparisons.add(control, rows)
    differences = [{"path": "result.0.total", "kind": "value", "legacy": "4904.49", "new": "4904.5"}]
    comparisons.add_mismatches(
        control, [Mismatch(now - 400, "sale", EVERYONE, "model.sale.sale.read", differences)]
    )


def _findings(control: Control, now: float) -> None:
    for name, differing in (
        ("party", 0),
        ("product", 0),
        ("price", 0),
        ("stock", 0),
        ("purchase", 2),
        ("sale", 0),
    ):
        run = reconciliations.start(control, name, mode="full", job={}, at=now - 1900)
        if name == "sale":
            reason = "the store hasn't come to position 00000000/0C within 60 s\n  why: it is at 00000000/0A"
            reconciliations.finish(control, run, Status.FAILED, at=now - 1800, reason=reason)
            continue
        found = [
            Finding("purchase", f'["PO-{number}"]', "different", {"total": ["4904.49", "4904.5"]})
            for number in range(differing)
        ]
        reconciliations.add_findings(control, run, found)
        status = Status.DRIFT if differing else Status.CLEAN
        counts = {"compared": 52_000, "different": differing, "in_flight": 4}
        reconciliations.finish(control, run, status, at=now - 1800, counts=counts)
    for number in range(2):
        held = Held(
            "invoice", "invoice", f"[{number}]", Position("00000000/02"), "date 20260231", "{}", now - HOUR
        )
        quarantine.hold(control, [held])
