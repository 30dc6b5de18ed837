"""Functions whose services have one address: they share connections, and nothing of what protects one from the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.settings import Function, Settings
from tests.facade.conftest import ENTITY, Echo, Front, Running, Serve, applied, settings, until


def two(legacy: str, new: str, **facade: Any) -> Settings:
    """`party` and `sale`, each by a path of its own, with one service."""

    def function(name: str) -> dict[str, Any]:
        match = {"path": f"/{name}/{{rest:path}}"}
        return {
            "source": "erp",
            "store": "new",
            "service": {"url": new},
            "entities": {name: ENTITY},
            "routes": [{"kind": "read", "match": match}],
        }

    configured = settings(legacy, facade=facade)
    functions = {name: Function.model_validate(function(name)) for name in ("party", "sale")}
    return configured.model_copy(update={"functions": functions})


async def live(facade: Running, control: Control) -> None:
    """Both are the new side's."""
    for name in ("party", "sale"):
        now = standings.snapshot(control).of(name)
        moved = standings.change(control, now, replace(now, stage=Stage.LIVE, owner=Side.NEW), at=1.0)
    await applied(facade, moved.generation)


async def get(facade: Running, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{facade.url}{path}") as answer:
        return answer.status, await answer.text()


async def test_services_at_one_address_share_what_is_kept(
    serve: Serve, front: Front, control: Control
) -> None:
    facade = await front(two((await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url))
    await live(facade, control)
    pools = facade.parts.pools.new
    for path in ("/party/1", "/sale/1", "/party/2"):
        assert await get(facade, path) == (200, "new")
    assert len(pools["party"].address) == 1
    assert pools["party"].address is pools["sale"].address
    assert (pools["party"].open, pools["sale"].open) == (1, 0), "what is kept is shown once"


async def test_a_function_that_uses_all_its_connections_leaves_others_theirs(
    serve: Serve, front: Front, control: Control
) -> None:
    new = Echo("new")
    new.gate = asyncio.Event()
    facade = await front(two((await serve(Echo("legacy"))).url, (await serve(new)).url, connections=2))
    await live(facade, control)
    pools = facade.parts.pools.new
    parties = [asyncio.create_task(get(facade, f"/party/{number}")) for number in range(4)]
    await until(lambda: pools["party"].waiting == 2)
    sale = asyncio.create_task(get(facade, "/sale/1"))
    await until(lambda: pools["sale"].used == 1 and len(new.asked) == 3)
    new.gate.set()
    assert [await each for each in (*parties, sale)] == [(200, "new")] * 5
    assert (pools["party"].used, pools["sale"].used) == (0, 0)


async def test_a_service_is_asked_once_how_it_is_whatever_the_number_of_its_functions(
    serve: Serve, front: Front
) -> None:
    asked = list[str]()

    async def service(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body"})

    facade = await front(two((await serve(Echo("legacy"))).url, (await serve(service)).url))
    health = facade.parts.health
    await health.look()
    before = len(asked)
    await health.look()
    assert asked[before:] == ["/healthz"]
    for name in ("party", "sale"):
        assert health.seen[f"new:{name}"].words == f"the new service of {name} answered 503 to /healthz"
