"""SOAP through a running facade: the new service answers, legacy answers what can't be put, and a fault stays a Fault."""

from __future__ import annotations

from typing import Any

import aiohttp
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from strangler.cutover.stages import Stage
from tests.facade.conftest import Echo, Front, Serve, Stand, applied, settings

OPTIONS: dict[str, Any] = {
    "namespace": "urn:erp",
    "operations": {
        "GetCustomer": {
            "ask": "GET /customers/{CustomerNo | zeros(10)}",
            "answer": {"Name": "name", "Credit": "credit | decimal(2)"},
        },
    },
}
ROUTES = [{"kind": "read", "match": {"path": "/soap", "method": ["POST"]}}]


def service() -> FastAPI:
    app = FastAPI()

    @app.get("/healthz")
    def healthz() -> None: ...

    @app.get("/customers/{id}")
    def customer(id: str) -> JSONResponse:
        if id != "4711":
            told = {"title": "No such customer", "status": 404}
            return JSONResponse(told, 404, media_type="application/problem+json")
        return JSONResponse({"name": "Łódź & Co", "credit": "4904.49"})

    return app


def envelope(inside: str) -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<e:GetCustomer xmlns:e="urn:erp">{inside}</e:GetCustomer></s:Body></s:Envelope>'
    )


async def posted(url: str, inside: str) -> tuple[int, str]:
    headers = {"content-type": "text/xml; charset=utf-8", "soapaction": '"urn:erp#GetCustomer"'}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/soap", data=envelope(inside).encode(), headers=headers) as told,
    ):
        return told.status, await told.text()


async def test_a_soap_client_works_against_the_new_service(serve: Serve, front: Front, stand: Stand) -> None:
    legacy = Echo("legacy", b"<legacy/>")
    urls = (await serve(legacy)).url, (await serve(service())).url
    facade = await front(settings(*urls, protocol={"kind": "soap", "options": OPTIONS}, routes=ROUTES))
    await applied(facade, stand.stage(Stage.CANARY, weight=10_000))
    status, told = await posted(facade.url, "<CustomerNo>0000004711</CustomerNo>")
    assert (status, "<Name>Łódź &amp; Co</Name><Credit>4904.49</Credit>" in told) == (200, True)
    status, told = await posted(facade.url, "<CustomerNo>1</CustomerNo>")
    assert (status, "<faultstring>No such customer</faultstring>" in told) == (500, True)
    unread = "<CustomerNo>4711</CustomerNo><Language>E</Language>"
    assert await posted(facade.url, unread) == (200, "<legacy/>")
    await applied(facade, stand.stage(Stage.LIVE))
    status, told = await posted(facade.url, unread)
    assert (status, "isn't told of Language" in told) == (500, True)
    assert len(legacy.asked) == 1
