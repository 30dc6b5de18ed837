"""Routed: whether the routes of all functions can be told apart, and each can be met by some request. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from strangler.configuration.findings import Finding, Path
from strangler.names import nearest
from strangler.settings import Created, Function, Match, Place, Settings

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "MERGE", "PROPFIND", "REPORT")
"""What is taken for a method: those of HTTP, MERGE of older OData, and what WebDAV and its kin read with."""

_HOST: Final = re.compile(r"(\*\.)?([a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)

_LOCATION: Final = re.compile(r"[^{}]*\{\w+\}[^{}]*")

_ASKED: Final = (
    ("headers", "headers"),
    ("query", "query"),
    ("cookies", "cookies"),
    ("json", "json_body"),
    ("form", "form"),
    ("xml", "xml"),
)


def services(settings: Settings) -> Iterator[Finding]:
    """Where requests are routed there is a facade to route them and a service to send them to."""
    routed = [name for name, function in settings.functions.items() if function.routes]
    for name in routed:
        if settings.functions[name].service is None:
            what = "has routes, but there is no service that could answer them"
            yield Finding(("functions", name, "service"), what, "service: {url: 'http://127.0.0.1:9001'}")
    if routed and settings.facade is None:
        what = f"is missing, but {', '.join(routed)} {'has' if len(routed) == 1 else 'have'} routes"
        yield Finding(
            ("facade",), what, "facade: {legacy: 'http://127.0.0.1:8000'} (where the legacy ERP answers)"
        )


def upstreams(settings: Settings) -> Iterator[Finding]:
    """Addresses of upstreams are base URLs, and nothing else. None is quoted: a password may stand in it."""
    if settings.facade is not None and (what := _base(settings.facade.legacy)):
        yield Finding(("facade", "legacy"), what, "http://127.0.0.1:8000")
    for name, function in settings.functions.items():
        if function.service is not None and (what := _base(function.service.url)):
            yield Finding(("functions", name, "service", "url"), what, "http://127.0.0.1:9001")
        api = function.return_ and function.return_.api
        if api and api.url and (what := _base(api.url.get_secret_value(), "return.api.headers has them")):
            yield Finding(("functions", name, "return", "api", "url"), what, "https://erp.example.com/api")


def _base(url: str, credentials: str = "they get the callers' own credentials") -> str:
    """What is wrong with a base URL; empty for nothing. `credentials`: where those come from."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has blanks, or characters that stand in no URL"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "isn't an HTTP URL: its host or port can't be read"
    if parts.scheme not in ("http", "https"):
        return "isn't an HTTP URL"
    if "@" in parts.netloc:
        return f"has a user in it, which upstreams wouldn't be told: {credentials}"
    if not parts.hostname or port == 0:
        return "names no host and port that could be asked"
    if "?" in url or "#" in url:
        return "has a query or a fragment: a base URL is what all paths are put behind"
    return ""


def paths(settings: Settings) -> Iterator[Finding]:
    """Path templates and health paths can be read."""
    from strangler.routing.route import compile_route

    for name, function in settings.functions.items():
        for index, route in enumerate(function.routes):
            at: Path = ("functions", name, "routes", index, "match", "path")
            if not route.match.path.startswith("/"):
                yield Finding(at, "a path begins with a slash", f"/{route.match.path}")
                continue
            try:
                list(compile_route(name, index, route))
            except ValueError as error:
                yield Finding(at, str(error), "/parties/{id}, or /parties/{rest:path}")
        if function.service and not function.service.health.startswith("/"):
            at = ("functions", name, "service", "health")
            yield Finding(at, "a path begins with a slash", f"/{function.service.health}")


def matches(settings: Settings) -> Iterator[Finding]:
    """What a route asks for some request can have."""
    for name, function in settings.functions.items():
        for index, route in enumerate(function.routes):
            yield from _match(("functions", name, "routes", index, "match"), route.match)


def _match(at: Path, match: Match) -> Iterator[Finding]:
    for index, method in enumerate(match.method or ()):
        if method.upper() not in METHODS:
            meant = nearest(method.upper(), METHODS) or f"one of: {', '.join(METHODS)}"
            yield Finding((*at, "method", index), f"{method!r} is no method of HTTP", meant)
    for index, host in enumerate(match.host or ()):
        if not _HOST.fullmatch(host):
            what = f"{host!r} is no name of a host"
            yield Finding((*at, "host", index), what, "erp.example.com, or *.example.com for all below it")
    for key in ("method", "host"):
        if getattr(match, key) == []:
            yield Finding((*at, key), "is empty, so no request meets it", "leave it out")
    for key, field in _ASKED:
        for name, values in getattr(match, field).items():
            if not values:
                yield Finding((*at, key, name), "has no value, so no request meets it", '"*" for any value')


def places(settings: Settings) -> Iterator[Finding]:
    """Each place where a value of a request stands is one place, and can be there."""
    for name, function in settings.functions.items():
        cohorts, documents = function.cohorts, function.documents
        at: Path = ("functions", name)
        if cohorts is not None:
            yield from _places((*at, "cohorts", "from"), cohorts.from_, function)
        if documents is not None:
            yield from _places((*at, "documents", "key"), documents.key, function)
            yield from _created((*at, "documents", "created"), documents.created)


def _places(at: Path, sections: list[Place], function: Function) -> Iterator[Finding]:
    for index, section in enumerate(sections):
        if len(section.named) != 1:
            given = " and ".join(f"`{key}`" for key, _ in section.named)
            what = f"has {given}, and a place is one of them" if given else "names no place"
            yield Finding((*at, index), what, "header: X-Company")
        elif section.path is not None:
            parameter = re.compile(rf"{{{re.escape(section.path)}(:path)?}}")
            if not any(parameter.search(route.match.path) for route in function.routes):
                what = f"no path of the function's routes has {{{section.path}}}"
                yield Finding(
                    (*at, index, "path"), what, "a parameter of a path: /companies/{company}/orders"
                )


def _created(at: Path, section: Created) -> Iterator[Finding]:
    if (section.json_body is None) == (section.location is None):
        what = "has both `json` and `location`" if section.json_body else "has neither `json` nor `location`"
        yield Finding(at, what, "json: id, or location: /orders/{id}")
    elif section.location is not None and not _LOCATION.fullmatch(section.location):
        what = "has no parameter, or more than one"
        yield Finding((*at, "location"), what, "/orders/{id}, or /card.php?id={id}")


def testers(settings: Settings) -> Iterator[Finding]:
    """Each of those who may say which side answers is known by one thing."""
    overrides = settings.facade.overrides if settings.facade else None
    for index, tester in enumerate(overrides.allow if overrides else ()):
        at: Path = ("facade", "overrides", "allow", index)
        given = [key for key in ("token", "role", "claim") if getattr(tester, key) is not None]
        if len(given) != 1:
            named = " and ".join(f"`{key}`" for key in given)
            what = f"has {named}, and is known by one of them" if given else "says nothing of who it is"
            yield Finding(at, what, "token: ${TESTER_TOKEN}, or role: erp-tester, or claim: department")
        elif tester.values and tester.claim is None:
            yield Finding((*at, "values"), "are those of a claim, and there is none", "claim: department")


def conflicts(settings: Settings) -> Iterator[Finding]:
    """No request is met equally well by two routes with different outcomes, and every route can be met."""
    if not any(function.routes for function in settings.functions.values()):
        return
    from strangler.routing import compile_routes
    from strangler.routing.conflicts import conflicts as find

    try:
        table = compile_routes(settings.functions, settings.facade)
    except ValueError:
        return  # `paths` says which template it is
    for conflict in find(table):
        route, other = conflict.route, conflict.other
        at: Path = ("functions", route.function, "routes", route.index)
        if conflict.all:
            what = f"is never reached: {other.place} takes every request that it could"
            yield Finding(at, what, "leave one of them out, or ask for something more here")
        else:
            what = f"some requests meet {other.place} just as well, and nothing says who answers them"
            yield Finding(
                at, what, "ask for something more in one of them: a method, a header, a longer path"
            )


def loose_ends(settings: Settings) -> Iterator[Finding]:
    """What may be meant, but leaves callers on the wrong side once a function is live: a function that the facade doesn't route, in part
    or at all. Not among the checks: it stops nobody."""
    if settings.facade is None:
        return
    for name, function in settings.functions.items():
        at: Path = ("functions", name)
        kinds = {route.kind for route in function.routes}
        if not kinds:
            what = "has no routes, so the facade leaves all its callers on legacy, also when it is live"
            yield Finding(at, what, "routes: [{match: {path: /parties/{id}}, kind: read}]")
        elif "write" not in kinds:
            what = "has routes for reads only: when it is live, writes still go to legacy"
            yield Finding((*at, "routes"), what, "a route of kind write")
        elif "read" not in kinds:
            what = "has routes for writes only: when it is live, reads still go to legacy"
            yield Finding((*at, "routes"), what, "a route of kind read")
