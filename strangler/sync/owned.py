"""Owned: which rows of a function legacy owns, and so may be filled into the store from it. Pure."""

from __future__ import annotations

from typing import NamedTuple, Self

from strangler.control.standings import Snapshot
from strangler.cutover.stages import Side
from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping, sql
from strangler.mapping.cohorts import among
from strangler.mapping.dialects import DIALECTS, Inexpressible
from strangler.mapping.rest import Translated


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

    @property
    def everything(self) -> bool:
        return not self.cohorts and not self.included

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

    def seen(self, mapping: EntityMapping, row: Translated) -> Translated | None:
        """A row that was translated here, if it is among them; with the fault that its cohort can't be told."""
        if self.everything or mapping.cohort_of is None:
            return row
        try:
            return row if self.has(mapping.cohort_of(row.row)) else None
        except Untranslatable as error:
            return row._replace(fault=row.fault or error)
