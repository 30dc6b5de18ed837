"""nginx: a file to be included in `http { }`, for nginx 1.18 or newer without any module of others.

One regular expression takes the path apart; from there on everything is a look-up in a hash (`map`), so the number of functions costs
nothing.
nginx compares the texts of a `map` without regard to case; where case could matter the text that was found is compared once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from strangler.planes.automaton import Automaton, Part, Step, build, parts
from strangler.planes.export import Export, heading
from strangler.planes.plane import Plane
from strangler_adapters.dataplanes.nginx_server import server
from strangler_adapters.dataplanes.nginx_tables import alike, split_of, splits, table, tables, upstreams
from strangler_adapters.dataplanes.ways import Ways

FILE: Final = "strangler.nginx.conf"

NOTES: Final = (
    "Callers are divided by nginx's own hash (MurmurHash2): as many of them are answered by new, but not the same ones as by the facade.",
    "A path with %2F, %3B, a backslash, # or a segment that begins with a semicolon may be read in several ways; such calls go to the "
    "facade, or are refused with 400 where there is none.",
    "Timeouts count from one piece of an answer to the next, not over the whole call.",
    "Of a header that a route looks at and that comes twice, nginx before 1.23 sees the first.",
)


_SAME: Final = r"~^(?:=.*?/\d+/)*?=(.*?)/(\d+)/(?:=.*?/\d+/)*:\1$"
"""Finds among the texts of a value (see `_folded`) the one that stands behind it, letter by letter."""


def compile(plane: Plane) -> Export:
    """The picture as one file of nginx."""
    automaton, ways = build(plane.rules), Ways(plane, alike)
    notes = (*plane.notes, *NOTES, *ways.notes)
    pieces = [
        heading(plane, "nginx, to be included in http { }", notes),
        _sizes(automaton),
        *upstreams(ways),
        *_caller(plane),
        *splits(ways),
        *_walk(automaton),
        _chosen(plane, automaton, ways),
        *tables(ways),
        server(plane, ways, _path(plane)),
    ]
    return Export({FILE: "\n".join(pieces)}, notes)


def _sizes(automaton: Automaton) -> str:
    """Room for the look-ups: nginx makes its hashes when it starts, and wants to be told how large they may be."""
    keys = [len(value) for step in automaton.steps for node in step.nodes for value in node.edges]
    bucket = 1 << max(7, (max(keys, default=0) + 64).bit_length())
    entries = max(2048, 1 << (2 * max(len(keys), len(automaton.ends))).bit_length())
    return (
        f"map_hash_bucket_size {bucket};\nmap_hash_max_size {entries};\n"
        "variables_hash_max_size 8192;\nvariables_hash_bucket_size 128;\n"
    )


def _path(plane: Plane) -> str:
    """The regular expression that takes a path apart, without `;parameters`; possessive, so that it never tries anything twice."""
    segments = sum(part.kind == "segment" for part in parts(plane.rules))
    taken = "".join(rf"/*+(?<strangler_segment{n}>[^/;]*+)(?:;[^/]*+)?" for n in range(segments))
    return f"(?s)^{taken}"


def _caller(plane: Plane) -> Iterator[str]:
    """Who the caller is: the first header or cookie that it has, else its address."""
    found = "$remote_addr"
    names = [variable(Part("header", name)) for name in plane.sticky.headers]
    names += [variable(Part("cookie", name)) for name in plane.sticky.cookies]
    yield from cookies(plane)
    for number, name in reversed(list(enumerate(names))):
        made = f"$strangler_caller{number or ''}"
        yield table(name, made, [("", found)], default=name)
        found = made
    if not names:
        yield table("$remote_addr", "$strangler_caller", [], default="$remote_addr")


def _walk(automaton: Automaton) -> Iterator[str]:
    """One step after the other: `$strangler_at3` is the node at which the walk stands after step 3."""
    before = str(automaton.start)
    for number, step in enumerate(automaton.steps):
        yield from _step(number, step, before)
        before = f"$strangler_at{number}"


def _step(number: int, step: Step, before: str) -> Iterator[str]:
    value, other = variable(step.part), f"$strangler_other{number}"
    edges = [(node.id, text, to) for node in step.nodes for text, to in node.edges.items()]
    key, at = f"{before}/{value}", f"$strangler_at{number}"
    if step.part.kind != "method" and any(_cased(text) for _, text, _ in edges):
        hit = f"$strangler_hit{number}"
        yield table(key, hit, _folded(edges).items(), default="-")
        yield table(f"{hit}:{value}", at, [(_SAME, "$2")], default=other, plain=False)
    else:
        yield table(key, at, [(f"{node}/{text}", str(to)) for node, text, to in edges], default=other)
    others = [(str(node.id), str(node.other)) for node in step.nodes]
    yield table(before, other, others, default=before)


def _folded(edges: Iterable[tuple[int, str, int]]) -> dict[str, str]:
    """Edges by a key that knows no case; the value has each text as it must be, and where it leads: `=Sale/4/=sale/7/`."""
    found: dict[str, str] = {}
    for node, text, to in edges:
        key = f"{node}/{text}".encode().lower().decode()  # as nginx folds: ASCII alone
        found[key] = f"{found.get(key, '')}={text}/{to}/"
    return found


def _chosen(plane: Plane, automaton: Automaton, ways: Ways) -> str:
    last = f"$strangler_at{len(automaton.steps) - 1}" if automaton.steps else str(automaton.start)
    ends = [
        (str(node), _named(ways.of(plane.rules[rule])))
        for node, rule in automaton.ends.items()
        if rule is not None
    ]
    return table(last, "$strangler_routed", ends, default="$strangler_unrouted")


def _named(way: str) -> str:
    kind, _, name = way.partition("/")
    return split_of(name) if kind == "split" else way


def _cased(text: str) -> bool:
    return text.lower() != text.upper()


def variable(part: Part) -> str:
    """nginx's variable for a part of a request."""
    if part.kind == "segment":
        return f"$strangler_segment{part.number}"
    if part.kind in ("method", "host"):
        return {"method": "$request_method", "host": "$host"}[part.kind]
    prefix = {"header": "http", "query": "arg", "cookie": "strangler_cookie"}[part.kind]
    return f"${prefix}_{re.sub('[^a-z0-9_]', '_', part.name.lower())}"


def cookies(plane: Plane) -> Iterator[str]:
    """Variables for cookies by their exact name: nginx's own know neither case nor all characters."""
    asked = [
        condition.name for rule in plane.rules for condition in rule.conditions if condition.part == "cookie"
    ]
    for name in dict.fromkeys([*plane.sticky.cookies, *asked]):
        first = f"~(?:^|;)[ ]*{re.escape(name)}=([^;]*)"
        yield table("$http_cookie", variable(Part("cookie", name)), [(first, "$1")], default="", plain=False)
