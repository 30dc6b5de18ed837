"""What a switch of owners does beyond routing: in the legacy database, and with numbers."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from strangler.settings.section import Section


class Fence(Section):
    """Refusing writes in the legacy database itself while and after a function is switched, so that what goes past the facades is
    refused too. See docs/cutover.md."""

    by: Literal["trigger", "revoke"] = Field(
        description="`trigger`: triggers on its tables, which refuse every write but Strangler's own. `revoke`: the privileges to write "
        "are taken from `roles`, and given back as they were."
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
        return self
