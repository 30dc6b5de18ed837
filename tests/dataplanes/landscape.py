"""A configuration for exports, and where its functions stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strangler.cutover.stages import EVERYONE, Side, Stage, Standing
from strangler.routing import Standings, Trust
from strangler.settings import Settings

ENTITY = {"table": "t", "key": "id", "fields": {"id": "id"}}


def read(path: str, **match: Any) -> dict[str, Any]:
    return {"kind": "read", "match": {"path": path, **match}}


def write(path: str, **match: Any) -> dict[str, Any]:
    return {"kind": "write", "match": {"path": path, **match}}


def rest(name: str) -> list[dict[str, Any]]:
    """Reads and writes of a REST service."""
    path = f"/api/{name}/{{rest:path}}"
    return [read(path, method=["GET", "HEAD"]), write(path, method=["POST", "PUT", "PATCH", "DELETE"])]


def settings(
    legacy: str,
    functions: Mapping[str, Sequence[dict[str, Any]]],
    services: Mapping[str, str],
    *,
    facade: dict[str, Any] | None = None,
    **more: Any,
) -> Settings:
    """A configuration of functions by name with their routes; `services` are the URLs of their new sides."""
    return Settings.model_validate(
        {
            "name": "test",
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "facade": {"legacy": legacy, **(facade or {})},
            "functions": {
                name: {
                    "source": "erp",
                    "store": "new",
                    "entities": {"e": ENTITY},
                    "service": {"url": services[name]},
                    "routes": list(routes),
                    **more,
                }
                for name, routes in functions.items()
            },
        }
    )


def standing(function: str, stage: Stage, weight: int = 0, fenced: bool = False) -> Standing:
    owner = Side.NEW if stage in (Stage.LIVE, Stage.RETIRED) else Side.LEGACY
    return Standing(function, EVERYONE, stage, owner, weight, fenced, None, None, 1, 0.0)


def standings(*each: Standing, generation: int = 7) -> Standings:
    return Standings(generation, {one.function: one for one in each}, Trust.SURE)
