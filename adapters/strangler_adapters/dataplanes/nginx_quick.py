"""The quick way through nginx: GET of paths where nothing but the path decides, which most calls are.

One regular expression lets those through that every server reads alike, and cuts off the beginning of the path; a hash says what
becomes of it. All other calls take the careful way. It is one `location` for all functions: with one for each, the processor's caches
would hold none of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from strangler.planes.automaton import Automaton
from strangler.planes.plane import Rule
from strangler.planes.regions import Region, by_method, regions
from strangler_adapters.dataplanes.nginx_tables import (
    AGAIN,
    passing,
    places,
    quoted,
    same,
    split_variables,
    table,
)
from strangler_adapters.dataplanes.ways import Ways

WRITTEN: Final = 8
"""Most places that are written down; beyond them nginx looks for the upstream by its name, one after the other."""

_ANY: Final = r"(?!\.)[A-Za-z0-9_.~!&'()*+,=:@$-]++"
"""A segment of characters that stand for themselves, whoever reads the path."""

_LOWER: Final = _ANY.replace("A-Z", "")
"""The same where it is looked up: case is nothing to a `map`."""

_END: Final = r"/?(?:\?| HTTP/1\.[01]$)"


class Quick:
    """The tables and the location of one export."""

    def __init__(self, automaton: Automaton, ways: Ways) -> None:
        self._ways, self._same, self._places = ways, same(ways), places(ways)
        known = re.compile(_LOWER)
        everywhere, *self._regions = regions(
            automaton, by_method(automaton, "GET", self._area), lambda segment: bool(known.fullmatch(segment))
        )
        self._rest = everywhere.depths[0] or "" if len(everywhere.depths) == 1 else ""
        by_length: dict[int, list[Region]] = {}
        for region in sorted(self._regions, key=lambda region: -len(region.path)):
            by_length.setdefault(len(region.path), []).append(region)
        self._by_length = by_length
        self._known = range(min(by_length, default=0), max(by_length, default=0) + 1)

    def _area(self, rule: Rule | None) -> str:
        """The way, or the function where it depends on the caller; nothing for what isn't quick."""
        way = self._ways.of(rule) if rule is not None else "read/legacy"
        kind, _, name = way.partition("/")
        if kind == "split":
            easy = all(each.startswith("read/") for each in self._ways.splits[name][1:])
            return name if easy else ""
        return self._same[way] if kind == "read" else ""

    def tables(self) -> Iterator[str]:
        """`$strangler_area`: what becomes of calls like this one; by the longest beginning of the path that is known. `$strangler_goes`:
        what becomes of this caller's."""
        lengths = list(self._by_length)
        names = ["$strangler_area", *(f"$strangler_area{length}" for length in lengths[1:])]
        for length, name, shorter in zip(lengths, names, [*names[1:], self._rest], strict=False):
            yield table(self._key(length), name, self._rows(length), default=shorter)
        if not lengths:
            yield table("$request_method", "$strangler_area", [], default=self._rest)
        functions = split_variables(self._ways)
        yield table("$strangler_area", "$strangler_goes", functions.items(), default="$strangler_area")
        yield table("$strangler_goes", "$strangler_place", self._places.items(), default="")

    def location(self) -> Iterator[str]:
        """The lines of the location."""
        yield f"if ($request !~ {quoted(self._line())}) {{ return 472; }}"
        yield "if ($strangler_goes = '') { return 472; }"
        used = [way for way, _ in self._used().most_common(WRITTEN + 1)]
        *some, last = used or ["read/legacy"]
        for way in some[:WRITTEN]:
            yield f"if ($strangler_goes = {quoted(way)}) {{ {passing(self._places[way])} }}"
        yield AGAIN
        yield (
            "proxy_pass $strangler_place$request_uri;" if len(used) > WRITTEN else passing(self._places[last])
        )

    def _used(self) -> Counter[str]:
        """The ways of quick calls, by how many beginnings have them."""
        found: Counter[str] = Counter()
        for area in (self._rest, *(area for region in self._regions for area in region.depths)):
            if area in self._ways.splits:
                found.update(self._same[way] for way in self._ways.splits[area][1:])
            elif area:
                found[area] += 1
        return found

    def _marks(self, length: int) -> int:
        """How many segments behind beginnings of this length matter by their number."""
        return max(len(region.depths) for region in self._by_length[length]) - 1

    def _key(self, length: int) -> str:
        """The beginning as it was cut off, and a slash for each segment behind it, as far as their number matters."""
        cut = "".join(f"$strangler_cut{number}" for number in self._known if number <= length)
        return cut + "".join(f"$strangler_mark{length + n}" for n in range(1, self._marks(length) + 1))

    def _rows(self, length: int) -> Iterator[tuple[str, str]]:
        for region in self._by_length[length]:
            path = "".join(f"/{segment}" for segment in region.path)
            for depth in range(self._marks(length) + 1):
                yield path + "/" * depth, region.of(depth) or ""

    def _line(self) -> str:
        """The request line of a quick call: a regular expression that cuts the path at each place where a beginning may end."""
        if not self._by_length:
            return f"^GET (?:/{_ANY})*{_END}"
        deepest = max(length + self._marks(length) for length in self._by_length)
        behind = f"(?:/{_ANY})*"
        for number in range(deepest, self._known.start, -1):
            segment = f"(?<strangler_cut{number}>(?<strangler_mark{number}>/){_LOWER})"
            if number not in self._known:
                segment = f"(?<strangler_mark{number}>/){_ANY}"
            behind = f"(?:{segment}{behind})?"
        first = self._known.start
        return f"^GET (?:(?<strangler_cut{first}>(?:/{_LOWER}){{{first}}}){behind}|(?:/{_LOWER}){{0,{first - 1}}}){_END}"
