"""Charsets: how the bytes of a text column become text.

The binlog has text as it stands in the table, in the charset of its column. What a byte means there is for the
server to say: its `latin1` is neither ISO 8859-1 nor exactly Windows' 1252. So for charsets of one byte the
server itself is asked for the table of its 256 letters; for the others Python's codec of the same name is used.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from typing import Any, Final

from pymysql.connections import Connection

from strangler.errors import SourceError
from strangler_connectors.mysql.connection import ask

Decode = Callable[[bytes], str]

BINARY: Final = 63
"""The collation of columns that are bytes."""

UTF8: Final = "utf-8"
_CODECS: Final = {
    "utf8": UTF8, "utf8mb3": UTF8, "utf8mb4": UTF8, "ascii": UTF8,
    "ucs2": "utf-16-be", "utf16": "utf-16-be", "utf16le": "utf-16-le", "utf32": "utf-32-be",
    "big5": "big5", "gb2312": "gb2312", "gbk": "gbk", "gb18030": "gb18030", "sjis": "shift_jis", "cp932": "cp932",
    "euckr": "euc_kr", "ujis": "euc_jp", "eucjpms": "euc_jp",
}  # fmt: skip

_MARIADB: Final = """
SELECT id, character_set_name FROM information_schema.collation_character_set_applicability WHERE id IS NOT NULL
"""
_MYSQL: Final = "SELECT id, character_set_name FROM information_schema.collations"
_TABLE: Final = "SELECT CONVERT(CONVERT(UNHEX('{bytes}') USING {charset}) USING utf8mb4)"


class Charsets:
    """The decoders of a server. `decoder` asks the server once for each charset of one byte, over `connect`."""

    def __init__(self, collations: Mapping[int, str], table: Callable[[str], str]) -> None:
        self._collations, self._table = collations, table
        self._decoders: dict[str, Decode] = {}

    def decoder(self, collation: int) -> Decode | None:
        """The decoder of a collation, by its number; None where it is UTF-8. Raises SourceError for one nobody knows."""
        charset = self._collations.get(collation)
        if charset is None:
            raise SourceError(f"the binlog has text in a collation that the server doesn't know: {collation}")
        if _CODECS.get(charset) == UTF8:
            return None
        if charset not in self._decoders:
            self._decoders[charset] = self._make(charset)
        return self._decoders[charset]

    def codec(self, collation: int) -> str | None:
        """Python's name for the charset of a collation, where it has one."""
        return _CODECS.get(self._collations.get(collation, ""))

    def _make(self, charset: str) -> Decode:
        codec = _CODECS.get(charset)
        if codec is not None:
            return lambda raw: raw.decode(codec, "backslashreplace")
        table = self._table(charset)
        if len(table) != 256:
            raise SourceError(
                f"text in the charset {charset} can't be read",
                do="ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4",
            )
        return lambda raw: codecs.charmap_decode(raw, "strict", table)[0]


def collations(connection: Connection[Any]) -> dict[int, str]:
    """The charset of each collation of the server, by the collation's number."""
    query = _MARIADB if "MariaDB" in connection.get_server_info() else _MYSQL
    return {int(number or 0): charset or "" for number, charset in ask(connection, query)}


def letters(connection: Connection[Any], charset: str) -> str:
    """What the 256 bytes of a charset of one byte mean."""
    return ask(connection, _TABLE.format(bytes=bytes(range(256)).hex(), charset=charset))[0][0] or ""
