"""Whose an aggregate is that waits to return: only what new owns goes back (invariant 4). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler.control.standings import Snapshot
from strangler.cutover.stages import Side, Stage, Standing
from strangler.mapping import EntityMapping, python
from strangler.mapping.inverse.sources import field_value
from strangler.mapping.nodes import columns
from strangler.ports import Outgoing


def cohort_of(mapping: EntityMapping, data: Mapping[str, Any]) -> str | None:
    """The cohort that an aggregate is of, from the fields of its root; None: of none. Raises Untranslatable."""
    cohort = mapping.plan.cohort
    if cohort is None:
        return None
    fields = {field.name: field for field in mapping.plan.fields}
    values = [
        field_value(mapping.shape.entity, fields[each.name], data) for each in columns(cohort.of_fields)
    ]
    named: str | None = python.function_of(cohort.of_fields, canonical=True)(*values)
    return named


def cohorts_of(mapping: EntityMapping, each: Outgoing) -> set[str | None]:
    """The cohorts that an aggregate is of, by what it is and by what it was before."""
    return {cohort_of(mapping, state) for state in (each.before, each.now) if state is not None} or {None}


def is_new_s(mapping: EntityMapping, each: Outgoing, standings: Snapshot) -> bool:
    """Whether new owns the aggregate, in all of its cohorts."""
    function = mapping.shape.function
    return all(returns(standings.of_cohort(function, cohort)) for cohort in cohorts_of(mapping, each))


def returns(standing: Standing) -> bool:
    """Whether what new writes by a standing returns: as long as there is a way back."""
    return standing.owner is Side.NEW and standing.stage is not Stage.RETIRED


def anything_returns(function: str, standings: Snapshot) -> bool:
    """Whether new owns the function, or a cohort of it, with a way back."""
    return any(each.function == function and returns(each) for each in standings.standings)
