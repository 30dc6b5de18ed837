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
from strangler_adapters.dataplanes.nginx_tables import places, quoted, split_of, table
from strangler_adapters.dataplanes.ways import Ways

AGAIN: Final = "proxy_next_upstream error timeout http_502 http_503 http_504; proxy_next_upstream_tries 2;"
"""What may be sent again goes to another server of the group, or on another connection."""

_PLAIN: Final = "A-Za-z0-9_.~!&'()*+,=:@$-"
"""Characters of a path that stand for themselves, whoever reads it."""


class Line(NamedTuple):
    """Request lines with one of these methods and so many segments in the path (`most` None: or more) that have one reading."""

    methods: tuple[str, ...]
    least: int
    most: int | None

    def pattern(self, characters: str) -> str:
        """The regular expression."""
        many = f"{{{self.least},{'' if self.most is None else self.most}}}"
        return rf"^(?:{'|'.join(self.methods)}) (?:/(?!\.)[{characters}]++){many}/?(?:\?| HTTP/1\.[01]$)"


class Lane(NamedTuple):
    """Calls that are alike: their request lines, and their way."""

    line: Line
    way: str


class Quick:
    """The locations of one export. What isn't sure is left to `@strangler_careful`."""

    def __init__(self, automaton: Automaton, ways: Ways) -> None:
        self._ways, self._places = ways, places(ways)
        # Where case is nothing, the tree of locations tells it still.
        self._characters = _PLAIN.replace("A-Z", "") if ways.plane.ignore_case else _PLAIN
        segment = re.compile(rf"(?!\.)[{self._characters}]+")
        self._regions = regions(automaton, ways.meaning, lambda text: bool(segment.fullmatch(text)))
        self._lines: dict[Line, str] = {}
        self._writes: dict[Lane, str] = {}
        self._located = [piece for region in self._regions for piece in self._of(region)]
        self._located += [_block(f"location {name}", self._written(lane)) for lane, name in self._writes.items()]

    @property
    def locations(self) -> str:
        """Two for each region, that of the path itself and that of all below it, and one for each way that writes have there."""
        return "\n".join(self._located)

    def tables(self) -> Iterator[str]:
        """One for each kind of request line. Locations share them, so that few expressions stay in the processor's caches."""
        for line, name in self._lines.items():
            yield table("$request", name, [(f"~{line.pattern(self._characters)}", "1")], default="", plain=False)

    def _of(self, region: Region) -> Iterator[str]:
        path = "".join(f"/{segment}" for segment in region.path)
        if path:
            yield self._location(f"= {quoted(path)}", region, 0, 0)
        yield self._location(f"^~ {quoted(path + '/')}", region, 0 if not path else 1, None)

    def _location(self, where: str, region: Region, least: int, most: int | None) -> str:
        reads = next(_lanes(region, ("GET", "HEAD"), least, most, self._easy), None)
        if reads is None:
            return _block(f"location {where}", ["return 472;"])
        lines = ['if ($strangler_via = loop) { return 508; }', self._only(reads.line)]
        writes = next(_lanes(region, METHODS[2:], least, most, lambda way: way.startswith("write/")), None)
        if writes is not None:
            name = self._writes.setdefault(writes, f"@strangler_write{len(self._writes)}")
            lines.insert(0, f"error_page 472 = {name};")
        return _block(f"location {where}", [*lines, *self._passed(reads.way)])

    def _only(self, line: Line) -> str:
        """Calls with other lines go the next way."""
        name = self._lines.setdefault(line, f"$strangler_line{len(self._lines)}")
        return f"if ({name} = '') {{ return 472; }}"

    def _written(self, lane: Lane) -> Iterator[str]:
        if "POST" in lane.line.methods:
            yield "if ($strangler_overridden) { return 472; }"
        yield self._only(lane.line)
        yield self._pass(lane.way)

    def _easy(self, way: str) -> bool:
        """Whether it takes a few words only to pass reads on."""
        kind, _, name = way.partition("/")
        if kind == "split":
            return all(each.startswith("read/") for each in self._ways.splits[name][1:])
        return kind in ("read", "write")

    def _passed(self, way: str) -> Iterator[str]:
        kind, _, name = way.partition("/")
        if kind == "split":
            split, inside, way = self._ways.splits[name]
            yield f"set $strangler_function {name};"
            yield f"if ({split_of(split)} = new) {{ {self._pass(inside)} }}"
        if kind != "write":
            yield AGAIN
        yield self._pass(way)

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
            deepest = None if most is None and end == last else above + end
            yield Lane(Line(alike, above + depth, deepest), way)
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
