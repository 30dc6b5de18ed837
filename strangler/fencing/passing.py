"""Passing: by what a trigger knows a write of Strangler's own, which brings back to legacy what the new service wrote.

A mark of the session or the transaction, set by whoever writes, in the same transaction. Pure.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.canonical import quoted_text

TABLE: Final = "strangler_passing"
"""In SQLite, which knows no sessions: a row in it is seen by nobody else before the transaction ends, and it is gone by then."""

CREATE_TABLE: Final = f"CREATE TABLE IF NOT EXISTS {TABLE} (function TEXT)"


def opened(dialect: str, function: str) -> tuple[str, ...]:
    """What to run within a transaction before its first write to the function's rows. `dialect`: postgres, mysql or sqlite."""
    name = quoted_text(function)
    if dialect == "postgres":
        return (f"SELECT set_config('strangler.returned', {name}, true)",)
    if dialect == "mysql":
        return (f"SET @strangler_returned = {name}",)
    return (CREATE_TABLE, f"INSERT INTO {TABLE} VALUES ({name})")


def closed(dialect: str) -> tuple[str, ...]:
    """What to run behind its last write, before the commit, and after a rollback too where the mark is the session's (mysql)."""
    if dialect == "postgres":
        return ("SELECT set_config('strangler.returned', '', true)",)
    if dialect == "mysql":
        return ("SET @strangler_returned = NULL",)
    return (f"DELETE FROM {TABLE}",)


def passes(dialect: str, function: str) -> str:
    """The condition, in a trigger, that a write is such a one."""
    name = quoted_text(function)
    if dialect == "postgres":
        return f"current_setting('strangler.returned', true) IS NOT DISTINCT FROM {name}"
    if dialect == "mysql":
        return f"@strangler_returned <=> {name}"
    return f"EXISTS (SELECT 1 FROM {TABLE} WHERE function = {name})"
