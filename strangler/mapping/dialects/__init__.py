"""The SQL dialects that a mapping is compiled to, each with its own template for every operation of the language.

A database of another dialect gives its legacy rows as they are, and they are translated row by row in Python.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.dialects.dialect import Dialect, Inexpressible, Template, Written
from strangler.mapping.dialects.mysql import Mysql
from strangler.mapping.dialects.postgres import Postgres
from strangler.mapping.dialects.sqlite import Sqlite

DIALECTS: Final[dict[str, Dialect]] = {each.name: each for each in (Postgres(), Sqlite(), Mysql())}
"""By sqlglot's name."""

__all__ = ["DIALECTS", "Dialect", "Inexpressible", "Template", "Written"]
