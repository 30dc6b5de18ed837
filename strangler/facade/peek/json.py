"""JSON: the values at a few dotted paths of a document.

A short document that is there whole takes a quick way: it is parsed by orjson, which keeps the last of two equal keys and
doesn't say so. So the quotes are counted: when `"method"` stands in the bytes exactly as often as the objects on the wanted
paths have that key, none was dropped. Whatever leaves a doubt is read by the scanner.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

import orjson

TEXT_LIMIT: Final = 4096
"""Longest key or wanted value, in bytes; a longer one matches nothing."""

QUICK: Final = 64 * 1024
"""Longest document that is parsed whole, in bytes."""

_SURELY_SHORT: Final = TEXT_LIMIT // 12
"""Characters of a text that is within `TEXT_LIMIT` however it is escaped: two `\\ud83d` stand for one at most."""

_TOKEN: Final = re.compile(rb'"([^"\\]*)"|["{}\[\]:,]|[^\s"{}\[\]:,]+')
_BRACKET: Final = re.compile(rb'(?:"[^"\\]*"|[^"{}\[\]]+)*+(["{}\[\]])')
_QUOTE: Final = re.compile(rb'["\\]')
_LITERAL: Final = re.compile(rb"true|false|null|-?[0-9][-+.0-9eE]*")
_ASCII_ESCAPED: Final = re.compile(rb"\\u00[2-7]")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_$@:+ -]{1,100}")
"""A key that can be spelled in no other way than by itself or with `\\u00..`."""


class Node:
    """A step of the wanted paths: the steps below it, and the full path where one ends here. `index` is what the step is in an
    array."""

    __slots__ = ("below", "index", "path")

    def __init__(self, step: str) -> None:
        self.below: dict[str, Node] = {}
        self.path: str | None = None
        self.index = int(step) if step.isascii() and step.isdigit() and str(int(step)) == step else -1


class Plan:
    """The wanted paths as a tree, and all of their `steps`. `quick`: they are such that the quick way can count them."""

    __slots__ = ("quick", "root", "size", "steps")

    def __init__(self, paths: Collection[str]) -> None:
        self.root, self.size = Node(""), len(paths)
        self.steps = frozenset(step for path in paths for step in path.split("."))
        self.quick = all(_PLAIN_NAME.fullmatch(step) for step in self.steps)
        for path in paths:
            node = self.root
            for step in path.split("."):
                node = node.below.setdefault(step, Node(step))
            node.path = path


plan_of = lru_cache(maxsize=1024)(Plan)


class Frame:
    """An open object or array; `node` is None where no wanted path leads in."""

    __slots__ = ("array", "index", "key", "node", "wants_key")

    def __init__(self, node: Node | None, array: bool) -> None:
        self.node, self.array = node, array
        self.index, self.key, self.wants_key = 0, "", not array

    def child(self) -> Node | None:
        step = str(self.index) if self.array else self.key
        return self.node.below.get(step) if self.node else None


class Scanner:
    """Feed it the document piece by piece. `values` holds what was found so far: None for what isn't a plain value."""

    __slots__ = (
        "_escaped",
        "_frames",
        "_keep",
        "_long",
        "_plan",
        "_seen",
        "_skipping",
        "_text",
        "_word",
        "ambiguous",
        "broken",
        "complete",
        "values",
    )

    def __init__(self, paths: Collection[str]) -> None:
        self._plan = plan_of(paths if isinstance(paths, frozenset) else frozenset(paths))
        self.values: dict[str, str | None] = {}
        self.complete = self.broken = self.ambiguous = False
        self._frames: list[Frame] = []
        self._seen: set[int] = set()
        self._text: bytearray | None = None  # the string that is being read; None outside of one
        self._keep = self._escaped = False
        self._word, self._long = b"", False  # a number or literal that may go on in the next piece
        self._skipping = 0  # open brackets below the last frame that leads anywhere

    @property
    def settled(self) -> bool:
        """Every wanted path was found; what follows can only make it ambiguous."""
        return len(self.values) == self._plan.size

    def feed(self, data: bytes) -> None:
        at, size = 0, len(data)
        while at < size and not self.broken:
            if self._text is not None:
                at = self._in_string(data, at)
            elif self._skipping:
                at = self._skip(data, at)
            else:
                at = self._token(data, at)

    def end(self) -> None:
        """The document is over."""
        self._flush_word()
        self.broken = self.broken or not self.complete or self._text is not None

    def whole(self, body: bytes) -> None:
        """The document, whole: what `feed` and `end` would find, in a fraction of the time where it is short."""
        if not self._quickly(body):
            self.feed(body)
            self.end()

    def _quickly(self, body: bytes) -> bool:
        """Whether the quick way left no doubt; if it did, nothing has changed."""
        values = quickly(self._plan, body)
        if values is None:
            return False
        self.values, self.complete = values, True
        return True

    def _in_string(self, data: bytes, at: int) -> int:
        assert self._text is not None
        if self._escaped:
            self._escaped = False
            self._append(data[at : at + 1])
            return at + 1
        found = _QUOTE.search(data, at)
        stop = found.start() if found else len(data)
        self._append(data[at:stop])
        if not found:
            return stop
        if found[0] == b"\\":
            self._escaped = True
            self._append(b"\\")
        else:
            text, self._text = bytes(self._text), None
            if not self._skipping:
                self._string(text)
        return stop + 1

    def _append(self, piece: bytes) -> None:
        if self._keep and self._text is not None and len(self._text) <= TEXT_LIMIT:
            self._text += piece

    def _skip(self, data: bytes, at: int) -> int:
        """Past everything up to the end of a container that no wanted path leads into."""
        while self._skipping:
            found = _BRACKET.match(data, at)
            if not found:
                return len(data)
            at = found.end()
            if found[1] == b'"':
                self._text, self._keep = bytearray(), False
                return at
            self._skipping += 1 if found[1] in b"{[" else -1
        self._value_done()
        return at

    def _token(self, data: bytes, at: int) -> int:
        if self._word and data[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
            self._flush_word()
        found = _TOKEN.search(data, at)
        if not found:
            self._flush_word()
            return len(data)
        if found.start() > at or found[0][0] in b'"{}[]:,':
            self._flush_word()
            if self.broken:
                return found.end()
        if found[1] is not None:
            self._string(found[1])
            return found.end()
        token = found[0]
        if token not in (b'"', b"{", b"}", b"[", b"]", b":", b","):
            self._word, self._long = self._word + token[:TEXT_LIMIT], self._long or len(token) > TEXT_LIMIT
            if len(self._word) > TEXT_LIMIT:
                self._word, self._long = self._word[:TEXT_LIMIT], True
            if found.end() < len(data):
                self._flush_word()
            return found.end()
        self._punctuation(token)
        return found.end()

    def _punctuation(self, token: bytes) -> None:
        frame = self._frames[-1] if self._frames else None
        if token == b'"':
            self._text, self._keep = bytearray(), True
        elif token in (b"{", b"["):
            self._open(array=token == b"[")
        elif frame is None:
            self.broken = True
        elif token == b",":
            frame.index += 1
            frame.wants_key = not frame.array
        elif token in (b"}", b"]"):
            self._frames.pop()
            self._value_done()

    def _open(self, array: bool) -> None:
        node = self._enter(None)
        if node is None and self._frames:
            self._skipping = 1
        else:
            self._frames.append(Frame(node, array))

    def _string(self, text: bytes) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.wants_key:
            frame.key, frame.wants_key = _decoded(text) or "", False
        else:
            self._enter(_decoded(text))
            self._value_done()

    def _flush_word(self) -> None:
        if self._word:
            word, long = self._word, self._long
            self._word, self._long = b"", False
            if not _LITERAL.fullmatch(word):
                self.broken = True
                return
            self._enter(None if long else word.decode())
            self._value_done()

    def _enter(self, value: str | None) -> Node | None:
        """A value begins at the present place: note it if it is wanted, and give the node that leads on below it."""
        if self.complete:
            self.broken = True
            return None
        if not self._frames:
            return self._plan.root
        node = self._frames[-1].child()
        if node is not None:
            if id(node) in self._seen:
                self.ambiguous = True
            self._seen.add(id(node))
            if node.path is not None and node.path not in self.values:
                self.values[node.path] = value
        return node

    def _value_done(self) -> None:
        if not self._frames:
            self.complete = True


def _decoded(text: bytes) -> str | None:
    """The string that a JSON text stands for; None when it is too long to match or no valid text."""
    if len(text) > TEXT_LIMIT:
        return None
    try:
        decoded: Any = orjson.loads(b'"' + text + b'"')
    except orjson.JSONDecodeError:
        return None
    return str(decoded)


def quickly(plan: Plan, body: bytes) -> dict[str, str | None] | None:
    """What a whole document has on the wanted paths; None where the quick way leaves a doubt."""
    if len(body) > QUICK or not plan.quick or (b"\\" in body and _ASCII_ESCAPED.search(body)):
        return None
    values: dict[str, str | None] = {}
    met: list[str] = []
    try:
        _collect(plan.root, orjson.loads(body), values, met, plan.steps)
    except (orjson.JSONDecodeError, _Doubt):
        return None
    for step in met:
        if body.count(b'"%b"' % step.encode()) != met.count(step):
            return None
    return values


class _Doubt(Exception):
    """A value whose text the quick way can't tell."""


def _collect(
    node: Node, value: Any, values: dict[str, str | None], met: list[str], steps: frozenset[str]
) -> None:
    """What stands below a node; into `met` goes each of the steps that is a key of an object on the way. Raises _Doubt."""
    if type(value) is dict:
        met += [step for step in steps if step in value]
    for step, below in node.below.items():
        if type(value) is dict:
            if step not in value:
                continue
            child = value[step]
        elif type(value) is list and 0 <= below.index < len(value):
            child = value[below.index]
        else:
            continue
        if below.path is not None:
            values[below.path] = _text(child)
        if below.below:
            _collect(below, child, values, met, steps)


def _text(value: Any) -> str | None:
    """A value as it stands in the document. Raises _Doubt for a number that can be written in several ways."""
    if type(value) is str:
        if len(value) > _SURELY_SHORT:
            raise _Doubt
        return value
    if value is None or type(value) is bool:
        return orjson.dumps(value).decode()
    if type(value) is int and value:
        return str(value)
    if type(value) in (dict, list):
        return None
    raise _Doubt
