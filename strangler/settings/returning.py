"""The way back: how what the new service writes returns to legacy, as long as new owns the function."""

from __future__ import annotations

from pydantic import Field, SecretStr

from strangler.settings.section import Section


class Return(Section):
    """That what the new service writes returns to legacy once new owns the function, so that functions still on legacy see it and a
    rollback loses nothing. See docs/cutover.md."""

    url: SecretStr | None = Field(
        None,
        description="How to reach the legacy database for writing; by default as its source does. A user of its own tells the ERP's "
        "administrators whose the changes are.",
    )
    batch: int = Field(
        100, ge=1, description="Entities that are returned in one transaction of the legacy database."
    )
    max_conflicts: int = Field(
        100,
        ge=0,
        description="Entities that may be held because legacy was changed, too, or doesn't take them; with more nothing is returned until "
        "somebody has decided, for then it isn't single rows that are wrong.",
    )
