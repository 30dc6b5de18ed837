"""Tables and requests for the tests of routing, written as in a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler.cutover.stages import EVERYONE, Side, Stage, Standing
from strangler.routing import (
    Asked,
    Decision,
    RouteTable,
    Standings,
    Trust,
    Values,
    Who,
    compile_routes,
    decide,
)
from strangler.settings import Facade, Function

Routes = list[dict[str, Any]]

ENTITY = {"table": "t", "key": "id", "fields": {"id": "id"}}


def functions(routes: Mapping[str, Routes], **more: Any) -> dict[str, Function]:
    """Functions by name, each with its routes."""
    return {
        name: Function.model_validate(
            {"source": "s", "store": "s", "entities": {"e": ENTITY}, "routes": each, **more}
        )
        for name, each in routes.items()
    }


def table(routes: Mapping[str, Routes], **facade: Any) -> RouteTable:
    return compile_routes(functions(routes), Facade.model_validate({"legacy": "http://127.0.0.1", **facade}))


def standings(**stages: Stage) -> Standings:
    """Where functions stand, known for sure."""
    return Standings(1, {name: standing(name, stage) for name, stage in stages.items()}, Trust.SURE)


def standing(function: str, stage: Stage, cohort: str = EVERYONE, **more: Any) -> Standing:
    owner = Side.NEW if stage in (Stage.LIVE, Stage.RETIRED) else Side.LEGACY
    given = {"weight": 0, "fenced": False, "sync_until": None, "hold": None, "generation": 1, "since": 0.0}
    return Standing(function=function, cohort=cohort, stage=stage, owner=owner, **(given | more))


def ask(
    compiled: RouteTable,
    asked: Asked,
    values: Values | None = None,
    at: Standings | None = None,
    who: Who | None = None,
) -> Decision:
    """The decision for a request; all functions on legacy where nothing else is said."""
    found = compiled.find(asked)
    return decide(compiled, at or standings(), asked, found, values, who or Who("someone"), 0.0)


def function_of(
    compiled: RouteTable, method: str, target: str, values: Values | None = None, **headers: str
) -> str | None:
    """The function that takes a request; header names with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(compiled, Asked(method, target, named), values).function
