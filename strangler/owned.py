"""Owned: which rows of a function a side owns, or belong to a cohort: what is filled, compared or repaired with them. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from strangler.control.standings import Snapshot
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping, sql
from strangler.mapping.canonical import quote
from strangler.mapping.cohorts import among
from strangler.mapping.dialects import DIALECTS, Inexpressible
from strangler.mapping.rest import Translated
from strangler.shapes import Shape


class Owned(NamedTuple):
    """The rows of a side: those of these cohorts, or (not `included`) of all others."""

    cohorts: frozenset[str]
    included: bool

    @classmethod
    def by(cls, side: Side, snapshot: Snapshot, function: str) -> Self:
        """The rows of a function that a side owns."""
        rest = snapshot.of(function).owner is side
        own = snapshot.cohorts(function)
        return cls(frozenset(each.cohort for each in own if (each.owner is side) is not rest), not rest)

    @classmethod
    def of(cls, snapshot: Snapshot, function: str, cohort: str) -> Self:
        """The rows that go by the standing of a cohort; of EVERYONE those of all that have none of their own."""
        if cohort != EVERYONE:
            return cls(frozenset({cohort}), True)
        return cls(frozenset(each.cohort for each in snapshot.cohorts(function)), False)

    @property
    def everything(self) -> bool:
        return not self.cohorts and not self.included

    @classmethod
    def by_cohort(cls, snapshot: Snapshot, function: str) -> dict[str, Self]:
        """The rows of each cohort that moves on its own, and (`*`) of all others; none where none does."""
        if not snapshot.cohorts(function):
            return {}
        return {each.cohort: cls.of(snapshot, function, each.cohort) for each in snapshot.all_of(function)}

    def concerns(self, mapping: EntityMapping) -> bool:
        """Whether an entity has rows among them: those of no cohort move with the rest of their function."""
        return mapping.cohort_of is not None or self.has(None)

    def has(self, cohort: str | None) -> bool:
        """Whether rows of a cohort are among them; None: of none."""
        return (cohort in self.cohorts) is self.included

    def condition(self, mapping: EntityMapping, dialect: str) -> str | None:
        """The same as SQL over the mapping's legacy rows. Raises Inexpressible where the database can't tell it of every row; then it is
        told row by row."""
        cohort = mapping.plan.cohort
        if self.everything or cohort is None:
            return None
        written = sql.write(among(cohort.of_row, self.cohorts, included=self.included), DIALECTS[dialect])
        if written.guard is not None:
            raise Inexpressible("not every row has a cohort there")
        return written.value

    def stored(self, root: EntityMapping, shape: Shape, dialect: str) -> str | None:
        """The same as SQL over the store's table of a shape, of the entity itself or of what stands under it."""
        cohort = root.plan.cohort
        if self.everything or cohort is None:
            return None
        whose = among(cohort.of_fields, self.cohorts, included=self.included)
        condition = sql.write(whose, DIALECTS[dialect]).value
        above = root.shape
        if shape.table == above.table:
            return condition
        same = " AND ".join(f"owned.{quote(name)} = {quote(shape.table)}.{quote(name)}" for name in above.key)
        return f"EXISTS (SELECT 1 FROM {quote(above.table)} AS owned WHERE {same} AND ({condition}))"

    def seen(self, mapping: EntityMapping, row: Translated) -> Translated | None:
        """A row that was translated here, if it is among them; with the fault that its cohort can't be told."""
        if self.everything or mapping.cohort_of is None:
            return row
        try:
            return row if self.has(mapping.cohort_of(row.row)) else None
        except Untranslatable as error:
            return row._replace(fault=row.fault or error)


EVERYTHING: Final = Owned(frozenset(), included=False)
"""All rows, whoever owns them."""
