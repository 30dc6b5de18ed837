"""Statements in the binlog: which tables a DDL statement alters, empties or takes away. Pure: text in, effects out.

The binlog has DDL as it was typed: comments, quotes, several tables in one statement. No grammar of the whole language
is needed to see which tables it names, and a parser that fails on an odd clause at the end would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple


class Effect(Enum):
    """What a statement did to a table."""

    ALTERED = "altered"
    """Its definition is another, its rows go on to be logged."""
    EMPTIED = "emptied"
    """Its rows are gone at once, and no row was logged for that."""
    REPLACED = "replaced"
    """It is gone under this name, or has rows that weren't logged under it."""
    WRITTEN = "written"
    """Rows were written by a statement, of which no row was logged."""


class Touched(NamedTuple):
    """An effect on a table; `table` None: on all of the database."""

    effect: Effect
    schema: str
    table: str | None


class Token(NamedTuple):
    """`quoted`: a name in quotes, which is never a keyword."""

    text: str
    quoted: bool


_TOKEN: Final = re.compile(
    r"""
    (?P<skip> \s+ | /\*M?!\d* | \*/ | /\*(?!M?!).*?\*/ | --(?:\s.*?)?(?:\n|$) | \#.*?(?:\n|$) )
    | `(?P<tick> (?:[^`]|``)* )`
    | "(?P<double> (?:[^"\\]|\\.|"")* )"
    | '(?P<string> (?:[^'\\]|\\.|'')* )'
    | (?P<word> [\w$]+ )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_DATA: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "SELECT", "WITH", "CALL"})
_PARTITIONS: Final = ("PARTITION", "TABLESPACE", "TABLE")


def tokens(sql: str, ansi_quotes: bool = False) -> Iterator[Token]:
    """The words, names and signs of a statement; comments are left out, what `/*! */` hides from others isn't.

    Strings become a sign, so that nothing takes them for names.
    """
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind == "tick":
            yield Token(match["tick"].replace("``", "`"), True)
        elif kind == "double" and ansi_quotes:
            yield Token(match["double"].replace('""', '"'), True)
        elif kind in ("double", "string"):
            yield Token("'", False)
        elif kind != "skip":
            yield Token(match[0], False)


def touched(sql: str, database: str, ansi_quotes: bool = False) -> list[Touched]:
    """What a statement did, executed in `database`. Empty for what concerns no table."""
    cursor = _Cursor(list(tokens(sql, ansi_quotes)), database)
    first = cursor.keyword()
    if first in _DATA:
        return [Touched(Effect.WRITTEN, schema, table) for schema, table in cursor.mentioned()]
    cursor.skip()
    statement = {
        "CREATE": _create, "ALTER": _alter, "RENAME": _rename, "DROP": _drop, "TRUNCATE": _truncate,
    }.get(first)  # fmt: skip
    return list(statement(cursor)) if statement else []


class _Cursor:
    """A place in the tokens of a statement."""

    def __init__(self, tokens: Sequence[Token], database: str) -> None:
        self._tokens, self._database = tokens, database
        self._at = 0

    def keyword(self) -> str:
        """The next token in capitals, empty at the end and for a quoted name."""
        if self._at >= len(self._tokens) or self._tokens[self._at].quoted:
            return ""
        return self._tokens[self._at].text.upper()

    def skip(self) -> None:
        self._at += 1

    def take(self, *words: str) -> bool:
        """Step over these words, if they come next."""
        ahead = [t.text.upper() for t in self._tokens[self._at : self._at + len(words)] if not t.quoted]
        if ahead != list(words):
            return False
        self._at += len(words)
        return True

    def take_any(self, *words: str) -> None:
        """Step over each of these words that comes next, in any order."""
        while self.keyword() in words:
            self.skip()

    def name(self) -> tuple[str, str]:
        """The next name, qualified or not."""
        first = self._part()
        if self.keyword() == ".":
            self.skip()
            return first, self._part()
        return self._database, first

    def names(self) -> Iterator[tuple[str, str]]:
        """Names with commas between them."""
        yield self.name()
        while self.take(","):
            yield self.name()

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def mentioned(self) -> Iterator[tuple[str, str]]:
        """Whatever could be the name of a table."""
        while self.more():
            if (
                self._tokens[self._at].quoted
                or self._tokens[self._at].text[0].isalnum()
                or self.keyword()[0] == "_"
            ):
                yield self.name()
            else:
                self.skip()

    def specifications(self) -> Iterator[None]:
        """Stop at the beginning of each of the parts of an ALTER TABLE, which have commas between them."""
        yield None
        depth = 0
        while self.more():
            sign = self.keyword()
            self.skip()
            depth += (sign == "(") - (sign == ")")
            if sign == "," and not depth:
                yield None

    def _part(self) -> str:
        if not self.more():
            return ""
        self._at += 1
        return self._tokens[self._at - 1].text


def _create(cursor: _Cursor) -> Iterator[Touched]:
    replace = cursor.take("OR", "REPLACE")
    if cursor.take("TABLE"):
        cursor.take("IF", "NOT", "EXISTS")
        name = cursor.name()
        if replace:
            yield Touched(Effect.EMPTIED, *name)
        yield Touched(Effect.ALTERED, *name)
        return
    cursor.take_any("ONLINE", "OFFLINE", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR")
    if cursor.take("INDEX"):
        yield from _index(cursor)


def _index(cursor: _Cursor) -> Iterator[Touched]:
    """The table of CREATE INDEX and DROP INDEX."""
    while cursor.more() and not cursor.take("ON"):
        cursor.skip()
    if cursor.more():
        yield Touched(Effect.ALTERED, *cursor.name())


def _alter(cursor: _Cursor) -> Iterator[Touched]:
    cursor.take_any("ONLINE", "OFFLINE", "IGNORE")
    if not cursor.take("TABLE"):
        return
    cursor.take("IF", "EXISTS")
    name = cursor.name()
    yield Touched(Effect.ALTERED, *name)
    if cursor.take("WAIT"):
        cursor.skip()
    cursor.take("NOWAIT")
    for _ in cursor.specifications():
        other = _moved(cursor)
        if other is not None:
            yield Touched(Effect.REPLACED, *name)
            yield from (Touched(Effect.REPLACED, *each) for each in other)


def _moved(cursor: _Cursor) -> list[tuple[str, str]] | None:
    """The other tables of a part of ALTER TABLE that takes rows away or brings some unseen; None for any other part."""
    if cursor.take("RENAME"):
        if cursor.keyword() in ("COLUMN", "INDEX", "KEY"):
            return None
        cursor.take_any("TO", "AS", "=")
        return [cursor.name()]
    action = cursor.keyword()
    if action in ("EXCHANGE", "CONVERT", "TRUNCATE", "DROP", "DISCARD", "IMPORT"):
        cursor.skip()
        if cursor.keyword() not in _PARTITIONS:
            return None
        return list(_named_tables(cursor)) if action in ("EXCHANGE", "CONVERT") else []
    return None


def _named_tables(cursor: _Cursor) -> Iterator[tuple[str, str]]:
    while cursor.more() and cursor.keyword() != ",":
        if cursor.take("TABLE"):
            yield cursor.name()
        else:
            cursor.skip()


def _rename(cursor: _Cursor) -> Iterator[Touched]:
    if not (cursor.take("TABLE") or cursor.take("TABLES")):
        return
    cursor.take("IF", "EXISTS")
    while cursor.more():
        yield Touched(Effect.REPLACED, *cursor.name())
        while cursor.more() and not (cursor.take("TO") or cursor.take(",")):
            cursor.skip()


def _drop(cursor: _Cursor) -> Iterator[Touched]:
    if cursor.take("DATABASE") or cursor.take("SCHEMA"):
        cursor.take("IF", "EXISTS")
        _, schema = cursor.name()
        yield Touched(Effect.EMPTIED, schema, None)
        yield Touched(Effect.ALTERED, schema, None)
    elif cursor.take("TABLE") or cursor.take("TABLES"):
        cursor.take("IF", "EXISTS")
        for name in cursor.names():
            yield Touched(Effect.EMPTIED, *name)
            yield Touched(Effect.ALTERED, *name)
    elif cursor.take("INDEX"):
        yield from _index(cursor)


def _truncate(cursor: _Cursor) -> Iterator[Touched]:
    cursor.take("TABLE")
    yield Touched(Effect.EMPTIED, *cursor.name())
