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
    """Whether new owns the aggregate, in all of its cohorts, and legacy is still told of one of them."""
    those = _standings_of(mapping, each, standings)
    return all(one.owner is Side.NEW for one in those) and any(map(returns, those))


def is_over(mapping: EntityMapping, each: Outgoing, standings: Snapshot) -> bool:
    """Whether nobody waits for it any more: it is retired, in all of its cohorts."""
    return all(one.stage is Stage.RETIRED for one in _standings_of(mapping, each, standings))


def is_stray(mapping: EntityMapping, each: Outgoing, standings: Snapshot) -> bool:
    """Whether new wrote it although legacy owns it, in any of its cohorts."""
    return any(one.owner is Side.LEGACY for one in _standings_of(mapping, each, standings))


def why_stray(mapping: EntityMapping, each: Outgoing, standings: Snapshot) -> str:
    """In what an aggregate is a stray, in words."""
    function = mapping.shape.function
    was, now = (cohort_of(mapping, state) if state else None for state in (each.before, each.now))
    whose = [standings.of_cohort(function, cohort).owner for cohort in (was, now)]
    if was is None or now is None or whose[0] is whose[1]:
        return f"new wrote it, and {whose[0] if now is None else whose[1]} owns it"
    return f"new moved it from cohort {was}, which {whose[0]} owns, to {now}, which {whose[1]} owns"


def _standings_of(mapping: EntityMapping, each: Outgoing, standings: Snapshot) -> list[Standing]:
    """Those by which an aggregate goes."""
    return [standings.of_cohort(mapping.shape.function, cohort) for cohort in cohorts_of(mapping, each)]


def returns(standing: Standing) -> bool:
    """Whether what new writes by a standing returns: as long as there is a way back."""
    return standing.owner is Side.NEW and standing.stage is not Stage.RETIRED


def anything_returns(function: str, standings: Snapshot) -> bool:
    """Whether new owns the function, or a cohort of it, with a way back."""
    return any(each.function == function and returns(each) for each in standings.standings)
