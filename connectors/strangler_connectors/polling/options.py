"""The options of a polling source."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import Field, ValidationError

from strangler.errors import SourceError
from strangler.settings import Duration, Section

BLIND_SPOTS: Final = (
    "what a row was between two looks: only how it stands when it is looked at",
    "which rows were written in one transaction, and in which order",
    "a row that came and went between two looks",
    "a change of a key as such: the old one is removed, and a new one appears",
)
"""What no polling sees, whatever its options."""

TEXT_SPOT: Final = (
    "before `compare_every` has passed, a row that is committed after a greater value of its growing column was seen, where that"
    " column is a text: texts have no distance, so the looks don't overlap"
)
"""What isn't seen besides, where a column grows."""


class Options(Section):
    """`options:` of a source of kind polling."""

    column: str | None = Field(
        None,
        description="The column that grows with every write of a row, in every table that isn't named in `columns`.",
    )
    columns: dict[str, str | None] = Field(
        default_factory=dict,
        description="Table → its column that grows; null: all its rows are compared every time.",
    )
    interval: Duration = Field(
        timedelta(seconds=5),
        gt=timedelta(0),
        description="From the end of one look to the next; more than zero.",
    )
    overlap: Duration = Field(
        timedelta(minutes=1),
        description="How far behind the newest row a look begins again: longer than the ERP's longest transaction.",
    )
    overlap_numbers: int = Field(
        10_000, ge=0, description="The same where the column is a number: how many numbers back."
    )
    compare_every: Duration = Field(
        timedelta(minutes=5),
        description="Longest time between two comparisons of all keys, which find what was removed.",
    )

    @classmethod
    def of(cls, source: str, options: dict[str, Any]) -> Options:
        """Raises SourceError naming what is wrong."""
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            known = ", ".join(cls.model_fields)
            raise SourceError(
                f"source {source}: its options are wrong", why=wrong, do=f"a polling source knows {known}"
            ) from None

    @property
    def blind_spots(self) -> tuple[str, ...]:
        """What isn't seen of the changes, as far as it can be said without asking the database."""
        grows = self.column is not None or any(self.columns.values())
        return (*BLIND_SPOTS, TEXT_SPOT) if grows else BLIND_SPOTS

    def column_of(self, table: str) -> str | None:
        """The column of a table that grows, None where all its rows are compared."""
        return self.columns.get(table, self.column)

    def since(self, newest: Any) -> Any:
        """From which value on a look reads again, when `newest` is the greatest that was seen; None: from the beginning."""
        if newest is None:
            return None
        if isinstance(newest, int | float | Decimal):
            return newest - self.overlap_numbers
        try:
            return newest - self.overlap
        except TypeError:  # Text or bytes: no distance, so only what is equal or greater.
            return newest
