"""The quick way through nginx: a `location` for each region of paths in which method and path alone decide.

nginx finds a literal location in a tree, and an upstream that is written down costs no search. Only calls that every server reads
alike are served here; all others go the careful way, which takes the request apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from strangler.planes.automaton import Automaton
from strangler.planes.regions import METHODS, Region, regions
from strangler_adapters.dataplanes.nginx_tables import places, quoted, split_of
from strangler_adapters.dataplanes.ways import Ways

AGAIN: Final = "proxy_next_upstream error timeout http_502 http_503 http_504; proxy_next_upstream_tries 2;"
"""What may be sent again goes to another server of the group, or on another connection."""

_PLAIN: Final = "A-Za-z0-9_.~!&'()*+,=:@$-"
"""Characters of a path that stand for themselves, whoever reads it."""


class Lane(NamedTuple):
    """Calls by these methods whose paths have so many segments (`most` None: or more), and their way."""

    way: str
    methods: tuple[str, ...]
    least: int
    most: int | None

    def line(self, characters: str) -> str:
        """The regular expression of a request line that is one of them and that has one reading."""
        many = f"{{{self.least},{'' if self.most is None else self.most}}}"
        return rf"^(?:{'|'.join(self.methods)}) (?:/(?!\.)[{characters}]++){many}/?(?:\?| HTTP/1\.[01]$)"


class Quick:
    """The locations of one export. What isn't sure is left to `@strangler_careful`."""

    def __init__(self, automaton: Automaton, ways: Ways) -> None:
        self._ways, self._places = ways, places(ways)
        # Where case is nothing, the tree of locations tells it still.
        self._characters = _PLAIN.replace("A-Z", "") if ways.plane.ignore_case else _PLAIN
        segment = re.compile(rf"(?!\.)[{self._characters}]+")
        self._regions = regions(automaton, ways.meaning, lambda text: bool(segment.fullmatch(text)))
        self._writes: dict[Lane, str] = {}

    def locations(self) -> Iterator[str]:
        """Two for each region, that of the path itself and that of all below it, and one for each way that writes have there."""
        for region in self._regions:
            path = "".join(f"/{segment}" for segment in region.path)
            if path:
                yield self._location(f"= {quoted(path)}", region, 0, 0)
            yield self._location(f"^~ {quoted(path + '/')}", region, 0 if not path else 1, None)
        for lane, name in self._writes.items():
            yield _block(f"location {name}", self._written(lane))

    def _location(self, where: str, region: Region, least: int, most: int | None) -> str:
        reads = next(_lanes(region, ("GET", "HEAD"), least, most, self._easy), None)
        if reads is None:
            return _block(f"location {where}", ["return 472;"])
        lines = ["if ($strangler_loop) { return 508; }", f"if ($request !~ {self._line(reads)}) {{ return 472; }}"]
        writes = next(_lanes(region, METHODS[2:], least, most, lambda way: way.startswith("write/")), None)
        if writes is not None:
            name = self._writes.setdefault(writes, f"@strangler_write{len(self._writes)}")
            lines.insert(0, f"error_page 472 = {name};")
        return _block(f"location {where}", [*lines, *self._passed(reads.way)])

    def _easy(self, way: str) -> bool:
        """Whether it takes a few words only to pass reads on."""
        kind, _, name = way.partition("/")
        if kind == "split":
            return all(each.startswith("read/") for each in self._ways.splits[name][1:])
        return kind in ("read", "write")

    def _written(self, lane: Lane) -> Iterator[str]:
        if "POST" in lane.methods:
            yield "if ($strangler_overridden) { return 472; }"
        yield f"if ($request !~ {self._line(lane)}) {{ return 472; }}"
        yield self._pass(lane.way)

    def _passed(self, way: str) -> Iterator[str]:
        kind, _, name = way.partition("/")
        if kind == "split":
            _, inside, way = self._ways.splits[name]
            yield f"if ({split_of(name)} = {quoted(inside)}) {{ {self._pass(inside)} }}"
        if kind != "write":
            yield AGAIN
        yield self._pass(way)

    def _line(self, lane: Lane) -> str:
        return quoted(lane.line(self._characters))

    def _pass(self, way: str) -> str:
        place = self._places[way]
        # With nothing behind the upstream's name nginx passes the target on as it came.
        based = place.count("/") > 2
        return f"proxy_pass {place}{'$request_uri' if based else ''};"


def _lanes(
    region: Region, methods: Sequence[str], least: int, most: int | None, fits: Callable[[str], bool]
) -> Iterator[Lane]:
    """The lanes of a region between these depths whose ways fit: one for each run of depths that have the same way for the same methods."""
    depth, last, above = least, max(least, len(region.depths) - 1 if most is None else most), len(region.path)
    while depth <= last:
        way, alike = _alike(region, depth, methods, fits)
        end = depth
        while end < last and _alike(region, end + 1, methods, fits) == (way, alike):
            end += 1
        if way is not None:
            yield Lane(way, alike, above + depth, None if most is None and end == last else above + end)
        depth = end + 1


def _alike(
    region: Region, depth: int, methods: Sequence[str], fits: Callable[[str], bool]
) -> tuple[str | None, tuple[str, ...]]:
    """The way of the first method that has one that fits, and all methods that have it too."""
    sure = dict(zip(METHODS, region.of(depth), strict=True))
    way = next((found for method in methods if (found := sure[method]) is not None and fits(found)), None)
    return way, tuple(method for method in methods if sure[method] == way)


def _block(head: str, lines: Iterable[str]) -> str:
    return f"    {head} {{\n" + "".join(f"        {line}\n" for line in lines) + "    }\n"
