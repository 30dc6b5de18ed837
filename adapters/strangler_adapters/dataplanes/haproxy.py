"""HAProxy: a folder of a configuration and the tables that it looks things up in, for HAProxy 2.6 or newer.

Every part of a request that routes look at is looked up in a map: what a call costs depends on how many such parts there are, not on how
many functions; it is about twice what HAProxy takes to pass a call on. HAProxy can compute our hash, so a caller is on the same
side here as at the facade. Copies for the comparer are sent by a few lines of Lua, since HAProxy has no mirror of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strangler.planes.automaton import UNCLEAR, Automaton, build
from strangler.planes.export import Export, heading
from strangler.planes.plane import COMPARER, Plane, Refuse
from strangler_adapters.dataplanes.haproxy_backends import alike, backends, maps, word
from strangler_adapters.dataplanes.haproxy_lua import mirror
from strangler_adapters.dataplanes.haproxy_parts import coded, files, value
from strangler_adapters.dataplanes.ways import BAD, BROKEN, DOTS, REPLACED, SAFE, UNCLEAR_NOTE, Ways, odd

FILE: Final = "haproxy.cfg"

NOTES: Final = (
    UNCLEAR_NOTE,
    "Timeouts count from one piece of an answer to the next, not over the whole call.",
    "The head of a call may have about 15 kB, unless tune.bufsize is raised.",
)

BODIES: Final = "Reads that have a body (POST) aren't mirrored to the comparer."


def compile(plane: Plane) -> Export:
    """The picture as a configuration with its maps."""
    automaton, ways = build(plane.rules), Ways(plane, alike)
    ends = {node: ways.of(rule) for node, rule in automaton.ends.items() if rule is not None}
    ends[automaton.unclear] = ways.unclear
    notes = (*plane.notes, *NOTES, *ways.notes, *([BODIES] if ways.mirrors else []))
    body = [
        heading(plane, "HAProxy", notes),
        "global\n    default-path config\n" + ("    lua-load mirror.lua\n" if ways.mirrors else ""),
        "\n".join(["frontend strangler", *(f"    {line}" for line in _frontend(plane, automaton, ways))])
        + "\n",
        *backends(ways),
    ]
    written = {FILE: "\n".join(body), **_maps(automaton, ends), **maps(ways), **files(automaton)}
    if ways.mirrors:
        written["mirror.lua"] = mirror(plane, plane.upstreams[COMPARER])
    return Export(written, notes)


def _maps(automaton: Automaton, ends: dict[int, str]) -> dict[str, str]:
    """The walk as three tables. A node's key has its step, since a node waits at its own step only."""
    edges, others = [], []
    for number, step in enumerate(automaton.steps):
        for node in step.nodes:
            others.append(f"{node.id}/{number} {node.other}\n")
            edges.append(f"{node.id}/{number}/ {node.absent}\n")
            if not step.part.of_path:
                edges.append(f"{node.id}/{number}/{UNCLEAR} {automaton.unclear}\n")
            edges += [
                f"{node.id}/{number}/{coded(step.part, text)} {to}\n" for text, to in node.edges.items()
            ]
    return {
        "edges.map": "".join(edges),
        "others.map": "".join(others),
        "ends.map": "".join(f"{node} {way}\n" for node, way in ends.items()),
    }


def _frontend(plane: Plane, automaton: Automaton, ways: Ways) -> Iterator[str]:
    pseudonym = f"{plane.pseudonym}-haproxy"
    yield "mode http"
    yield f"bind {plane.listen}"
    yield f"timeout client {round(plane.limits.total * 1000)}ms"
    yield "timeout http-request 10s"
    yield "timeout http-keep-alive 60s"
    yield f"http-after-response set-header X-Strangler-Generation {plane.stamp.generation}"
    yield f"http-request return status 508 if {{ req.hdr(via) -m reg '(^|[ ,])1.1 {pseudonym}([ ,]|$)' }}"
    yield from _headers(pseudonym)
    yield from _walk(plane, automaton)
    yield "http-request set-var(txn.way) str(write/legacy)"
    yield f"http-request set-var(txn.way) str(read/legacy) if {{ method {' '.join(SAFE)} }}"
    yield "http-request set-var(txn.end) var(txn.at),map_str(ends.map,?)"
    yield "http-request set-var(txn.way) var(txn.end) unless { var(txn.end) -m str ? }"
    if plane.splits():
        yield from _split(plane)
    yield f"http-request set-var(txn.way) str({ways.unclear}) if {{ path -m reg -i '{odd(plane)}' }}"
    yield f"http-request set-var(txn.way) str({BAD}) if {{ path -m reg -i '{DOTS}|{BROKEN}' }}"
    for way, refuse in ways.refused.items():
        yield f"http-request return {_answer(refuse)} if {{ var(txn.way) -m str {way} }}"
    for share in ways.shares:
        drawn = f" {{ rand(10000) lt {round(share * 10_000)} }}" if share < 1 else ""
        # What has a body isn't copied: Lua sees a call before its body is there.
        yield f"http-request lua.strangler_mirror if {{ var(txn.way) -m beg mirror/{share:g}/ }} {{ method GET HEAD }}{drawn}"
    yield "http-request set-var(txn.backend) var(txn.way),map_str(backends.map,strangler_write_legacy)"
    yield "use_backend %[var(txn.backend)]"


def _headers(pseudonym: str) -> Iterator[str]:
    for name in REPLACED:
        yield f"http-request del-header {name}"
    yield "http-request set-header X-Forwarded-For %[src]"
    yield "http-request set-header X-Forwarded-Host %[req.hdr(host)]"
    yield "http-request set-header X-Forwarded-Proto https if { ssl_fc }"
    yield "http-request set-header X-Forwarded-Proto http unless { ssl_fc }"
    yield f'http-request add-header Via "1.1 {pseudonym}"'


def _walk(plane: Plane, automaton: Automaton) -> Iterator[str]:
    yield "http-request set-var(txn.path) path"
    yield """http-request set-var(txn.path) 'var(txn.path),regsub("//+","/",g)' if { path -m sub // }"""
    if plane.ignore_case:
        yield "http-request set-var(txn.path) var(txn.path),lower"
    yield f"http-request set-var(txn.at) str({automaton.start})"
    for number, step in enumerate(automaton.steps):
        for line in value(step.part, automaton):
            yield f"http-request {line}"
        yield f"http-request set-var(txn.to) var(txn.at),concat(/{number}/,txn.part),map_str(edges.map,?)"
        yield (
            f"http-request set-var(txn.to) var(txn.at),concat(/{number}),map_str(others.map,?) "
            "if { var(txn.to) -m str ? }"
        )
        yield "http-request set-var(txn.at) var(txn.to) unless { var(txn.to) -m str ? }"


def _split(plane: Plane) -> Iterator[str]:
    """Our hash, and who is below the weight."""
    yield "http-request set-var(txn.caller) src"
    for name in reversed(plane.sticky.cookies):
        yield f"http-request set-var(txn.caller) req.cook({name}) if {{ req.cook({name}),length gt 0 }}"
    for name in reversed(plane.sticky.headers):
        yield f"http-request set-var(txn.caller) req.fhdr({name}) if {{ req.fhdr({name}),length gt 0 }}"
    yield "http-request set-var(txn.function) var(txn.way),field(2,/) if { var(txn.way) -m beg split/ }"
    yield (
        f"http-request set-var(txn.place) {word(plane.sticky.salt)},concat(:,txn.function,:),concat(,txn.caller),"
        "sha2(256),bytes(0,4),be2dec(,4),mod(10000) if { var(txn.function) -m found }"
    )
    yield "http-request set-var(txn.weight) var(txn.function),map_str_int(weights.map,0)"
    inside = "if { var(txn.function) -m found } { var(txn.place),sub(txn.weight) lt 0 }"
    yield "http-request set-var(txn.way) var(txn.function),map_str(outside.map) if { var(txn.function) -m found }"
    yield f"http-request set-var(txn.way) var(txn.function),map_str(inside.map) {inside}"


def _answer(refuse: Refuse) -> str:
    retry = f" hdr Retry-After {refuse.retry_after}" if refuse.retry_after is not None else ""
    detail = refuse.why.replace("'", "").replace('"', "")
    said = f'{{"type":"about:blank","status":{refuse.status},"detail":"{detail}"}}'
    return f"status {refuse.status} content-type application/problem+json{retry} string '{said}'"
