"""Definitions: what a statement did to the captured tables' rows, where the binlog has no row for it. MySQL and MariaDB only.

Debezium tells of such a statement in order with the rows. Its text is read as the direct connector reads it, and gives the same: a table
that was dropped or replaced is empty, one that was renamed or changed rows with a partition can't be followed. TRUNCATE
isn't here, for that comes as a message of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from strangler_connectors.debezium.envelope import Name, SchemaChange
from strangler_connectors.debezium.writing import BINLOG
from strangler_connectors.mysql.refusals import unseen
from strangler_connectors.mysql.statements import Effect, touched


def emptied(change: SchemaChange, wanted: Collection[Name]) -> list[Name]:
    """The captured tables that hold no row of before any more, after a statement of the log."""
    of_the_text = [_named(change, wanted, effect) for effect in (Effect.EMPTIED, Effect.ALTERED)]
    dropped = {name for name in change.dropped if name in wanted}
    return sorted(dropped.union(set.intersection(*of_the_text)))


def require_followed(change: SchemaChange, wanted: Collection[Name]) -> None:
    """Raise SourceLost where rows of a captured table came or went unseen, by a statement of the log."""
    for _, table in sorted(_named(change, wanted, Effect.REPLACED)):
        raise unseen(table, Effect.REPLACED)


def is_of_the_log(change: SchemaChange) -> bool:
    """Whether the statement stands in the binlog; others tell at a start what there is."""
    return change.origin.connector in BINLOG and change.origin.snapshot in (None, False, "false")


def _named(change: SchemaChange, wanted: Collection[Name], effect: Effect) -> set[Name]:
    # Whether the session quoted names by `"` isn't told; where a name is expected, nothing else stands in them.
    effects = touched(change.ddl, change.origin.db, ansi_quotes=True)
    return {
        name
        for found in effects
        if found.effect is effect
        for name in _captured(found.schema, found.table, change, wanted)
    }


def _captured(
    schema: str, table: str | None, change: SchemaChange, wanted: Collection[Name]
) -> Iterator[Name]:
    """The captured tables that a name in the text means: letter by letter, or as Debezium itself calls what was changed."""
    if table is None:
        yield from (name for name in wanted if name[0] == schema)
    elif (schema, table) in wanted:
        yield schema, table
    else:
        folded = schema.lower(), table.lower()
        yield from (
            name for name in change.tables if name in wanted and (name[0].lower(), name[1].lower()) == folded
        )
