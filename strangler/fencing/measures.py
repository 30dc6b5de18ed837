"""What is fenced, and the statements that do it and take it back. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from strangler.mapping.legacy import quoted


@dataclass(frozen=True, slots=True)
class Measures:
    """Statements in the dialect of the legacy database, each list in its order. Those that lift do nothing where nothing is in force."""

    install: tuple[str, ...] = ()
    lift: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guarded:
    """A legacy table, by its configured name, and which of its rows are fenced: those whose `column` is the name of the `cohort`, or
    isn't one of the cohorts `but`; all of them without a column."""

    table: str
    column: str | None = None
    cohort: str = ""
    but: tuple[str, ...] = ()

    def sql(self, dialect: str) -> str:
        """The table's name as SQL."""
        return ".".join(quoted(part, dialect) for part in self.table.rsplit(".", 1))


def name_of(function: str, cohort: str, table: str, prefix: str = "strangler_fence_") -> str:
    """What objects in the database are called that belong to a fence: short enough for any of them, and nobody else's."""
    text = "\0".join((function, cohort, table))
    return prefix + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]
