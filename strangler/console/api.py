"""The console's API: progress as a page and as JSON, and the worker's health.

    GET /                      the progress report as it is now
    GET /api/progress          the same facts as JSON
    GET /api/functions/{name}  one function's
    GET /metrics               the sync's figures for Prometheus
    GET /healthz               whether source and stores are well, in words; 200 as long as this process can say so
    GET /readyz                200 when every source is captured and every store is being filled, otherwise 503

What is wrong with the migration isn't mended by restarting this process; so only `/readyz` turns red.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from strangler import __version__
from strangler.console.metrics import expose
from strangler.console.wellness import Part, Wellness, look
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.progress import measure
from strangler.report import render
from strangler.settings import Settings

HEALTH: Final = "application/health+json"


def application(settings: Settings, control: Control) -> FastAPI:
    """The console as an ASGI application."""
    api = FastAPI(title=f"Strangler: {settings.name}", version=__version__, docs_url=None, redoc_url=None)

    @api.exception_handler(StranglerError)
    def unable(request: Request, error: StranglerError) -> JSONResponse:
        """Mostly the control store that doesn't answer: nothing is known, but this process lives."""
        wellness = Wellness((Part("control store", False, error.what),))
        return _health(wellness, 200 if request.url.path == "/healthz" else 503)

    @api.get("/", response_class=HTMLResponse)
    def page() -> str:
        return render(measure(settings, control), "html")

    @api.get("/api/progress")
    def progress() -> Any:
        return json.loads(render(measure(settings, control), "json"))

    @api.get("/api/functions/{name}")
    def function(name: str) -> Any:
        facts = json.loads(render(measure(settings, control), "json"))
        for each in facts["functions"]:
            if each["name"] == name:
                return each
        raise HTTPException(404, f"there is no function {name!r}; there are: {', '.join(settings.functions)}")

    @api.get("/metrics")
    def metrics() -> Response:
        return Response(expose(settings, control), media_type=CONTENT_TYPE_LATEST)

    @api.get("/healthz")
    def healthz() -> JSONResponse:
        return _health(look(settings, control), 200)

    @api.get("/readyz")
    def readyz() -> JSONResponse:
        wellness = look(settings, control)
        return _health(wellness, 200 if wellness.well else 503)

    return api


def _health(wellness: Wellness, code: Literal[200, 503]) -> JSONResponse:
    """As draft-inadarei-api-health-check has it."""
    body = {
        "status": "pass" if wellness.well else "warn",
        "serviceId": "strangler-worker",
        "version": __version__,
        "output": wellness.words,
        "checks": {
            part.name: [{"status": "pass" if part.well else "warn", "output": part.words}]
            for part in wellness.parts
        },
    }
    return JSONResponse(body, code, media_type=HEALTH)
