"""Cohorts: whether it is known of every entity of a function with cohorts which one its rows are of. Pure.

What the expressions say is only known with the legacy database; `strangler.mapping.cohorts` checks that.
"""

from __future__ import annotations

from collections.abc import Iterator

from strangler.configuration.findings import Finding, Path
from strangler.names import nearest
from strangler.settings import Settings


def cohorts(settings: Settings) -> Iterator[Finding]:
    """Every entity has one line, which says one thing."""
    for name, function in settings.functions.items():
        if function.cohorts is None:
            continue
        at: Path = ("functions", name, "cohorts", "of")
        for entity in [each for each in function.entities if each not in function.cohorts.of]:
            what = f"doesn't say which cohort the rows of {entity} are of, so they couldn't move with it"
            yield Finding(at, what, f"{entity}: company, or {entity}: {{everyone: 'why they are of all'}}")
        for entity, of in function.cohorts.of.items():
            if entity not in function.entities:
                meant = nearest(entity, function.entities) or f"one of: {', '.join(function.entities)}"
                yield Finding((*at, entity), f"there is no entity {entity!r} in the function", meant)
            elif (of.name is None) == (of.everyone is None):
                what = "has `name` and `everyone`" if of.name else "has neither `name` nor `everyone`"
                yield Finding((*at, entity), what, "name: company, or everyone: 'why they are of all'")
