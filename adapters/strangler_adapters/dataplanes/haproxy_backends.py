"""The backend of each way in HAProxy, and the tables that name it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from strangler.planes.plane import To, Upstream
from strangler_adapters.dataplanes.ways import SAFE, Ways, server_of


def alike(one: Upstream, other: Upstream) -> bool:
    """HAProxy puts the path in front before it chooses among the servers of a backend."""
    return one.base == other.base


def maps(ways: Ways) -> dict[str, str]:
    """The tables that say what a way means."""
    found = {"backends.map": "".join(f"{way} {_backend(way)}\n" for way in ways.targets)}
    if ways.splits:
        found["weights.map"] = "".join(
            f"{name} {split.weight}\n" for name, (split, _, _) in ways.splits.items()
        )
        found["inside.map"] = "".join(f"{name} {inside}\n" for name, (_, inside, _) in ways.splits.items())
        found["outside.map"] = "".join(f"{name} {outside}\n" for name, (_, _, outside) in ways.splits.items())
    return found


def backends(ways: Ways) -> Iterator[str]:
    """One for each place that calls are passed on to, apart for what is sent once."""
    for name, way in {_backend(way): way for way in ways.targets}.items():
        lines = [f"backend {name}", "mode http", *_lines(ways, way, ways.targets[way])]
        yield "\n    ".join(lines) + "\n"


def _lines(ways: Ways, way: str, to: To) -> Iterator[str]:
    limits, target = ways.plane.limits, ways.plane.upstreams[to.upstream]
    yield f"timeout connect {round(limits.connect * 1000)}ms"
    yield f"timeout server {round(limits.total * 1000)}ms"
    if target.base:
        yield f"http-request set-path {target.base}%[path]"
    if way.startswith("write"):
        # A call that couldn't be connected was not sent; nothing else is tried again.
        yield "retry-on conn-failure"
        yield "retries 1"
        yield f"server {to.upstream} {_address(target)}"
        return
    yield f"http-request disable-l7-retry unless {{ method {' '.join(SAFE)} }}"
    yield "retry-on conn-failure empty-response"
    yield "retries 2"
    if to.fallback is None or server_of(way) == to.upstream:
        yield f"server {to.upstream} {_address(target)}"
        return
    yield "option redispatch 1"
    yield f"option httpchk GET {target.base}{target.health or '/'}"
    # One connection that fails is enough: what is read from legacy meanwhile is right too.
    watched = "check inter 2s fall 2 rise 2 observe layer4 error-limit 1 on-error mark-down"
    yield f"server {to.upstream} {_address(target)} {watched}"
    yield f"server {to.fallback} {_address(ways.plane.upstreams[to.fallback])} backup"


def _backend(way: str) -> str:
    return f"strangler_{'write' if way.startswith('write') else 'read'}_{server_of(way)}"


def _address(upstream: Upstream) -> str:
    if not upstream.tls:
        return upstream.address
    return f"{upstream.address} ssl verify required ca-file @system-ca sni str({upstream.host}) verifyhost {upstream.host}"


def word(text: str) -> str:
    """Any text as an expression: it says what its bytes are, since HAProxy has many characters that mean something."""
    return f"str({base64.b64encode(text.encode()).decode()}),b64dec"
