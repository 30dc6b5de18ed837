"""The admin API. Who asks needs a token; what changes something needs a role, a reason, and stands on the ledger before it is done.

GET  /standings                         where every function stands, as this facade acts by it
GET  /upstreams                         connections, health and breakers
GET  /calls                             how many calls are under way
GET  /facades                           all facades that live, from the control store
GET  /routes/explain                    which function a request belongs to, and why
POST /breakers/{upstream}/{function}    hold a breaker open or closed, or let it judge again
POST /drain                             take nothing new
GET  /metrics, /healthz, /readyz        for those who watch; the last two without a token, but then without details
GET  /keys                              the public keys with which new services check identities; without a token
"""

# Annotations are read by FastAPI where they stand, and some name what is local: so they aren't put off here.

import asyncio
import time
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from strangler import __version__
from strangler.control import facades, ledger
from strangler.control.facades import FacadeRecord
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.facade.admin.gate import Gate, require
from strangler.facade.admin.inside import (
    BreakerNow,
    CallsNow,
    Explained,
    Forced,
    Inside,
    Picture,
    UpstreamNow,
)
from strangler.facade.answers import Refusal
from strangler.facade.health import MEDIA_TYPE, bare
from strangler.people import Person
from strangler.roles import Action
from strangler.routing import Asked, Who

FORCED: Final = "breaker forced"
DRAINED: Final = "facade drained"
"""The kinds of decision on the ledger."""


class Reason(BaseModel):
    """Why, in words, for the ledger."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=1, max_length=1000)


class Force(Reason):
    """What a breaker is to do."""

    state: Forced


_bearer = HTTPBearer(auto_error=False, description="`strangler access add NAME --role viewer` gives one.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def application(inside: Inside, gate: Gate, title: str) -> FastAPI:
    """The API as an ASGI application."""
    api = FastAPI(title=title, version=__version__, docs_url=None, redoc_url=None)
    _errors(api)
    may = _Doors(gate)
    _look(api, inside, may)
    _act(api, inside, may)
    _watch(api, inside, may)
    return api


class _Doors:
    """What an endpoint depends on: an account that may do something."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __call__(self, action: Action) -> Any:
        async def person(request: Request, bearer: Bearer) -> Person:
            found = await self.who(request, bearer)
            require(found, action)
            return found

        return Depends(person)

    async def who(self, request: Request, bearer: HTTPAuthorizationCredentials | None) -> Person:
        address = request.client.host if request.client else "unknown"
        return await self._gate.person(bearer.credentials if bearer else "", address)


def _look(api: FastAPI, inside: Inside, may: _Doors) -> None:
    look = [may(Action.LOOK)]

    @api.get("/standings", dependencies=look)
    async def standings() -> Picture:
        """Where every function stands, as this facade acts by it."""
        return inside.picture()

    @api.get("/upstreams", dependencies=look)
    async def upstreams() -> list[UpstreamNow]:
        """Connections, health and breakers of legacy and the new services."""
        return list(inside.upstreams())

    @api.get("/calls", dependencies=look)
    async def calls() -> CallsNow:
        """How many calls are under way."""
        return inside.calls()

    @api.get("/facades", dependencies=look)
    async def all_facades() -> list[FacadeRecord]:
        """All facades that live, each with the generation that it applies."""
        return await asyncio.to_thread(facades.live, _control(inside), now=time.time())

    @api.get("/routes/explain", dependencies=look)
    async def explain(
        target: Annotated[str, Query(description="Path and query as they are sent, e.g. /parties/7?full=1.")],
        method: str = "GET",
        header: Annotated[list[str], Query(description="`name: value`, once for each header.")] = [],  # noqa: B006
        value: Annotated[
            list[str], Query(description="What a route would see in the body: `json:method=party.read`.")
        ] = [],  # noqa: B006
        claim: Annotated[list[str], Query(description="What a token says: `company=1000`.")] = [],  # noqa: B006
        caller: Annotated[str, Query(description="What keeps the caller on one side.")] = "",
    ) -> Explained:
        """Which function a request belongs to, who would answer it now, and why."""
        if not target.startswith("/") or not target.isascii():
            raise Refusal(422, "target is a path as it is sent: it begins with / and is percent-encoded")
        headers = {name.lower(): text for name, text in _pairs(header, ":", "header")}
        values = {_place(name): text for name, text in _pairs(value, "=", "value")}
        who = Who(caller, dict(_pairs(claim, "=", "claim")))
        return inside.explain(Asked(method.upper(), target, headers), values, who)


def _act(api: FastAPI, inside: Inside, may: _Doors) -> None:
    @api.post("/breakers/{upstream}/{function}")
    async def force(
        upstream: str, function: str, wanted: Force, person: Annotated[Person, may(Action.FORCE)]
    ) -> BreakerNow:
        """Hold the breaker of a function on an upstream (`legacy`, `new:function`) open or closed, or let it judge again."""
        _breaker(inside, upstream, function)
        body = {"facade": inside.id, "upstream": upstream, "state": wanted.state, "reason": wanted.reason}
        await _record(inside, person, FORCED, function, body)
        inside.force(upstream, function, wanted.state, f"{person.actor}: {wanted.reason}")
        return _breaker(inside, upstream, function)

    @api.post("/drain", status_code=202)
    async def drain(wanted: Reason, person: Annotated[Person, may(Action.DRAIN)]) -> CallsNow:
        """Say at /readyz that nothing new should come, and finish what is under way. To end it, stop the process."""
        await _record(inside, person, DRAINED, "", {"facade": inside.id, "reason": wanted.reason})
        inside.drain()
        return inside.calls()


def _watch(api: FastAPI, inside: Inside, may: _Doors) -> None:
    @api.get("/metrics", dependencies=[may(Action.LOOK)], response_class=Response)
    async def metrics() -> Response:
        """What Prometheus reads."""
        kind, page = inside.metrics()
        return Response(page, media_type=kind)

    async def details(request: Request, bearer: Bearer) -> bool:
        if bearer is None:
            return False
        require(await may.who(request, bearer), Action.LOOK)
        return True

    Details = Annotated[bool, Depends(details)]

    @api.get("/healthz", response_class=Response)
    async def healthz(details: Details) -> Response:
        """Whether the facade lives; with a token, what it sees of everything around it."""
        return _health(*inside.healthz(), details)

    @api.get("/readyz", response_class=Response)
    async def readyz(details: Details) -> Response:
        """200 when the facade can take calls, otherwise 503."""
        return _health(*inside.readyz(), details)

    @api.get("/keys")
    async def keys() -> dict[str, Any]:
        """The public keys (JWKS) with which new services check X-Strangler-Identity."""
        return dict(inside.keys)


def _health(status: int, body: bytes, details: bool) -> Response:
    return Response(body if details else bare(status), status, media_type=MEDIA_TYPE)


def _breaker(inside: Inside, upstream: str, function: str) -> BreakerNow:
    for each in (breaker for one in inside.upstreams() for breaker in one.breakers):
        if (each.upstream, each.function) == (upstream, function):
            return each
    raise Refusal(404, f"there is no breaker of {function} on {upstream}: GET /upstreams lists them")


async def _record(inside: Inside, person: Person, kind: str, function: str, body: dict[str, Any]) -> None:
    # Invariant 8: what can't be recorded isn't done.
    def append() -> None:
        ledger.append(
            _control(inside), actor=person.actor, kind=kind, function=function, body=body, at=time.time()
        )

    try:
        await asyncio.to_thread(append)
    except StranglerError as error:
        what = f"nothing was done, since it couldn't be put on the ledger: {error.what}"
        raise Refusal(503, what, retry_after=1) from error


def _control(inside: Inside) -> Control:
    control = inside.control()
    if control is None:
        raise StranglerError("the control store wasn't reached yet")
    return control


def _pairs(given: list[str], sign: str, what: str) -> list[tuple[str, str]]:
    pairs = [each.partition(sign) for each in given]
    if not all(middle and name.strip() for name, middle, _ in pairs):
        raise Refusal(422, f"a {what} is written name{sign}value")
    return [(name.strip(), text.strip()) for name, _, text in pairs]


def _place(name: str) -> tuple[str, str]:
    kind, colon, path = name.partition(":")
    if not colon or kind not in ("json", "form", "xml"):
        raise Refusal(422, "a value is written json:name=value, form:name=value or xml:name=value")
    return kind, path


def _errors(api: FastAPI) -> None:
    """Everything that goes wrong is told as the facade tells it (RFC 9457)."""

    @api.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        headers = {name.decode(): value.decode() for name, value in error.headers()}
        return Response(error.body(), error.status, headers)

    @api.exception_handler(StranglerError)
    async def unable(request: Request, error: StranglerError) -> Response:
        return await refused(request, Refusal(503, error.what, retry_after=1))

    @api.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        return await refused(request, Refusal(error.status_code, str(error.detail)))

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        return await refused(request, Refusal(422, "; ".join(wrong)))
