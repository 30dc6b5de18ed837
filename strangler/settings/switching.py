"""What a switch of owners does beyond routing: in the legacy database, and with numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from strangler.settings.section import Section


class Fence(Section):
    """Refusing writes in the legacy database itself while and after a function is switched, so that what goes past the facades is
    refused too. See docs/cutover.md."""

    by: Literal["trigger", "revoke", "tell"] = Field(
        description="`trigger`: triggers on its tables, which refuse every write but Strangler's own. `revoke`: the privileges to write "
        "are taken from `roles`, and given back as they were. `tell`: triggers that refuse nothing, and tell who writes, so that of each "
        "late write it is known."
    )
    roles: list[str] = Field(
        default_factory=list,
        description="From whom they are taken: roles of PostgreSQL; users of MySQL and MariaDB as `user@host`.",
    )
    tables: list[str] = Field(
        default_factory=list,
        description="The legacy tables; by default those that its entities and their children are rows of, without joined ones.",
    )
    keep: bool = Field(
        True,
        description="Whether it stays in force after going live, until the function goes back: it refuses the batch job that nobody "
        "knew of. Otherwise it is lifted with the facades' fence, and what such a job writes is a late write.",
    )

    @model_validator(mode="after")
    def _roles_where_they_belong(self) -> Self:
        if self.by == "revoke" and not self.roles:
            raise ValueError("`by: revoke` needs `roles`: from whom the privileges are taken")
        if self.by == "trigger" and self.roles:
            raise ValueError("`roles` goes with `by: revoke`; triggers refuse everybody")
        if self.by == "tell" and (self.roles or not self.keep):
            raise ValueError(
                "`by: tell` refuses nobody, and is of use as long as new owns: leave out `roles` and `keep`"
            )
        return self


class Counter(Section):
    """Where numbers come from, in one database: a sequence; the row of a table in which the last one stands; or the largest in a
    table's rows."""

    sequence: str | None = Field(
        None,
        description="A sequence of PostgreSQL or MariaDB; in SQLite the table whose key is AUTOINCREMENT.",
    )
    table: str | None = Field(None, description="The table that has them.")
    column: str | None = Field(None, description="The column of it.")
    where: str | None = Field(
        None,
        description="SQL condition that holds for the one row in which the last number stands (SAP's NRIV, Tryton's ir_sequence_strict). "
        "Without it the largest number of all rows counts, and nothing is set: the rows say it.",
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.sequence is None) == (self.table is None):
            raise ValueError("write `sequence`, or `table` and `column`")
        if self.table is not None and self.column is None:
            raise ValueError("`table` needs `column`: where the number stands")
        if self.sequence is not None and (self.column or self.where):
            raise ValueError("`column` and `where` go with `table`")
        return self

    def __str__(self) -> str:
        if self.sequence:
            return f"sequence {self.sequence}"
        return f"{self.table}.{self.column}" + (f" where {self.where}" if self.where else "")


def _as_counter(value: Any) -> Any:
    return {"sequence": value} if isinstance(value, str) else value


AnyCounter = Annotated[Counter, BeforeValidator(_as_counter, json_schema_input_type=str | Counter)]
"""A counter, or the name of a sequence."""


class Numbers(Section):
    """Numbers that both sides would draw: at a switch the new owner's counter is set beyond what the old one has given."""

    legacy: AnyCounter = Field(description="Where legacy draws them; a text is a sequence.")
    new: AnyCounter = Field(
        description="Where the new service draws them, in its store; a text is a sequence."
    )
    gap: int = Field(
        1000,
        ge=0,
        description="How many numbers are left out. They tell both sides' documents apart; and while both draw, for different cohorts, "
        "they are those that the side behind still has, renewed by the worker when half of them are used up. More than twice what a "
        "sequence caches.",
    )

    def __str__(self) -> str:
        return f"{self.legacy} / {self.new}"


class Retire(Section):
    """How the legacy function is switched off when its function is retired; one of these, or several."""

    by: Literal["trigger", "revoke"] | None = Field(
        None, description="Its rows take no writes any more, as with `fence`; that stays."
    )
    roles: list[str] = Field(
        default_factory=list, description="Of `by: revoke`: from whom the privileges are taken."
    )
    statements: list[str] = Field(
        default_factory=list,
        description="SQL that switches the function off in the ERP: a flag of its configuration, a menu, a job. They may be run twice.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.by is None and not self.statements:
            raise ValueError("write `by`, or `statements`: how the legacy function is switched off")
        if self.by is not None:
            Fence(by=self.by, roles=self.roles)
        return self
