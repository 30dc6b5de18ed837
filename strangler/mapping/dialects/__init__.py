"""The SQL dialects that a mapping is compiled to, each with its own template for every operation of the language.

A database of another dialect gives its legacy rows as they are, and they are translated row by row in Python. For some of these the
mapping is written out all the same, as SQL for people.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.dialects.dialect import Dialect, Inexpressible, Template, Writer, Written
from strangler.mapping.dialects.mysql import Mysql
from strangler.mapping.dialects.oracle import Oracle
from strangler.mapping.dialects.postgres import Postgres
from strangler.mapping.dialects.sqlite import Sqlite
from strangler.mapping.dialects.transpiled import Transpiled
from strangler.mapping.dialects.tsql import Tsql

DIALECTS: Final[dict[str, Dialect]] = {each.name: each for each in (Postgres(), Sqlite(), Mysql())}
"""By sqlglot's name: what databases are asked in."""

TRANSPILED: Final[dict[str, Transpiled]] = {each.name: each for each in (Tsql(), Oracle())}
"""By sqlglot's name: what is only written out, for people."""

__all__ = [
    "DIALECTS",
    "TRANSPILED",
    "Dialect",
    "Inexpressible",
    "Template",
    "Transpiled",
    "Writer",
    "Written",
]
