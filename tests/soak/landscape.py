"""The landscape: two sides, and a facade between them and the callers, with a function in every stage that matters."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import RULES, Stage, at_the_start
from tests.soak.asking import MODELS

BUDGET: Final = 2.0
"""Seconds that a call may take in all."""

SILENCE: Final = 3.0
"""Seconds that a stream may be silent."""

STAGES: Final = {
    "sale": Stage.CANARY,
    "stock": Stage.SHADOW,
    "order": Stage.LIVE,
    "book": Stage.LEGACY,
    "party": Stage.CANARY,
    "contact": Stage.LIVE,
    "stream": Stage.LIVE,
}


def configuration(legacy: str, new: str) -> dict[str, Any]:
    """What the facade is started with. Its patience is short, so that much can happen."""
    plain: dict[str, list[tuple[str, str, list[str] | None]]] = {
        "sale": [("read", "/sales/{id}", ["GET", "HEAD"]), ("write", "/sales/{id}", None)],
        "stock": [("read", "/stocks/{id}", ["GET", "HEAD"]), ("write", "/stocks/{id}", None)],
        "order": [("write", "/orders/do", None), ("read", "/orders/{id}", ["GET", "HEAD"]), ("write", "/orders/{id}", None)],
        "book": [("read", "/books/{id}", ["GET", "HEAD"]), ("write", "/books/{id}", None)],
        "stream": [("read", "/events/new/{id}", None), ("read", "/socket/new/{id}", None)],
    }  # fmt: skip
    functions = {
        name: _function(name, new, [_route(*each) for each in routes]) for name, routes in plain.items()
    }
    for name, model in MODELS.items():
        functions[name] = _function(name, new, _rpc_routes(model))
        functions[name]["protocol"] = {
            "kind": "jsonrpc",
            "options": {"model": model, "path": "/parties", "fields": {"id": "id", "name": "name"}},
        }
    return {
        "name": "soak",
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
        "stores": {"new": {"url": "sqlite:///new.db"}},
        "facade": {
            "port": 0,
            "legacy": legacy,
            "connect_timeout": "500ms",
            "total_timeout": f"{BUDGET}s",
            "read_timeout": "1500ms",
            "idle_timeout": f"{SILENCE}s",
            "connections": 40,
            "callers": {"head_time": "1s", "body_time": "1s", "write_time": "2s", "idle_time": "4s"},
            "breaker": {"window": "5s", "minimum": 10, "wait": "500ms", "longest_wait": "2s", "probes": 3},
            "limits": {"calls": 120, "legacy": 80, "new": 80, "function": 60, "queue": 20, "queue_time": "300ms"},
            "shadow": {"queue": 50, "timeout": "1s", "settle": "200ms"},
        },
        "functions": functions,
    }  # fmt: skip


def _function(name: str, new: str, routes: list[dict[str, Any]]) -> dict[str, Any]:
    entities = {name: {"table": name, "key": "id", "fields": {"id": "id"}}}
    return {"source": "erp", "store": "new", "service": {"url": new}, "entities": entities, "routes": routes}


def _route(kind: str, path: str, methods: list[str] | None) -> dict[str, Any]:
    return {"kind": kind, "match": {"path": path, **({"method": methods} if methods else {})}}


def _rpc_routes(model: str) -> list[dict[str, Any]]:
    methods = {"read": ["read", "default_get"], "write": ["create", "write", "delete"]}
    return [
        {
            "kind": kind,
            "match": {"path": "/rpc/", "json": {"method": [f"model.{model}.{name}" for name in names]}},
        }
        for kind, names in methods.items()
    ]


def settle(home: Path) -> None:
    """Put every function into its stage, before the facade begins."""
    with closing(_control(home)) as control:
        for name, stage in STAGES.items():
            start = at_the_start(name)
            weight = 5000 if stage is Stage.CANARY else 0
            standings.change(
                control, start, replace(start, stage=stage, owner=RULES[stage].owner, weight=weight), at=1.0
            )


def shift(home: Path, dice: Random) -> Mapping[str, int]:
    """Give each canary another weight."""
    weights = {
        name: dice.randrange(0, 10_001, 500) for name, stage in STAGES.items() if stage is Stage.CANARY
    }
    with closing(_control(home)) as control:
        for name, weight in weights.items():
            standings.amend(control, name, at=1.0, weight=weight)
    return weights


def _control(home: Path) -> Control:
    return Control.open(f"sqlite:///{home}/.strangler/control.db")
