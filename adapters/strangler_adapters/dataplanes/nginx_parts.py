"""The parts of a request as variables of nginx: `=` and the value, nothing where there is none, `?` where it is said in several ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strangler.planes.automaton import UNCLEAR, Automaton, Part
from strangler.planes.plane import Plane
from strangler_adapters.dataplanes.nginx_tables import table
from strangler_adapters.dataplanes.ways import OVERRIDES

OVERRIDDEN: Final = "".join(f"$http_{name.replace('-', '_')}" for name in OVERRIDES)
"""What is empty where no header puts another method in the place of POST."""


def path(automaton: Automaton) -> str:
    """The regular expression that takes a path apart; possessive, so that it never tries anything twice."""
    taken = "".join(rf"/*+(?<strangler_segment{n}>[^/]*+)" for n in range(automaton.segments))
    return f"(?s)^{taken}"


def variable(part: Part) -> str:
    """The variable of a part."""
    if part.of_path:
        return f"$strangler_{part.kind}{part.number}"
    name = re.sub("[^a-z0-9_]", lambda found: f"_{ord(found[0]):x}_", part.name.lower())
    return f"$strangler_{part.kind}{'_' if name else ''}{name}"


def parts(plane: Plane, automaton: Automaton) -> Iterator[str]:
    """The tables that make the variables."""
    for part in {step.part: None for step in automaton.steps}:
        yield from _ONE[part.kind](part, automaton)
    for name in plane.sticky.cookies:
        yield table(
            "$http_cookie",
            _plain_cookie(name),
            [(rf"~(?:^|;)\s*{re.escape(name)}=([^;]+)", "$1")],
            default="",
            plain=False,
        )


def caller(plane: Plane) -> Iterator[str]:
    """Who the caller is: the first header or cookie that it has, else its address."""
    names = [f"$http_{re.sub('[^a-z0-9_]', '_', name)}" for name in plane.sticky.headers]
    names += [_plain_cookie(name) for name in plane.sticky.cookies]
    found = "$remote_addr"
    for number, name in reversed(list(enumerate(names))):
        made = f"$strangler_caller{number or ''}"
        yield table(name, made, [("", found)], default=name)
        found = made
    if not names:
        yield table("$remote_addr", "$strangler_caller", [], default="$remote_addr")


def _plain_cookie(name: str) -> str:
    return variable(Part("sticky", name))


def _set(part: Part, _: Automaton) -> Iterator[str]:
    yield table(
        f"$strangler_segment{part.number}", variable(part), [(r"~^([^(]*)", "$1")], default="", plain=False
    )


def _short(part: Part, _: Automaton) -> Iterator[str]:
    yield table(
        f"$strangler_set{part.number}", variable(part), [(r"~([^.]*)$", "$1")], default="", plain=False
    )


def _method(part: Part, _: Automaton) -> Iterator[str]:
    yield table(OVERRIDDEN, "$strangler_override", [("", "=POST")], default=UNCLEAR)
    yield table(
        "$request_method", variable(part), [("POST", "$strangler_override")], default="=$request_method"
    )


def _host(part: Part, automaton: Automaton) -> Iterator[str]:
    # What nginx does with names that begin with `*.` is what is wanted: the longest one that fits.
    rows = "".join(f'    {host} "={host}";\n' for host in automaton.values(part))
    yield f'map $host {variable(part)} {{\n    hostnames;\n    default "=";\n{rows}}}\n'


def _header(part: Part, automaton: Automaton) -> Iterator[str]:
    source = f"$http_{re.sub('[^a-z0-9_]', '_', part.name)}"
    listed = [(f"~^{re.escape(value)}$", f"={value}") for value in automaton.values(part) if "," in value]
    yield table(
        source, variable(part), [("~^$", ""), *listed, ("~,", UNCLEAR)], default=f"={source}", plain=False
    )


def _query(part: Part, _: Automaton) -> Iterator[str]:
    name = re.escape(part.name)
    pair = rf"(?:^|&){name}(?:=[^&]*)?"
    unclear = rf"~;|(?:^|&)[^=&]*[%+]|{pair}&(?:.*&)?{name}(?:[=&]|$)|(?:^|&){name}=[^&]*[%+]"
    rows = [(unclear, UNCLEAR), (rf"~(?:^|&){name}=([^&]*)", "=$1"), (rf"~(?:^|&){name}(?:&|$)", "=")]
    yield table("$args", variable(part), rows, default="", plain=False)


def _cookie(part: Part, _: Automaton) -> Iterator[str]:
    name = re.escape(part.name)
    one = rf"(?:^|;)\s*{name}="
    rows = [(rf"~{one}.*;\s*{name}=", UNCLEAR), (rf"~{one}\s*([^;]*?)\s*(?:;|$)", "=$1")]
    yield table("$http_cookie", variable(part), rows, default="", plain=False)


def _nothing(_: Part, __: Automaton) -> Iterator[str]:
    """A segment is taken from the path by the server's own regular expression."""
    yield from ()


_ONE = {
    "segment": _nothing,
    "set": _set,
    "short": _short,
    "method": _method,
    "host": _host,
    "header": _header,
    "query": _query,
    "cookie": _cookie,
}
