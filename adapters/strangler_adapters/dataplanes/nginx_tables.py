"""What each way means in nginx: its upstream, its place in the server, its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from strangler.planes.plane import COMPARER, LEGACY, Split, Upstream
from strangler_adapters.dataplanes.ways import BAD, SAFE, Ways, server_of


def quoted(text: str) -> str:
    """A string of nginx's configuration. Variables in it are put in where nginx allows them."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
    return Servers(
        first.tls, (f"{first.address} max_fails=3 fail_timeout=10s", f"{second.address} backup")
    )


def _blocks(ways: Ways) -> dict[Servers, str]:
    """Each block under the first name that it has."""
    found: dict[Servers, str] = {}
    for name in (*ways.plane.upstreams, *map(server_of, ways.targets)):
        found.setdefault(_servers(ways, name), name)
    return found


def splits(ways: Ways) -> Iterator[str]:
    """`$strangler_split_WEIGHT`: `new` or `legacy` by the caller's bucket for `$strangler_function`. There are as few of them as weights,
    since every variable costs every request some room."""
    key = f"{literal(ways.plane.sticky.salt)}:$strangler_function:$strangler_caller"
    for weight in dict.fromkeys(split.weight for split, _, _ in ways.splits.values()):
        yield (
            f"split_clients {quoted(key)} $strangler_split_{weight} {{\n"
            f"    {weight / 100:.2f}% new;\n    * legacy;\n}}\n"
        )


def _settled(ways: Ways) -> Iterator[str]:
    """`$strangler_settled`: the way, where it was one of two by the caller that one of them."""
    split = {f"split/{name}": known for name, known in ways.splits.items()}
    functions = [(way, way.partition("/")[2]) for way in split]
    yield table("$strangler_routed", "$strangler_function", functions, default="")
    sides = [(way, split_of(known)) for way, (known, _, _) in split.items()]
    yield table("$strangler_routed", "$strangler_side", sides, default="")
    settled = [(f"new/{way}", inside) for way, (_, inside, _) in split.items()]
    settled += [(f"legacy/{way}", outside) for way, (_, _, outside) in split.items()]
    yield table(
        "$strangler_side/$strangler_routed", "$strangler_settled", settled, default="$strangler_routed"
    )


def split_of(split: Split) -> str:
    """The variable that says on which side a caller is, once `$strangler_function` is known."""
    return f"$strangler_split_{split.weight}"


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
    yield from _settled(ways)
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
        found[way] = (
            f"{scheme(target)}://strangler_{blocks[_servers(ways, server_of(way))]}{target.base}"
        )
    return found


def scheme(upstream: Upstream) -> str:
    return "https" if upstream.tls else "http"
