"""Triggers that refuse every write to a table but Strangler's own. Pure.

What they don't see is the database's affair: in MySQL and MariaDB a TRUNCATE, and what a foreign key's cascade does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from strangler.fencing.measures import Guarded, Measures, name_of
from strangler.fencing.passing import CREATE_TABLE, passes
from strangler.mapping.canonical import quoted_text
from strangler.mapping.legacy import quoted

DIALECTS: Final = ("postgres", "mysql", "sqlite")

THERE: Final = {
    "postgres": "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'strangler\\_%'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    " AND trigger_name LIKE 'strangler\\_%'",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'strangler_%'",
}
"""The names of our triggers that are there, of all fences."""

_ROWS: Final = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}
_TEXT: Final = {"postgres": "text", "mysql": "CHAR", "sqlite": "TEXT"}
_LONGEST: Final = 128
"""Characters of a message in MySQL."""


def triggers(dialect: str, function: str, cohort: str, tables: Sequence[Guarded]) -> Measures:
    """The statements that fence these tables."""
    install, lift = list(_common(dialect)), list[str]()
    for guarded in tables:
        name = name_of(function, "\0".join((cohort, *guarded.but)), guarded.table)
        table = guarded.sql(dialect)
        if dialect == "postgres":
            install.append(_function(name, function))
        for operation, rows in _ROWS.items():
            install.append(_WRITTEN[dialect](_named(name, operation), operation, guarded, rows, function))
            lift.append(_dropped(dialect, _named(name, operation), table))
        if dialect == "postgres":
            if not guarded.column:
                install.append(_truncate(name, table))
                lift.append(_dropped(dialect, _named(name, "TRUNCATE"), table))
            lift.append(f"DROP FUNCTION IF EXISTS {name}()")
    return Measures(tuple(install), tuple(lift))


def missing(measures: Measures, there: Sequence[str]) -> tuple[str, ...]:
    """What is still to be run, with the triggers that are there: making one again would wait for all who use the table."""
    return tuple(
        each
        for each in measures.install
        if not (each.startswith("CREATE TRIGGER") and _first_name(each) in there)
    )


def _first_name(statement: str) -> str:
    return statement.split()[2].strip('`"')


def _named(name: str, operation: str) -> str:
    return f"{name}_{operation.lower()}"


def _common(dialect: str) -> Iterator[str]:
    if dialect == "sqlite":
        yield CREATE_TABLE


def _dropped(dialect: str, name: str, table: str) -> str:
    return f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if dialect == "postgres" else "")


def _of_cohort(dialect: str, guarded: Guarded, rows: Sequence[str]) -> str:
    """The condition that a row is one of the fenced ones; empty: every row is."""
    if guarded.column is None:
        return ""
    kind, column = _TEXT[dialect], quoted(guarded.column, dialect)
    named = [f"CAST({row}.{column} AS {kind})" for row in rows]
    if guarded.but:
        others = ", ".join(map(quoted_text, guarded.but))
        return " OR ".join(f"{each} IS NULL OR {each} NOT IN ({others})" for each in named)
    return " OR ".join(f"{each} = {quoted_text(guarded.cohort)}" for each in named)


def _words(function: str, table: str) -> str:
    return f"Strangler: {function} is moving to the new service, or has moved; {table} takes no writes of it"[
        :_LONGEST
    ]


def _function(name: str, function: str) -> str:
    words = f"Strangler: {function} is moving to the new service, or has moved; % takes no % of it"
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $strangler$ BEGIN"
        f" IF {passes('postgres', function)} THEN"
        " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END IF;"
        f" RAISE EXCEPTION {quoted_text(words)}, TG_TABLE_NAME, TG_OP"
        " USING HINT = 'strangler status tells where it stands'; END $strangler$"
    )


def _postgres(name: str, operation: str, guarded: Guarded, rows: Sequence[str], function: str) -> str:
    condition = _of_cohort("postgres", guarded, rows)
    when = f" WHEN ({condition})" if condition else ""
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {guarded.sql('postgres')} FOR EACH ROW{when}"
        f" EXECUTE FUNCTION {name_of_trigger(name)}()"
    )


def name_of_trigger(name: str) -> str:
    """The function of a trigger: its name without the operation."""
    return name.rsplit("_", 1)[0]


def _truncate(name: str, table: str) -> str:
    return (
        f"CREATE TRIGGER {_named(name, 'TRUNCATE')} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
        f" EXECUTE FUNCTION {name}()"
    )


def _mysql(name: str, operation: str, guarded: Guarded, rows: Sequence[str], function: str) -> str:
    condition = _of_cohort("mysql", guarded, rows)
    own = f"NOT ({passes('mysql', function)})"
    when = f"{own} AND ({condition})" if condition else own
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {guarded.sql('mysql')} FOR EACH ROW"
        f" IF {when} THEN SIGNAL SQLSTATE '45000'"
        f" SET MESSAGE_TEXT = {quoted_text(_words(function, guarded.table))}; END IF"
    )


def _sqlite(name: str, operation: str, guarded: Guarded, rows: Sequence[str], function: str) -> str:
    condition = _of_cohort("sqlite", guarded, rows)
    own = f"NOT {passes('sqlite', function)}"
    when = f"{own} AND ({condition})" if condition else own
    words = quoted_text(_words(function, guarded.table))
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {guarded.sql('sqlite')}"
        f" WHEN {when} BEGIN SELECT RAISE(ABORT, {words}); END"
    )


_WRITTEN: Final = {"postgres": _postgres, "mysql": _mysql, "sqlite": _sqlite}
