"""The new `party` service: parties by REST, from a store of its own. It knows nothing of Tryton, nor of Strangler.

    PARTY_DATABASE_URL=postgresql://… python -m examples.tryton.service --port 9001

Errors are `application/problem+json` (RFC 9457).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final

import click
import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ColumnElement
from starlette.exceptions import HTTPException as RoutingError

from examples.tryton.parties import Conflict, Page, Parties, fields, table

URL: Final = "PARTY_DATABASE_URL"
SORTABLE: Final = frozenset(column.name for column in fields)


class NewParty(BaseModel):
    """What a party is created from. Without a code it gets the next number."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = None
    code: str | None = None
    active: bool = True


class PartyChange(BaseModel):
    """What is to change; what isn't named stays."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = None
    code: str = ""
    active: bool = True


class Filter(BaseModel):
    """The query of `GET /parties`. `ids` asks for exactly these; everything else narrows, and goes by pages."""

    model_config = ConfigDict(extra="forbid")
    ids: str | None = None
    name: str | None = None
    name_like: str | None = None
    code: str | None = None
    code_like: str | None = None
    active: bool | None = None
    limit: int = 100
    offset: int = 0
    order: str = "name,id"

    def conditions(self) -> list[ColumnElement[bool]]:
        """`…_like` takes `%` and `_` as in SQL, whatever the case; without a wildcard it asks for the whole value."""
        equal = {"name": self.name, "code": self.code, "active": self.active}
        like = {"name": self.name_like, "code": self.code_like}
        return [
            *(table.c[name] == value for name, value in equal.items() if value is not None),
            *(table.c[name].ilike(value, escape="\\") for name, value in like.items() if value is not None),
        ]

    def ordering(self) -> list[str]:
        names = [name for name in self.order.split(",") if name]
        for name in names:
            if name.removeprefix("-") not in SORTABLE:
                raise HTTPException(HTTPStatus.BAD_REQUEST, f"parties can't be ordered by {name!r}")
        return names


def create_app(url: str) -> FastAPI:
    """The service on the database at `url` (PostgreSQL or SQLite)."""
    parties = Parties(url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        parties.close()

    app = FastAPI(title="Parties", lifespan=lifespan)

    @app.get("/healthz")
    def health() -> Response:
        if parties.ready():
            return JSONResponse({"status": "pass"}, media_type="application/health+json")
        note = {"status": "fail", "output": "the table party isn't there: the sync hasn't begun"}
        return JSONResponse(note, HTTPStatus.SERVICE_UNAVAILABLE, media_type="application/health+json")

    @app.get("/parties")
    def find(wanted: Annotated[Filter, Query()]) -> dict[str, Any]:
        if wanted.ids is not None:
            return {"items": parties.by_ids(_ids(wanted.ids))}
        page: Page = parties.search(wanted.conditions(), wanted.ordering(), wanted.limit, wanted.offset)
        return {"items": page.items, "total": page.total}

    @app.get("/parties/{id}")
    def get(id: int) -> dict[str, Any]:
        return _found(parties.get(id), id)

    @app.post("/parties", status_code=HTTPStatus.CREATED)
    def create(party: NewParty, response: Response) -> dict[str, Any]:
        created = parties.create(party.model_dump())
        response.headers["Location"] = f"/parties/{created['id']}"
        return created

    @app.patch("/parties/{id}")
    def change(id: int, party: PartyChange) -> dict[str, Any]:
        return _found(parties.change(id, party.model_dump(exclude_unset=True)), id)

    @app.delete("/parties/{id}", status_code=HTTPStatus.NO_CONTENT)
    def remove(id: int) -> None:
        if not parties.remove(id):
            raise _missing(id)

    _answer_with_problems(app)
    return app


def _ids(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part]
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "ids must be numbers with commas between them") from None


def _found(party: dict[str, Any] | None, id: int) -> dict[str, Any]:
    if party is None:
        raise _missing(id)
    return party


def _missing(id: int) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, f"there is no party {id}")


def _problem(status: int, detail: str, **more: Any) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def _answer_with_problems(app: FastAPI) -> None:
    @app.exception_handler(RoutingError)
    def refused(_: Request, error: RoutingError) -> JSONResponse:
        return _problem(error.status_code, error.detail)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"at": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()]
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request doesn't fit", errors=errors)

    @app.exception_handler(Conflict)
    def taken(_: Request, error: Conflict) -> JSONResponse:
        return _problem(HTTPStatus.CONFLICT, f"another party has the code {error}")

    @app.exception_handler(DBAPIError)
    def unavailable(_: Request, error: DBAPIError) -> JSONResponse:
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "the database doesn't answer as it should")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, required=True)
def main(host: str, port: int) -> None:
    """Run the service on the database named in PARTY_DATABASE_URL."""
    if URL not in os.environ:
        raise click.ClickException(f"set {URL} to the URL of the service's own database")
    uvicorn.run(create_app(os.environ[URL]), host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main()
