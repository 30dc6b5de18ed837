"""An entity's mapping, compiled: from a legacy row to the fields, the key and the name of an event."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from strangler.changes import Operation, Row
from strangler.mapping.inverse import Inverse
from strangler.mapping.plans import needed, reads, shape_of, version
from strangler.mapping.raw import streamed
from strangler.mapping.rows import Plan, RowFunctions, compile_rows
from strangler.mapping.select import Select, compile_select
from strangler.settings import Tolerance
from strangler.shapes import Shape, Table, Under


@dataclass(frozen=True, slots=True)
class Collection:
    """Children of an aggregate, called `name` in its events.

    `mapping` has them as rows of their own: with the parent's key before theirs, the parent joined to them. `plan` and `rows` have
    them as lines, without what is the parent's.
    """

    name: str
    mapping: EntityMapping
    plan: Plan
    rows: RowFunctions


@dataclass(frozen=True, slots=True)
class EntityMapping:
    """One entity's mapping, in all its executions.

    `columns` are the legacy columns that it needs, the legacy key included. `version` is 12 hex digits of a hash of
    everything that decides what comes out.

    `translate(row)` gives field name → canonical value, in the order of the shape. A field all of whose columns are
    UNCHANGED is absent. Raises Untranslatable.

    `key_of(row)` gives the entity's key as `encode_key` writes it, from a row that holds at least the columns that the key
    fields name. Raises Untranslatable.

    `belongs(row)` says whether the row is one of the entity's, by its condition `where`; None: every row is. Raises
    Untranslatable when the condition can't be evaluated.

    `event_name(operation, row, before)` gives the event's type; `row` is the new row, for a delete the old one, and `before` the
    old row of an update, as far as the source tells. Raises Untranslatable when a condition can't be evaluated.

    `cohort_of(row)` gives the name of the cohort that the row is of, None for none; itself None where the entity has no cohorts.
    Raises Untranslatable.

    `sensitive` are the fields whose values are masked where people see them, `tolerances` how far fields may be off when both sides are
    compared. The version says nothing of either, nor of cohorts: which rows there are and what they say is the same.

    `select(dialect)` gives the same mapping as SQL, as far as the dialect takes it. `plan` is what all of this was compiled from.

    `children` are its collections. An entity of several legacy tables is `mirrored`: it needs the rows of all of them, and `row` is then
    the flat row of `plan.origin`. `table` is the table of its own rows.

    `inverse` leads from the fields back to the legacy row. The version says nothing of it: nothing else comes out.
    """

    shape: Shape
    table: Table
    columns: tuple[str, ...]
    version: str
    translate: Callable[[Row], dict[str, Any]]
    key_of: Callable[[Row], str]
    event_name: Callable[[Operation, Row, Row | None], str]
    belongs: Callable[[Row], bool] | None
    cohort_of: Callable[[Row], str | None] | None
    select: Callable[[str], Select]
    plan: Plan
    inverse: Inverse
    sensitive: frozenset[str] = frozenset()
    children: tuple[Collection, ...] = ()
    tolerances: tuple[Tolerance, ...] = ()

    @property
    def mirrored(self) -> bool:
        """Whether it is made of several tables."""
        return bool(self.plan.origin.joins or self.children)

    def parts(self) -> Iterator[EntityMapping]:
        """The entity and its children of all levels, each as rows of its own; parents first."""
        yield self
        for child in self.children:
            yield from child.mapping.parts()

    def reads(self) -> dict[str, set[str]]:
        """Legacy table as configured → the columns of it that are needed, by the entity and its children."""
        found: dict[str, set[str]] = {}
        for part in self.parts():
            for table, names in reads(part.plan).items():
                found.setdefault(table, set()).update(names)
        return found

    def tables(self) -> dict[str, Table]:
        """The legacy tables that it is made of, by name as configured."""
        found = {part.table.name: part.table for part in self.parts()}
        joins = (join for part in self.parts() for join in part.plan.origin.joins)
        return {join.table.name: join.table for join in joins} | found

    def legacy_row(self, dialect: str, values: Sequence[Any]) -> dict[str, Any]:
        """A row that `Select.rest_sql` gave in the dialect, as the stream brings it; what can't be read stays as it is."""
        named = {column.name: column for column in self.plan.table.columns}
        return streamed([named[name] for name in self.columns], dialect, values)


def mapped(
    function: str,
    into: str,
    plan: Plan,
    table: Table,
    children: Sequence[Collection],
    sensitive: frozenset[str],
    inverse: Inverse,
    under: Under | None = None,
    tolerances: Sequence[Tolerance] = (),
) -> EntityMapping:
    """The mapping that a plan becomes, in the store's table `into`; `table` is the legacy table of its own rows."""
    rows, columns = compile_rows(plan), needed(plan)
    shapes = [(child.name, child.mapping.shape) for child in children]
    return EntityMapping(
        shape=shape_of(function, plan, into, shapes, under),
        table=table,
        columns=columns,
        version=version(function, into, plan, [child.mapping.version for child in children]),
        translate=rows.translate,
        key_of=rows.key_of,
        event_name=rows.event_name,
        belongs=rows.belongs,
        cohort_of=rows.cohort_of,
        select=functools.cache(functools.partial(compile_select, plan, columns)),
        plan=plan,
        inverse=inverse,
        sensitive=sensitive,
        children=tuple(children),
        tolerances=tuple(tolerances),
    )
