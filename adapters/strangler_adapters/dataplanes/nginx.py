"""nginx: a file to be included in `http { }`, for nginx 1.18 or newer without any module of others.

What the beginning of a path decides takes the quick way (`nginx_quick`). For all else one regular expression takes the path apart, and
every part is looked up in a hash (`map`): what a call costs depends on how many parts the routes look at, not on how many functions
there are. nginx compares the texts of a `map` without regard to case; where case matters the text that was found is compared once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from strangler.planes.automaton import UNCLEAR, Automaton, Step, build
from strangler.planes.export import Export, heading
from strangler.planes.plane import Plane
from strangler_adapters.dataplanes.nginx_parts import caller, parts, path, variable
from strangler_adapters.dataplanes.nginx_quick import Quick
from strangler_adapters.dataplanes.nginx_server import server
from strangler_adapters.dataplanes.nginx_tables import (
    DOLLAR,
    alike,
    literal,
    splits,
    table,
    tables,
    upstreams,
)
from strangler_adapters.dataplanes.ways import UNCLEAR_NOTE, Ways

FILE: Final = "strangler.nginx.conf"

UNVERIFIED: Final = (
    "nginx verifies the certificates of upstreams only where http { } has proxy_ssl_verify on and "
    "proxy_ssl_trusted_certificate."
)

NOTES: Final = (
    "Callers are divided by nginx's own hash (MurmurHash2): as many of them are answered by new, but not the same ones as by the facade.",
    UNCLEAR_NOTE,
    "Timeouts count from one piece of an answer to the next, not over the whole call.",
    "Say `pcre_jit on;` at the top of nginx.conf: without it nginx reads regular expressions several times as slowly.",
    "GET of what the beginning of a path decides costs little more than with proxy_pass alone; all else two to three times as much.",
    "Of a header that a route looks at and that comes on two lines, nginx before 1.23 sees the first.",
)

_SAME: Final = r"~^(?:=.*?/\d+/)*?=(.*?)/(\d+)/(?:=.*?/\d+/)*:\1$"
"""Finds among the texts of a value (see `_folded`) the one that stands behind it, letter by letter."""


def compile(plane: Plane) -> Export:
    """The picture as one file of nginx."""
    automaton, ways = build(plane.rules), Ways(plane, alike)
    quick = Quick(automaton, ways)
    tls = [UNVERIFIED] if any(each.tls for each in plane.upstreams.values()) else []
    notes = (*plane.notes, *NOTES, *tls, *ways.notes)
    pieces = [
        heading(plane, "nginx, to be included in http { }", notes),
        _sizes(automaton),
        DOLLAR,
        *upstreams(ways),
        *caller(plane),
        *splits(ways),
        *parts(plane, automaton),
        *_walk(automaton, plane.ignore_case),
        _chosen(automaton, ways),
        *tables(ways),
        *quick.tables(),
        server(plane, ways, path(automaton), quick.location()),
    ]
    return Export({FILE: "\n".join(pieces)}, notes)


def _sizes(automaton: Automaton) -> str:
    """Room for the look-ups: nginx makes its hashes when it starts, and wants to be told how large they may be."""
    keys = [len(value.encode()) for step in automaton.steps for node in step.nodes for value in node.edges]
    bucket = 1 << max(7, (max(keys, default=0) + 64).bit_length())
    entries = max(2048, 1 << (2 * max(len(keys), len(automaton.ends))).bit_length())
    return (
        f"map_hash_bucket_size {bucket};\nmap_hash_max_size {entries};\n"
        "variables_hash_max_size 8192;\nvariables_hash_bucket_size 128;\n"
    )


def _walk(automaton: Automaton, ignore_case: bool) -> Iterator[str]:
    """One step after the other: `$strangler_at3` is the node at which the walk stands after step 3."""
    before = str(automaton.start)
    for number, step in enumerate(automaton.steps):
        yield from _step(number, step, before, automaton.unclear, ignore_case)
        before = f"$strangler_at{number}"


def _step(number: int, step: Step, before: str, unclear: int, ignore_case: bool) -> Iterator[str]:
    value, at, other = variable(step.part), f"$strangler_at{number}", f"$strangler_other{number}"
    mark = "" if step.part.of_path else "="
    edges = [(node.id, f"{mark}{text}", to) for node in step.nodes for text, to in node.edges.items()]
    edges += [(node.id, "", node.absent) for node in step.nodes]
    if not step.part.of_path:
        edges += [(node.id, UNCLEAR, unclear) for node in step.nodes]
    known = step.part.kind in ("method", "host") or (ignore_case and step.part.of_path)
    if not known and any(_cased(text) for _, text, _ in edges):
        hit = f"$strangler_hit{number}"
        yield table(f"{before}/{value}", hit, _folded(edges).items(), default="-")
        yield table(f"{hit}:{value}", at, [(_SAME, "$2")], default=other, plain=False)
    else:
        yield table(
            f"{before}/{value}", at, [(f"{node}/{text}", str(to)) for node, text, to in edges], default=other
        )
    others = [(str(node.id), str(node.other)) for node in step.nodes]
    yield table(before, other, others, default=before)


def _folded(edges: Iterable[tuple[int, str, int]]) -> dict[str, str]:
    """Edges by a key that knows no case; the value has each text as it must be, and where it leads: `=Sale/4/=sale/7/`."""
    found: dict[str, str] = {}
    for node, text, to in edges:
        key = f"{node}/{text}".encode().lower().decode()  # as nginx folds: ASCII alone
        found[key] = f"{found.get(key, '')}={literal(text)}/{to}/"
    return found


def _chosen(automaton: Automaton, ways: Ways) -> str:
    last = f"$strangler_at{len(automaton.steps) - 1}" if automaton.steps else str(automaton.start)
    ends = [(str(node), ways.of(rule)) for node, rule in automaton.ends.items() if rule is not None]
    ends.append((str(automaton.unclear), ways.unclear))
    return table(last, "$strangler_routed", ends, default="$strangler_unrouted")


def _cased(text: str) -> bool:
    return text.lower() != text.upper()
