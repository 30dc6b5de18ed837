"""The starter: a first `strangler.yaml` from a live legacy database, with its real tables, columns and keys.

Pure: tables in, text out. The text passes `strangler config check` as it is; its comments say what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from strangler.names import as_name
from strangler.shapes import Column, Table

PASSWORD: Final = "LEGACY_PASSWORD"
"""The environment variable that the starter refers to in place of the password in the URL."""

_USERINFO: Final = re.compile(r"(://[^:/?#@]*):.*@", re.DOTALL)

HEAD: Final = """\
# What moves from the legacy ERP to new services.
#
#   strangler config check     names everything that is wrong in this file, and in the mappings below
#   strangler run              starts the sync (and the facade, once it is set up below)
#   strangler plan FUNCTION    says what the next step of a function needs and does
#
# ${{NAME}} stands for an environment variable, ${{NAME:-default}} for one that may be missing.

name: {name}

sources:
  legacy:                            # read by change data capture; its rows are never written to
    kind: {kind}
    url: {url}

stores:
  new:                               # the state of the new services; SQLite to begin with
    url: sqlite:///new.db            # later: postgresql://user:${{PASSWORD}}@host/db

# The front that callers use. Uncomment it when the first new service is there, and give its function `service` and `routes`.
#
# facade:
#   port: 8080
#   legacy: http://127.0.0.1:8000    # where the legacy ERP answers

# A function is a business capability that is cut over as one unit. There is one for each table here; put entities
# that belong together under one function.
functions:
"""

FUNCTION: Final = """\
  {quoted}:
    title: {title}
    source: legacy
    store: new
    entities:
      {quoted}:
        table: {table}
        key: {key}
        fields:                      # field of the new service: SQL over the columns; rename, convert, leave out
{fields}
        # events:                    # names in the past tense; by default {event}Created, …Changed, …Removed
        #   changed:
        #     - {{name: {event}Renamed, when: "…"}}
        #     - {event}Changed
    # service: {{url: "http://127.0.0.1:9001"}}
    # routes:
    #   - {{match: {{path: "/{function}/{{id}}", method: [GET]}}, kind: read}}
    #   - {{match: {{path: "/{function}/{{id}}", method: [PUT, DELETE]}}, kind: write}}
"""


def starter(kind: str, url: str, tables: Sequence[Table], name: str = "migration") -> str:
    """The text of the file. Each of the tables has a key; a password in the URL becomes a reference to PASSWORD."""
    head = HEAD.format(name=name, kind=kind, url=_quoted(without_password(url)))
    functions = _unique([table.name.rsplit(".", 1)[-1] for table in tables])
    return head + "\n".join(_function(name, table) for name, table in zip(functions, tables, strict=True))


def without_password(url: str) -> str:
    """The URL with `${LEGACY_PASSWORD}` for its password; as it is when it has none."""
    return _USERINFO.sub(rf"\g<1>:${{{PASSWORD}}}@", url.replace("${", "$${"), count=1)


def _function(function: str, table: Table) -> str:
    columns = [column.name for column in table.columns]
    names = dict(zip(columns, _unique(columns), strict=True))
    key = [_quoted(names[column]) for column in table.key]
    return FUNCTION.format(
        function=function,
        quoted=_quoted(function),
        title=_quoted(function.replace("_", " ").capitalize()),
        table=_literal(table.name),
        key=key[0] if len(key) == 1 else f"[{', '.join(key)}]",
        fields="\n".join(_fields(table, names)),
        event="".join(part.capitalize() for part in function.split("_")),
    )


def _unique(texts: Sequence[str]) -> list[str]:
    """Each text as a name of the configuration, and no name twice."""
    names: list[str] = []
    for text in texts:
        wanted = name = as_name(text)
        number = 2
        while name in names:
            name = f"{wanted[:38]}_{number}"
            number += 1
        names.append(name)
    return names


def _fields(table: Table, names: dict[str, str]) -> Iterator[str]:
    lines = [
        (f"          {_quoted(names[c.name])}: {_literal(_expression(c.name))}", c) for c in table.columns
    ]
    width = min(max(len(line) for line, _ in lines), 60)
    for line, column in lines:
        yield f"{line:<{width}}  # {_remark(column)}"


def _remark(column: Column) -> str:
    declared = " ".join(column.declared.split()) or column.type.value
    return declared if column.nullable else f"{declared}, never NULL"


def _expression(column: str) -> str:
    """The column as SQL: bare where that means the column, in double quotes where it would mean something else."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", column) and _means_itself(column):
        return column
    return exp.to_identifier(column, quoted=True).sql(dialect="postgres")


def _means_itself(word: str) -> bool:
    try:
        parsed = parse_one(word, dialect="postgres")
    except SqlglotError:
        return False
    return isinstance(parsed, exp.Column) and parsed.name == word


def _literal(text: str) -> str:
    """The text as a YAML scalar in which nothing refers to the environment."""
    return _quoted(text.replace("${", "$${"))


def _quoted(text: str) -> str:
    """The text as a YAML scalar: plain where that is safe, else in quotes."""
    if re.fullmatch(r"[A-Za-z_]([\w ./:${}@+-]*[\w/}])?", text, re.ASCII) and ": " not in text:
        return f"'{text}'" if text in ("true", "false", "null") else text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    return character if character.isprintable() and character not in '"\\' else f"\\U{ord(character):08x}"
