"""Peek: the values at a few dotted paths of a JSON document that comes in pieces, in constant memory.

Some ERPs send every call to one URL and name the function in the body, before or after megabytes of attachment. The
scanner follows the document only where a wanted path leads and skips everything else by brackets and quotes. It goes on
while the body streams through, since a second `"method"` behind the part that routing looked at would make the
server obey another call than the one that was routed; such a body is `ambiguous` and must not arrive whole.

It isn't a validator: what is broken here is broken for the server too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

TEXT_LIMIT: Final = 4096
"""Longest key or wanted value, in bytes; a longer one matches nothing."""

_TOKEN: Final = re.compile(rb'"([^"\\]*)"|["{}\[\]:,]|[^\s"{}\[\]:,]+')
_BRACKET: Final = re.compile(rb'(?:"[^"\\]*"|[^"{}\[\]]+)*+(["{}\[\]])')
_QUOTE: Final = re.compile(rb'["\\]')
_LITERAL: Final = re.compile(rb"true|false|null|-?[0-9][-+.0-9eE]*")


class Node:
    """A step of the wanted paths: the steps below it, and the full path where one ends here."""

    __slots__ = ("below", "path")

    def __init__(self) -> None:
        self.below: dict[str, Node] = {}
        self.path: str | None = None


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

    def __init__(self, paths: Iterable[str]) -> None:
        self._root = Node()
        self.values: dict[str, str | None] = {}
        self.complete = self.broken = self.ambiguous = False
        self._wanted = 0
        for path in paths:
            node = self._root
            for step in path.split("."):
                node = node.below.setdefault(step, Node())
            node.path = path
            self._wanted += 1
        self._frames: list[Frame] = []
        self._seen: set[int] = set()
        self._text: bytearray | None = None  # the string that is being read; None outside of one
        self._keep = self._escaped = False
        self._word = b""  # a number or literal that may go on in the next piece
        self._skipping = 0  # open brackets below the last frame that leads anywhere

    @property
    def settled(self) -> bool:
        """Every wanted path was found; what follows can only make it ambiguous."""
        return len(self.values) == self._wanted

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
        if found.start() > at:
            self._flush_word()
        if found[1] is not None:
            self._flush_word()
            self._string(found[1])
            return found.end()
        token = found[0]
        if token not in (b'"', b"{", b"}", b"[", b"]", b":", b","):
            self._word += token
            if len(self._word) > TEXT_LIMIT:
                self.broken = True
            elif found.end() < len(data):
                self._flush_word()
            return found.end()
        self._flush_word()
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
            word, self._word = self._word, b""
            if not _LITERAL.fullmatch(word):
                self.broken = True
                return
            self._enter(word.decode("utf-8", "replace"))
            self._value_done()

    def _enter(self, value: str | None) -> Node | None:
        """A value begins at the present place: note it if it is wanted, and give the node that leads on below it."""
        if self.complete:
            self.broken = True
            return None
        if not self._frames:
            return self._root
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
