"""What each way means in nginx: its upstream, its place in the server, its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from strangler.planes.plane import COMPARER, LEGACY, Upstream
from strangler_adapters.dataplanes.ways import BAD, SAFE, Ways, server_of


def quoted(text: str) -> str:
    """A string of nginx's configuration. Variables in it are put in where nginx allows them."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


AGAIN: Final = "proxy_next_upstream error timeout http_502 http_503 http_504; proxy_next_upstream_tries 2;"
"""What may be sent again goes to another server of the group, or on another connection."""

DOLLAR: Final = 'geo $strangler_dollar {\n    default "$";\n}\n'
"""A variable that is a dollar sign: nginx has no other way to write one where variables are put in."""


def literal(text: str) -> str:
    """A text that stays as it is where variables are put in."""
    return text.replace("$", "${strangler_dollar}")


def table(key: str, made: str, rows: Iterable[tuple[str, str]], *, default: str, plain: bool = True) -> str:
    """A `map` that makes the variable `made` of `key`. `plain`: the rows are texts, not regular expressions."""
    lines = [f"    {quoted(_text(known) if plain else known)} {quoted(value)};\n" for known, value in rows]
    return f"map {quoted(key)} {made} {{\n    default {quoted(default)};\n{''.join(lines)}}}\n"


def _text(known: str) -> str:
    """A text as a key: some words and a tilde at the beginning mean something else."""
    special = known.startswith("~") or known in ("default", "hostnames", "include", "volatile")
    return f"\\{known}" if special else known


def alike(one: Upstream, other: Upstream) -> bool:
    """nginx puts scheme and path in front before it chooses among the servers of a group."""
    return (one.tls, one.base) == (other.tls, other.base)


def upstreams(ways: Ways) -> Iterator[str]:
    """Blocks of servers, one for all upstreams that are the same servers."""
    for servers, name in _blocks(ways).items():
        lines = "".join(f"    server {each};\n" for each in servers.lines)
        # Kept for less than servers keep them, so that a write seldom meets a connection that is just being closed.
        yield f"upstream strangler_{name} {{\n{lines}    keepalive 64;\n    keepalive_timeout 2s;\n}}\n"


class Servers(NamedTuple):
    """What stands in a block. Connections with and without TLS are kept apart."""

    tls: bool
    lines: tuple[str, ...]


def _servers(ways: Ways, name: str) -> Servers:
    """The servers of an upstream, or of two (`X_or_legacy`) of which a dead one is passed over for ten seconds after three failures."""
    known = ways.plane.upstreams
    if name == COMPARER:
        # One that hangs is passed over too, for a server that refuses at once: nobody may wait for it.
        return Servers(
            known[name].tls, (f"{known[name].address} max_fails=1 fail_timeout=5s", "127.0.0.1:9 backup")
        )
    if name in known:
        return Servers(known[name].tls, (known[name].address,))
    first, second = known[name.removesuffix(f"_or_{LEGACY}")], known[LEGACY]
    return Servers(first.tls, (f"{first.address} max_fails=3 fail_timeout=10s", f"{second.address} backup"))


def _blocks(ways: Ways) -> dict[Servers, str]:
    """Each block under the first name that it has."""
    found: dict[Servers, str] = {}
    for name in (*ways.plane.upstreams, *map(server_of, ways.targets)):
        found.setdefault(_servers(ways, name), name)
    return found


def splits(ways: Ways) -> Iterator[str]:
    """The way of a caller in `$strangler_area`, which is a function. Functions that share weight and ways share a table too, since
    every variable costs every request some room."""
    key = f"{literal(ways.plane.sticky.salt)}:$strangler_area:$strangler_caller"
    for name, (weight, inside, outside) in dict(zip(*_split(ways), strict=True)).items():
        yield (
            f"split_clients {quoted(key)} {name} {{\n"
            f"    {weight / 100:.2f}% {quoted(inside)};\n    * {quoted(outside)};\n}}\n"
        )


def split_variables(ways: Ways) -> dict[str, str]:
    """For each function whose callers are divided the variable that has the way of a caller."""
    return dict(zip(ways.splits, _split(ways)[0], strict=True))


def _split(ways: Ways) -> tuple[list[str], list[tuple[int, str, str]]]:
    """For each of these functions the variable, and what it is made of: weight, the way inside of it, the way outside."""
    alike = same(ways)
    names: dict[tuple[int, str, str], str] = {}
    made = [(split.weight, alike[inside], alike[outside]) for split, inside, outside in ways.splits.values()]
    for each in made:
        names.setdefault(each, f"$strangler_split{len(names)}")
    return [names[each] for each in made], made


def tables(ways: Ways) -> Iterator[str]:
    """From the way to what it means."""
    safe = [(method, "read/legacy") for method in SAFE]
    yield table("$request_method", "$strangler_unrouted", safe, default="write/legacy")
    yield table(
        "$strangler_shape",
        "$strangler_way",
        [("bad", BAD), ("odd", ways.unclear)],
        default="$strangler_settled",
    )
    functions = [(f"split/{name}", name) for name in ways.splits]
    yield table("$strangler_routed", "$strangler_function", functions, default="")
    sides = [(f"split/{name}", variable) for name, variable in split_variables(ways).items()]
    yield table("$strangler_routed", "$strangler_settled", sides, default="$strangler_routed")
    for share in ways.shares:
        yield _draw(share)
    kinds = [(way, _kind(way)) for way in (*ways.targets, *ways.refused)]
    yield table("$strangler_way", "$strangler_kind", kinds, default="refuse")
    yield _meaning("target", places(ways))
    yield _meaning("status", {way: str(refuse.status) for way, refuse in ways.refused.items()})
    yield _meaning("why", {way: literal(refuse.why) for way, refuse in ways.refused.items()})
    waits = {way: str(refuse.retry_after) for way, refuse in ways.refused.items() if refuse.retry_after}
    yield _meaning("retry_after", waits)


def _kind(way: str) -> str:
    kind, *more = way.split("/")
    return _drawn(float(more[0])) if kind == "mirror" else kind


def _drawn(share: float) -> str:
    """The variable that says whether this read is among those that are mirrored."""
    return f"$strangler_drawn_{round(share * 10_000)}" if share < 1 else "mirror"


def _draw(share: float) -> str:
    if share >= 1:
        return ""
    return (
        f'split_clients "$request_id" {_drawn(share)} {{\n    {share * 100:.2f}% mirror;\n    * read;\n}}\n'
    )


def _meaning(name: str, rows: Mapping[str, str]) -> str:
    return table("$strangler_way", f"$strangler_{name}", rows.items(), default="")


def places(ways: Ways) -> dict[str, str]:
    """Where each way leads: a URL in front of whose path nothing stands passes a target on as it came."""
    blocks = _blocks(ways)
    found = {}
    for way, to in ways.targets.items():
        target = ways.plane.upstreams[to.upstream]
        found[way] = f"{scheme(target)}://strangler_{blocks[_servers(ways, server_of(way))]}{target.base}"
    return found


def certified(ways: Ways) -> str:
    """`$strangler_certified`: the name that the certificate of an upstream must have."""
    known = ways.plane.upstreams
    named = {urlsplit(place).netloc: ways.targets[way].upstream for way, place in places(ways).items()}
    if COMPARER in known:
        named[f"strangler_{COMPARER}"] = COMPARER
    hosts = [(block, known[name].host) for block, name in named.items()]
    return table("$proxy_host", "$strangler_certified", hosts, default="")


def same(ways: Ways) -> dict[str, str]:
    """For each way the first one that is the same to nginx: of the same kind, to the same place."""
    first: dict[tuple[str, str], str] = {}
    known = places(ways)
    return {way: first.setdefault((way.rpartition("/")[0], known[way]), way) for way in ways.targets}


def passing(place: str) -> str:
    """The directive that passes a call on to a place that is written down."""
    # With nothing behind the upstream's name nginx passes the target on as it came.
    return f"proxy_pass {place}{'$request_uri' if place.count('/') > 2 else ''};"


def scheme(upstream: Upstream) -> str:
    return "https" if upstream.tls else "http"
