"""The three new services: parties, products and sales by REST, each from a store of its own. They know nothing of Tryton, nor of Strangler.

    SERVICE_DATABASE_URL=postgresql://… python -m examples.tryton.cutover.services party --port 9001

| call | what it does |
| --- | --- |
| `GET /parties?ids=1,2`, `GET /parties?query={…}` | documents whole; `/parties/addresses` for the lines of a part |
| `POST /parties` `{"items": […]}` | new ones, all or none |
| `PATCH /parties` `{"changes": […], "stamps": {…}}` | changes, refused (412) where somebody else has written since |
| `{…, "within": {"company": [1]}}` | of such a document only; others are unknown to this caller (422) |
| `DELETE /parties` `{"ids": […]}` | removes them |
| `POST /sales/quote` `{"ids": […]}` | an order's way: quote, confirm, cancel, draft |

Errors are `application/problem+json` (RFC 9457).
"""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from typing import Any, Final

import click
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from examples.tryton.cutover import ordering, parties, products
from examples.tryton.cutover.documents import Caller, Documents, Outdated, Refused, Unknown, shown

URL: Final = "SERVICE_DATABASE_URL"
KINDS: Final = {"party": parties.KIND, "product": products.KIND, "sale": ordering.KIND}


def create_app(name: str, url: str) -> FastAPI:
    """The service called so, on the PostgreSQL database at `url`."""
    kind = KINDS[name]
    documents = Documents(url, kind.root, kind.settle, kind.complete)
    app = FastAPI(title=name)

    @app.get("/healthz")
    def health() -> Response:
        if documents.ready():
            return JSONResponse({"status": "pass"}, media_type="application/health+json")
        note = {"status": "fail", "output": "the tables aren't there: the sync hasn't begun"}
        return JSONResponse(note, HTTPStatus.SERVICE_UNAVAILABLE, media_type="application/health+json")

    for action, step in kind.steps.items():

        def act(body: dict[str, Any], step: Any = step) -> dict[str, Any]:
            documents.act(body["ids"], step, _caller(body))
            return {}

        app.post(f"{kind.path}/{action}")(act)

    def find(part: str = "", ids: str | None = None, query: str | None = None) -> dict[str, Any]:
        if ids is not None:
            wanted, total = [int(id) for id in ids.split(",")], None
        else:
            wanted, total = documents.find(part, json.loads(query or "{}"))
        found = documents.rows(part, wanted) if part else documents.get(wanted)
        place = {id: number for number, id in enumerate(wanted)}
        found.sort(key=lambda each: place[each[documents.part(part).key]])
        return {"items": shown(found), "total": len(found) if total is None else total}

    def create(body: dict[str, Any], part: str = "") -> dict[str, Any]:
        return {
            "items": [
                {documents.part(part).key: id} for id in documents.create(part, body["items"], _caller(body))
            ]
        }

    def change(body: dict[str, Any], part: str = "") -> dict[str, Any]:
        documents.change(part, body["changes"], _caller(body))
        return {}

    def remove(body: dict[str, Any], part: str = "") -> dict[str, Any]:
        documents.remove(part, body["ids"], _caller(body))
        return {}

    for path in (kind.path, f"{kind.path}/{{part}}"):
        app.get(path)(find)
        app.post(path, status_code=HTTPStatus.CREATED)(create)
        app.patch(path)(change)
        app.delete(path)(remove)
    _answer_with_problems(app)
    return app


def _caller(body: dict[str, Any]) -> Caller:
    return Caller(body.get("stamps", {}), body.get("within", {}))


def _answer_with_problems(app: FastAPI) -> None:
    def problem(status: HTTPStatus) -> Any:
        def answered(_: Request, error: Exception) -> JSONResponse:
            detail = "the database doesn't answer as it should" if status.is_server_error else str(error)
            body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
            return JSONResponse(body, status, media_type="application/problem+json")

        return answered

    app.exception_handler(Refused)(problem(HTTPStatus.CONFLICT))
    app.exception_handler(Outdated)(problem(HTTPStatus.PRECONDITION_FAILED))
    app.exception_handler(Unknown)(problem(HTTPStatus.UNPROCESSABLE_ENTITY))
    for error in (DBAPIError, NoSuchTableError):
        app.exception_handler(error)(problem(HTTPStatus.SERVICE_UNAVAILABLE))


@click.command()
@click.argument("name", type=click.Choice(sorted(KINDS)))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, required=True)
def main(name: str, host: str, port: int) -> None:
    """Run the service NAME on the database named in SERVICE_DATABASE_URL."""
    if URL not in os.environ:
        raise click.ClickException(f"set {URL} to the URL of the service's own database")
    uvicorn.run(create_app(name, os.environ[URL]), host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main()
