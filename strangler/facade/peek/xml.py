"""XML: the values at a few dotted paths of local names, for SOAP and XML-RPC.

It reads by expat, which holds nothing of what it has passed. A document type declaration makes it `broken`, before any entity
of it is defined: no caller of a service needs one, and every attack by entities does. What grows with the document is
bounded: its depth, its different names, and its longest tag or comment. A document beyond the bounds can't be watched to its end, so
it is `ambiguous` besides.

Wanted text with a comment inside is `ambiguous`: some servers read `4<!-- -->7` as 47 and some as 4.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final
from xml.parsers import expat

TEXT_LIMIT: Final = 4096
"""Longest wanted text, in characters; a longer one matches nothing."""

TOKEN_LIMIT: Final = 64 * 1024
"""Longest tag, comment or instruction, in bytes."""

DEPTH_LIMIT: Final = 1000
NAMES_LIMIT: Final = 10_000
"""Most different names of elements and attributes: expat remembers each."""

ANY: Final = "*"


class Node:
    """A step of the wanted paths: the steps below it, and the full path where one ends here."""

    __slots__ = ("any", "below", "path")

    def __init__(self, any: bool) -> None:
        self.any = any
        self.below: dict[str, Node] = {}
        self.path: str | None = None


@lru_cache(maxsize=1024)
def _plan(paths: frozenset[str]) -> Node:
    root = Node(any=False)
    for path in paths:
        node = root
        for step in path.split("."):
            node = node.below.setdefault(step, Node(step == ANY))
        node.path = path
    return root


class _Stop(Exception):
    """Raised inside of expat to end it."""


class XmlScanner:
    """Feed it the document piece by piece. `values` holds what was found so far: text without the blanks around it, for a `*` at the end a
    local name, None for an element that holds others or more than `TEXT_LIMIT`."""

    __slots__ = (
        "_depth",
        "_fed",
        "_length",
        "_open",
        "_parser",
        "_reading",
        "_seen",
        "_size",
        "_text",
        "ambiguous",
        "broken",
        "values",
    )

    def __init__(self, names: Collection[str]) -> None:
        wanted = names if isinstance(names, frozenset) else frozenset(names)
        self.values: dict[str, str | None] = {}
        self.broken = self.ambiguous = False
        self._size = len(wanted)
        self._open: list[tuple[Node, ...]] = [
            (_plan(wanted),)
        ]  # the wanted nodes at each depth that leads on
        self._depth = 0  # of the place, counted from the last depth that leads on
        self._seen: set[int] = set()
        self._reading: list[str] = []  # the paths whose text this is
        self._text: list[str] = []
        self._length = self._fed = 0
        self._parser: expat.XMLParserType | None = _parser(self)

    @property
    def settled(self) -> bool:
        """Every wanted value was found; what follows can only make it ambiguous."""
        return len(self.values) == self._size

    def feed(self, data: bytes) -> None:
        self._fed += len(data)
        self._parse(data, last=False)
        parser = self._parser
        if parser is not None and (
            self._fed - parser.CurrentByteIndex > TOKEN_LIMIT or len(parser.intern) > NAMES_LIMIT
        ):
            self._give_up()

    def end(self) -> None:
        """The document is over."""
        self._parse(b"", last=True)
        self._parser = None

    def whole(self, body: bytes) -> None:
        """The document, whole."""
        self.feed(body)
        self.end()

    def _parse(self, data: bytes, last: bool) -> None:
        if self._parser is None:
            return
        try:
            self._parser.Parse(data, last)
        except (_Stop, expat.ExpatError, ValueError, LookupError):
            self.broken, self._parser = True, None

    def _give_up(self) -> None:
        self.broken = self.ambiguous = True
        self._parser = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._reading:
            self._finish(None)
        if self._depth or not (nodes := self._step(name.rpartition(":")[2], attributes)):
            self._depth += 1
            if self._depth + len(self._open) > DEPTH_LIMIT:
                self.ambiguous = True
                raise _Stop
            return
        self._open.append(nodes)

    def stop(self, name: str) -> None:
        if self._depth:
            self._depth -= 1
            return
        if self._reading:
            self._finish("".join(self._text).strip() if self._length <= TEXT_LIMIT else None)
        self._open.pop()

    def text(self, data: str) -> None:
        if self._reading:
            self._length += len(data)
            if self._length <= TEXT_LIMIT:
                self._text.append(data)

    def interrupt(self, *_: str) -> None:
        """A comment or an instruction."""
        if self._reading:
            self.ambiguous = True

    def refuse(self, *_: Any) -> None:
        raise _Stop

    def _step(self, name: str, attributes: Mapping[str, str]) -> tuple[Node, ...]:
        """The wanted nodes that an element at the present place is, noted as seen."""
        nodes = []
        for node in self._open[-1]:
            for step in (name, ANY):
                found = node.below.get(step)
                if found is not None and not (
                    found.any and id(found) in self._seen and _referred(attributes)
                ):
                    nodes.append(found)
                    self._enter(found, name)
        return tuple(nodes)

    def _enter(self, node: Node, name: str) -> None:
        if id(node) in self._seen:
            self.ambiguous = True
        self._seen.add(id(node))
        if node.path is None:
            return
        if node.any:
            self.values.setdefault(node.path, name)
        else:
            self._reading.append(node.path)

    def _finish(self, value: str | None) -> None:
        for path in self._reading:
            self.values.setdefault(path, value)
        self._reading, self._text, self._length = [], [], 0


def _referred(attributes: Mapping[str, str]) -> bool:
    """Whether an element behind the first one only holds what that refers to, as in the encoding of SOAP 1.1, section 5."""
    return "id" in attributes or any(
        name.rpartition(":")[2] == "root" and value == "0" for name, value in attributes.items()
    )


def _parser(scanner: XmlScanner) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.StartElementHandler = scanner.start
    parser.EndElementHandler = scanner.stop
    parser.CharacterDataHandler = scanner.text
    parser.CommentHandler = parser.ProcessingInstructionHandler = scanner.interrupt
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = scanner.refuse
    return parser
