"""Inspection: hold the configuration against the legacy databases as they are now. Reads catalogs, changes nothing.

Invariant 7: a source that can't be reached is a finding of its own; what wasn't checked never reads as fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from strangler import assembly, catalog, code_tables, python_functions
from strangler.configuration.findings import Finding, Path, undotted
from strangler.errors import MappingError, Problem, StranglerError, Unavailable
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.uses import tables
from strangler.ports import ChangeSource
from strangler.quality import checks
from strangler.reconcile.balances import compile_balances, wrong_ledger
from strangler.sensitive import of_entity
from strangler.settings import Entity, Settings


class ByRow(NamedTuple):
    """A mapping that the legacy database doesn't evaluate, and why: backfill and reconciliation read its rows as they are and
    translate them here, which is slower."""

    mapping: EntityMapping
    why: str


@dataclass
class Inspection:
    """What was found: findings, sources that don't answer now, and what of the configuration holds."""

    findings: list[Finding] = field(default_factory=list)
    unreached: list[Finding] = field(default_factory=list)
    mappings: list[EntityMapping] = field(default_factory=list)
    by_row: list[ByRow] = field(default_factory=list)


def inspect(settings: Settings) -> Inspection:
    """Check every entity of every source against the live tables."""
    result = Inspection()
    for name in settings.sources:
        try:
            with closing(assembly.source(settings, name)) as source:
                inspect_source(settings, name, source, result)
        except StranglerError as error:
            remedy = error.do or "correct the URL, or check with --offline"
            why = f"{error.what}: {error.why}" if error.why else error.what
            where = result.unreached if isinstance(error, Unavailable) else result.findings
            where.append(Finding(("sources", name, "url"), f"couldn't be checked: {why}", remedy))
    return result


def inspect_source(settings: Settings, name: str, source: ChangeSource, result: Inspection) -> None:
    """Check every entity of one source against its live tables, and add what is found to `result`."""
    functions, uncallable = python_functions.read(settings)
    held, unread = code_tables.read(settings, assembly.functions_of(settings, name), source)
    result.findings += [*uncallable, *unread]
    unknown = {str(each.path[1]) for each in unread}
    entities = list(_entities(settings, name))
    named = [tables(entity) for _, entity in entities]
    found = source.describe(sorted({table for listed in named for table in listed.values()}))
    compiled = []
    for (path, entity), listed in zip(entities, named, strict=True):
        missing = {place: table for place, table in listed.items() if table not in found}
        if missing:
            result.findings += [
                _missing(source, (*path, *undotted(place)), missing[place]) for place in missing
            ]
            continue
        function, called = str(path[1]), str(path[3])
        if not unknown.isdisjoint(code_tables.of_entity(entity)):
            continue  # What is to be said of the code map has been said.
        try:
            sensitive = of_entity(settings, function, called)
            own = found[entity.table]
            cohort = settings.functions[function].cohort_of(called)
            mapping = compile_entity(function, called, entity, own, held, sensitive, functions, found, cohort)
            compiled.append(mapping)
            result.findings += [_finding(each) for each in checks.checked(function, entity, mapping)[1]]
        except MappingError as error:
            result.findings += map(_finding, error.problems)

    result.mappings += compiled
    if compiled:
        result.by_row += by_row(source, compiled)
    for function in assembly.functions_of(settings, name):
        theirs = [mapping for mapping in compiled if mapping.shape.function == function]
        result.findings += _balances(settings, function, theirs, source)


def _balances(
    settings: Settings, function: str, mappings: Sequence[EntityMapping], source: ChangeSource
) -> Iterator[Finding]:
    """What is wrong with balances over these entities; with those over others something else is, which has been said."""
    known = {mapping.shape.entity for mapping in mappings}
    for name, section in settings.functions[function].balances.items():
        if section.of.partition(".")[0] not in known:
            continue
        try:
            (balance,) = compile_balances({name: section}, function, mappings)
        except MappingError as error:
            yield from (Finding(undotted(p.path), p.what, p.instead) for p in error.problems)
            continue
        if (wrong := wrong_ledger(balance, source)) is not None:
            yield Finding(("functions", function, "balances", name, "legacy"), *wrong)


def by_row(source: ChangeSource, mappings: Sequence[EntityMapping]) -> list[ByRow]:
    """The mappings that the source's database doesn't evaluate. Asks nobody."""
    with closing(source.reader()) as reader:
        selects = [(mapping, mapping.select(reader.dialect)) for mapping in mappings]
    return [ByRow(mapping, select.why) for mapping, select in selects if select.pushed is None]


def _entities(settings: Settings, source: str) -> Iterator[tuple[Path, Entity]]:
    for name in assembly.functions_of(settings, source):
        for entity_name, entity in settings.functions[name].entities.items():
            yield ("functions", name, "entities", entity_name), entity


def _finding(problem: Problem) -> Finding:
    return Finding(undotted(problem.path), problem.what, problem.instead)


def _missing(source: ChangeSource, path: Path, table: str) -> Finding:
    with closing(source.reader()) as reader:
        return Finding(path, *catalog.missing(reader, table))
