"""Tryton's JSON-RPC in front of a small REST service: round trips through the facade, and what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from strangler.cutover.stages import Stage
from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around
from strangler.facade.protocol import Request as Call
from strangler_adapters.protocols.jsonrpc import connect
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until

OPTIONS: dict[str, Any] = {
    "model": "party.party",
    "path": "/parties",
    "fields": {
        "id": "id",
        "name": "name",
        "code": "code",
        "active": "active",
        "rec_name": "name",
        "credit": "credit | decimal",
        "born": "born | date",
        "write_date": "changed_at | timestamp",
    },
}
METHODS = ["read", "search", "search_read", "search_count", "default_get"]
ROUTES = [
    {
        "kind": kind,
        "match": {"path": "/tryton/rpc/", "json": {"method": [f"model.party.party.{m}" for m in names]}},
    }
    for kind, names in (("read", METHODS), ("write", ["create", "write", "delete"]))
]


def party(id: int, name: str, **more: Any) -> dict[str, Any]:
    empty = {"code": str(id), "active": True, "credit": None, "born": None, "changed_at": None}
    return {"id": id, "name": name, **empty, **more}


def rest(parties: dict[int, dict[str, Any]], most: int = 2) -> FastAPI:
    """A service that gives at most `most` records at once, and refuses what it doesn't know."""
    app = FastAPI()

    def problem(status: int, detail: str) -> JSONResponse:
        told = {"title": "No", "status": status, "detail": detail}
        return JSONResponse(told, status, media_type="application/problem+json")

    @app.get("/healthz")
    def healthz() -> None: ...

    @app.get("/parties")
    def find(request: Request) -> Response:
        query = dict(request.query_params)
        if "ids" in query:
            ids = [int(id) for id in query["ids"].split(",") if id]
            return JSONResponse({"items": [parties[id] for id in reversed(ids) if id in parties]})
        limit, offset = min(int(query.pop("limit")), most), int(query.pop("offset"))
        order = query.pop("order", "id")
        if unknown := set(query) - {"name", "name_like", "active"}:
            return problem(422, f"unknown: {unknown}")
        wanted = [p for p in parties.values() if _fits(p, query)]
        wanted.sort(key=lambda p: p[order.removeprefix("-")], reverse=order.startswith("-"))
        return JSONResponse({"items": wanted[offset : offset + limit], "total": len(wanted)})

    @app.post("/parties")
    async def create(request: Request) -> Response:
        values = await request.json()
        if values.get("code") in {p["code"] for p in parties.values()}:
            return problem(409, f"code {values['code']} is taken")
        id = max(parties, default=0) + 1
        parties[id] = party(id, **values)
        return JSONResponse(parties[id], 201)

    @app.patch("/parties/{id}")
    async def change(id: int, request: Request) -> Response:
        if id not in parties:
            return problem(404, f"there is no party {id}")
        parties[id] |= await request.json()
        return JSONResponse(parties[id])

    @app.delete("/parties/{id}")
    async def remove(id: int) -> Response:
        return Response(status_code=204) if parties.pop(id, None) else problem(404, f"there is no party {id}")

    return app


def _fits(party: dict[str, Any], query: dict[str, str]) -> bool:
    if "active" in query and str(party["active"]).lower() != query["active"]:
        return False
    if "name_like" in query and query["name_like"].strip("%").lower() not in party["name"].lower():
        return False
    return "name" not in query or party["name"] == query["name"]


class Tryton:
    """A caller of the legacy contract."""

    def __init__(self, facade: Running) -> None:
        self.facade = facade

    async def raw(self, method: str, *params: Any, context: Any = None) -> tuple[int, Any]:
        body = {"id": 7, "method": f"model.party.party.{method}", "params": [*params, context or {}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.facade.url}/tryton/rpc/", json=body) as told,
        ):
            return told.status, await told.json(content_type=None)

    async def __call__(self, method: str, *params: Any, context: Any = None) -> Any:
        status, told = await self.raw(method, *params, context=context)
        assert status == 200
        assert told["id"] == 7
        assert "error" not in told, told
        return told["result"]

    async def fault(self, method: str, *params: Any, context: Any = None) -> list[Any]:
        status, told = await self.raw(method, *params, context=context)
        assert status == 200
        kind, arguments = told["error"]
        assert (kind, len(arguments), arguments[2]) == ("UserError", 3, None)
        return list(arguments)


async def tryton(
    serve: Serve,
    front: Front,
    stand: Stand,
    parties: dict[int, Any],
    stage: Stage,
    legacy: Echo | None = None,
) -> Tryton:
    protocol = {"kind": "jsonrpc", "options": OPTIONS}
    urls = (await serve(legacy or Echo("legacy"))).url, (await serve(rest(parties))).url
    facade = await front(settings(*urls, protocol=protocol, routes=ROUTES))
    await applied(facade, stand.stage(stage, weight=10_000))
    return Tryton(facade)


async def test_a_tryton_client_works_against_the_new_service(
    serve: Serve, front: Front, stand: Stand
) -> None:
    parties = {
        1: party(1, "Łódź", credit="4904.49", born="1999-12-31", changed_at="2026-11-23T23:59:59.000001"),
        2: party(2, "O'Neil & Söhne"),
        3: party(3, "Nippon 日本", active=False),
    }
    call = await tryton(serve, front, stand, parties, Stage.LIVE)
    read = await call("read", [2, 1], ["name", "credit", "born", "write_date"])
    assert [record["id"] for record in read] == [2, 1]
    assert read[1] == {
        "id": 1,
        "name": "Łódź",
        "credit": {"__class__": "Decimal", "decimal": "4904.49"},
        "born": {"__class__": "date", "year": 1999, "month": 12, "day": 31},
        "write_date": {
            "__class__": "datetime",
            "year": 2026,
            "month": 11,
            "day": 23,
            "hour": 23,
            "minute": 59,
            "second": 59,
            "microsecond": 1,
        },
    }
    values = {"name": "new & old?", "credit": {"__class__": "Decimal", "decimal": "1E+3"}}
    assert await call("create", [values]) == [4]
    assert (parties[4]["name"], parties[4]["credit"]) == ("new & old?", "1000")
    born = {"__class__": "date", "year": 2001, "month": 2, "day": 3}
    assert await call("write", [4], {"born": born, "name": None, "active": False}) is None
    assert (parties[4]["born"], parties[4]["name"], parties[4]["active"]) == ("2001-02-03", None, False)
    assert await call("delete", [4]) is None
    assert 4 not in parties


async def test_searches_page_through_everything_and_see_only_what_is_active(
    serve: Serve, front: Front, stand: Stand
) -> None:
    parties = {id: party(id, f"Party {id}", active=id != 3) for id in range(1, 8)}
    call = await tryton(serve, front, stand, parties, Stage.LIVE)
    assert await call("search", []) == [1, 2, 4, 5, 6, 7]
    assert await call("search", [], context={"active_test": False}) == [1, 2, 3, 4, 5, 6, 7]
    assert await call("search", [["active", "in", [True, False]]], 1, 4, [["id", "DESC"]]) == [6, 5, 4, 3]
    assert await call("search", [["active", "=", False]]) == [3]
    assert await call("search", [["name", "ilike", "%party 5%"]]) == [5]
    assert await call("search", [["name", "=", "Party 6"]]) == [6]
    assert await call("search_count", []) == 6
    assert await call("search_count", [], 2, 3) == 3
    assert await call("search_count", [["id", "in", [1, 3, 9]]]) == 1
    named = [["id", "in", [3, 1, 9]], ["active", "in", [True, False]]]
    told = await call("search_read", named, 0, 3, [["id", "ASC"]], ["name"])
    assert told == [{"id": 1, "name": "Party 1"}, {"id": 3, "name": "Party 3"}]
    assert await call("search", [["id", "in", [3, 1, 2]]], 0, 1, [["id", "DESC"]]) == [2]


async def test_business_errors_are_tryton_faults(serve: Serve, front: Front, stand: Stand) -> None:
    parties = {1: party(1, "a")}
    call = await tryton(serve, front, stand, parties, Stage.LIVE)
    assert (await call.fault("create", [{"name": "b", "code": "1"}]))[1] == "code 1 is taken"
    assert (await call.fault("write", [9], {"name": "b"}))[1] == "there is no party 9"
    assert "9" in (await call.fault("read", [1, 9], ["name"]))[1]


UNSUPPORTED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("read", [[1], ["name", "lang"]], {}),
    ("read", [[1], ["party.name"]], {}),
    ("read", [[1], []], {}),
    ("read", [[1], ["name"]], {"_datetime": {"__class__": "datetime"}}),
    ("search", [["OR", [["name", "=", "a"]], [["name", "=", "b"]]]], {}),
    ("search", [[["name", "!=", "a"]]], {}),
    ("search", [[["lang.code", "=", "a"]]], {}),
    ("search", [[["code", "=", "1"]]], {}),
    ("search", [[["name", "=", None]]], {}),
    ("search", [[["name", "=", "a"], ["name", "ilike", "b"], ["name", "ilike", "c"]]], {}),
    ("search", [[], 0, None, [["name", "ASC NULLS FIRST"]]], {}),
    ("search", [[["id", "in", [1]], ["name", "ilike", "%a%"]]], {}),
    ("search_read", [[], 0, None, None], {}),
    ("default_get", [["name"]], {}),
]


@pytest.mark.parametrize(("method", "params", "context"), UNSUPPORTED)
async def test_what_cant_be_said_falls_back_to_legacy_in_canary(
    serve: Serve, front: Front, stand: Stand, method: str, params: list[Any], context: dict[str, Any]
) -> None:
    legacy = Echo("legacy", b'{"id":7,"result":"from legacy"}')
    call = await tryton(serve, front, stand, {1: party(1, "a")}, Stage.CANARY, legacy)
    assert await call(method, *params, context=context) == "from legacy"
    assert json.loads(legacy.asked[-1][3])["params"][:-1] == params
    page = call.facade.parts.metrics.page().decode()
    assert 'strangler_facade_untranslatable_total{function="party"} 1.0' in page
    await applied(call.facade, stand.stage(Stage.LIVE))
    message, _, _ = await call.fault(method, *params, context=context)
    assert "new service" in message
    assert len(legacy.asked) == 1


async def test_a_batch_of_writes_is_refused_before_the_first(
    serve: Serve, front: Front, stand: Stand
) -> None:
    parties = {1: party(1, "a"), 2: party(2, "b")}
    call = await tryton(serve, front, stand, parties, Stage.LIVE)
    for method, params in (("write", [[1, 2], {"name": "c"}]), ("delete", [[1, 2]]), ("create", [[{}, {}]])):
        message, more, _ = await call.fault(method, *params)
        assert "2 records at once" in message
        assert "batch" in more
    assert {p["name"] for p in parties.values()} == {"a", "b"}


async def test_shadow_compares_in_the_callers_terms(serve: Serve, front: Front, stand: Stand) -> None:
    """Another order of records, spaces and keys is no difference; another value is one."""
    told = {"result": [{"name": "a", "id": 1}, {"id": 2, "name": "b"}], "id": 7}
    legacy = Echo("legacy", json.dumps(told, indent=1).encode())
    parties = {1: party(1, "a"), 2: party(2, "b")}
    call = await tryton(serve, front, stand, parties, Stage.SHADOW, legacy)
    metrics = call.facade.parts.metrics

    def outcome(name: str) -> float:
        return float(
            metrics.registry.get_sample_value(
                "strangler_facade_shadow_total",
                {"function": "party", "cohort": "*", "outcome": name},
            )
            or 0
        )

    await call("read", [2, 1], ["name"])
    await until(lambda: outcome("matched") == 1)
    parties[2]["name"] = "B"
    await call("read", [2, 1], ["name"])
    await until(lambda: outcome("mismatched") == 1)
    await call("read", [2, 1], ["lang"])
    await until(lambda: outcome("uncompared") == 1)


def ask(method: str, params: list[Any], *told: Answer) -> tuple[list[str], Answer]:
    """Put a call to a service that answers with `told`: what it was asked, and what the caller is told."""
    body = json.dumps({"id": 7, "method": f"model.party.party.{method}", "params": [*params, {}]}).encode()
    exchange, asked, answers = (
        connect(OPTIONS, Around()).translate(None, Call("POST", "/", [], body)),
        [],
        iter(told),
    )
    try:
        step = next(exchange)
        while True:
            asked.append(f"{step.method} {step.target}")
            step = exchange.send(next(answers))
    except StopIteration as stopped:
        return asked, stopped.value


@pytest.mark.parametrize("call", [("write", [[5], {"name": "a"}]), ("delete", [[5]]), ("create", [[{}]])])
def test_a_redirected_write_was_not_done_and_is_not_said_to_be(call: tuple[str, list[Any]]) -> None:
    _, told = ask(*call, Answer(307, [("location", "/parties/5/")], b""))
    assert "redirects aren't followed" in json.loads(told.body)["error"][1][1]


def test_a_redirected_read_is_one_that_the_service_cant_be_asked() -> None:
    with pytest.raises(UntranslatableRequest, match="redirects aren't followed"):
        ask("read", [[5], ["name"]], Answer(307, [], b""))


@pytest.mark.parametrize("call", [("read", [[], ["name"]]), ("search", [[["id", "in", []]], 0, None, None])])
def test_no_ids_are_no_records_whatever_a_service_makes_of_an_empty_query(
    call: tuple[str, list[Any]],
) -> None:
    asked, told = ask(*call)
    assert (asked, json.loads(told.body)["result"]) == ([], [])


@pytest.mark.parametrize(
    "call",
    [
        ("search", [[["active", "in", [[1]]]], 0, None, None]),
        ("search", [[["active", "=", {}]], 0, None, None]),
        ("search", [[["name", "=", "\ud800"]], 0, None, None]),
        ("search", [[], 0, None, 5]),
        ("search", [[], -1, None, None]),
        ("search", [[], 0, True, None]),
        ("write", [[5], {"name": "\ud800"}]),
        ("read", [[5], ["\ud800"]]),
        ("read", [[5], [["name"]]]),
    ],
)
def test_a_call_of_the_wrong_form_is_untranslatable_and_can_be_refused(call: tuple[str, list[Any]]) -> None:
    with pytest.raises(UntranslatableRequest) as error:
        ask(*call)
    request = Call("POST", "/", [], json.dumps({"id": "\ud800", "params": [call[1]]}).encode())
    assert connect(OPTIONS, Around()).refuse(request, str(error.value)).status == 200


def test_a_call_nested_without_end_is_untranslatable() -> None:
    with pytest.raises(UntranslatableRequest):
        next(connect(OPTIONS, Around()).translate(None, Call("POST", "/", [], b"[" * 200_000)))


def test_a_service_that_fails_is_no_answer_in_trytons_terms() -> None:
    body = json.dumps({"id": 7, "method": "model.party.party.read", "params": [[1], ["name"], {}]}).encode()
    exchange = connect(OPTIONS, Around()).translate(None, Call("POST", "/tryton/rpc/", [], body))
    assert next(exchange).target == "/parties?ids=1"
    with pytest.raises(StopIteration) as stopped:
        exchange.send(Answer(503, [("retry-after", "3")], b""))
    assert stopped.value.value.status == 503


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"method":"model.party.party.read"}', b'{"method":"model.sale.sale.read","params":[{}]}'],
)
def test_what_is_no_call_of_the_model_is_refused(body: bytes) -> None:
    protocol = connect(OPTIONS, Around())
    call = Call("POST", "/tryton/rpc/", [], body)
    with pytest.raises(UntranslatableRequest):
        next(protocol.translate(None, call))
    assert json.loads(protocol.refuse(call, "no").body)["error"][1] == ["no", "", None]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"modell": "x"}, "modell"),
        ({"fields": {"name": "name"}}, "id"),
        ({"batch": 0}, "batch"),
        ({"path": "parties"}, "path"),
    ],
)
def test_options_that_dont_fit_are_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(StranglerError) as error:
        connect(OPTIONS | change, Around())
    assert named in str(error.value)


async def test_a_long_call_that_waited_at_a_fence_is_translated_whole(
    serve: Serve, front: Front, stand: Stand
) -> None:
    parties: dict[int, Any] = {}
    call = await tryton(serve, front, stand, parties, Stage.SHADOW)
    facade = call.facade
    await applied(facade, stand.move(fenced=True))
    name = "Long & Sons " * 20_000
    create = asyncio.create_task(call("create", [{"name": name}]))
    await until(lambda: len(facade.parts.holding) == 1)
    await applied(facade, stand.stage(Stage.LIVE))
    assert await create == [1]
    assert parties[1]["name"] == name
