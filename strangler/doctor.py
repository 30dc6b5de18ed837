"""The doctor: what every part needs to run and lacks, each asked in its own right. Changes nothing.

One that can't be reached doesn't hide the others, and what couldn't be looked at never reads as well (invariant 7).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from strangler import assembly, urls
from strangler.control import schema as revisions
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.facade.compiled import is_compiled
from strangler.fencing import definers
from strangler.inspection import Inspection, inspect_source
from strangler.mapping import EntityMapping
from strangler.ports import Acting, ChangeSource, Finding
from strangler.settings import Settings
from strangler.sync.alterations import stop
from strangler.sync.schema import Schema

UNCOMPILED: Final = "compiled it answers half as many calls again, and more; docs/facade.md says how"
"""A hint: nothing is wrong with a facade in plain Python."""


@dataclass(frozen=True, slots=True)
class Examination:
    """How one part is: `part` as `source erp`, `where` without its password. `unseen` is why it couldn't be looked at.
    The facade isn't asked: `kind` and `where` say how it would run here."""

    part: str
    kind: str
    where: str
    findings: tuple[Finding, ...] = ()
    unseen: StranglerError | None = None

    @property
    def blocks(self) -> bool:
        """Whether something has to be mended before anything runs."""
        return any(finding.blocks for finding in self.findings)


def examine(settings: Settings) -> Iterator[Examination]:
    """Control store, sources, log, stores, facade; the sources before the stores, since their tables decide what a store has to take."""
    assert settings.control is not None, "configuration.load fills the default in"
    control = settings.control.url.get_secret_value()
    yield _examined("control store", urls.kind(control), control, partial(_of_control, control))
    mappings: dict[str, list[EntityMapping]] = {}
    for name, source in settings.sources.items():
        url, ask = source.url.get_secret_value(), partial(_of_source, settings, name, mappings)
        yield _examined(f"source {name}", source.kind, url, ask)
    url = settings.log.url.get_secret_value() if settings.log.url else ""
    yield _examined("log", settings.log.kind, url, partial(_of_log, settings))
    for name, store in settings.stores.items():
        url, ask = store.url.get_secret_value(), partial(_of_store, settings, name, mappings)
        yield _examined(f"store {name}", urls.kind(url), url, ask)
    if settings.facade is not None:
        yield Examination("facade", *(("compiled", "") if is_compiled() else ("plain Python", UNCOMPILED)))


def _examined(part: str, kind: str, url: str, ask: Callable[[], list[Finding]]) -> Examination:
    where = urls.display(url)
    try:
        return Examination(part, kind, where, tuple(ask()))
    except StranglerError as error:
        return Examination(part, kind, where, unseen=error)


def _of_control(url: str) -> list[Finding]:
    file = Path(urls.sqlite_path(url)) if urls.kind(url) == "sqlite" else None
    if file is not None and not file.exists():
        folder = next(each for each in file.absolute().parents if each.exists())
        if os.access(folder, os.W_OK):
            return []
        return [
            Finding(
                f"{folder} can't be written by this user",
                "chown it to this user, or name another in `data_dir`",
            )
        ]
    with Control.open(url, upgrade=False) as control:
        if revisions.current(control) == revisions.wanted():
            return [Finding(difference, "strangler db check") for difference in revisions.check(control)]
        differences = revisions.check(control)
        return [
            Finding(each, "strangler db upgrade; or start the worker, which does it", False)
            for each in differences
        ]


def _of_source(settings: Settings, name: str, mappings: dict[str, list[EntityMapping]]) -> list[Finding]:
    """What stands in the way of its mappings, then of its capture."""
    inspection = Inspection()
    with closing(assembly.source(settings, name)) as legacy:
        inspect_source(settings, name, legacy, inspection)
        altered = _altered(settings, name, legacy)
        fences = list(_fences(settings, name, legacy))
    mappings[name] = inspection.mappings
    wrong = [Finding(f"{'.'.join(map(str, f.path))}: {f.what}", f.instead) for f in inspection.findings]
    captured = assembly.captured(inspection.mappings)
    with closing(assembly.source(settings, name, captured)) as source:
        examined = source.examine(settings.sources[name].outage.total_seconds())
    return [*altered, *wrong, *examined, *fences, *_ways_back(settings, name, inspection.mappings)]


def _fences(settings: Settings, name: str, legacy: ChangeSource) -> Iterator[Finding]:
    """What is to be feared of the triggers in the source's database, where a function has any."""
    sections = [settings.functions[function] for function in assembly.functions_of(settings, name)]
    if isinstance(legacy, Acting) and any(each.fence or each.retire for each in sections):
        try:
            with closing(legacy.hand()) as hand:
                yield from definers.examine(hand)
        except StranglerError as error:
            yield Finding(
                f"the triggers there couldn't be looked at: {error.what}; {error.why}", error.do, False
            )


def _ways_back(settings: Settings, name: str, mappings: list[EntityMapping]) -> Iterator[Finding]:
    """What stands in the way of what new writes, on its way back to the source's database."""
    for function in assembly.functions_of(settings, name):
        if settings.functions[function].return_ is not None:
            ours = [each for each in mappings if each.shape.function == function]
            yield from assembly.examined_way_back(settings, function, ours)


def _altered(settings: Settings, name: str, legacy: ChangeSource) -> list[Finding]:
    """Why the source stands still, or will, because its tables were altered. Unknown without the control store, which
    then says for itself why it can't be had."""
    assert settings.control is not None, "configuration.load fills the default in"
    url = settings.control.url.get_secret_value()
    if urls.kind(url) == "sqlite" and not Path(urls.sqlite_path(url)).exists():
        return []
    with suppress(StranglerError), Control.open(url, upgrade=False) as control:
        schema = Schema(name, settings, control)
        found = schema.compare(legacy.describe(schema.tables))
        error = stop(name, found, settings.sources[name].on_schema_change) if found.differences else None
        return [Finding(f"{error.what}; {error.why}", error.do)] if error else []
    return []


def _of_log(settings: Settings) -> list[Finding]:
    outage = max(source.outage.total_seconds() for source in settings.sources.values())
    with closing(assembly.log(settings)) as log:
        return log.examine(list(settings.functions), outage)


def _of_store(settings: Settings, name: str, mappings: dict[str, list[EntityMapping]]) -> list[Finding]:
    fed = {function for function, section in settings.functions.items() if section.store == name}
    sources = {settings.functions[function].source for function in fed}
    shapes = [
        each.shape for source in sources for each in mappings.get(source, ()) if each.shape.function in fed
    ]
    unknown = sorted(sources - mappings.keys())
    with closing(assembly.store(settings, name)) as store:
        findings = store.examine(shapes)
    if unknown:
        what = f"whether its tables fit couldn't be seen, since {', '.join(unknown)} couldn't"
        findings.append(Finding(what, "mend the source, then look again", blocks=False))
    return findings
