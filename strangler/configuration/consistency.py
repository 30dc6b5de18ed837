"""Consistency: what several sections have to agree on, and what must exist on this machine. Pure but for entry points.

Each check takes the settings and yields findings; `check` runs them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

from strangler import plugins
from strangler.configuration.access import access, keys_in_use
from strangler.configuration.checks import quality
from strangler.configuration.cohorts import cohorts
from strangler.configuration.findings import Finding, Path, dotted, undotted
from strangler.configuration.gates import custom_gates, guards
from strangler.configuration.routed import conflicts, matches, paths, places, services, testers, upstreams
from strangler.configuration.shadow import shadow
from strangler.configuration.steps import calendar, steps
from strangler.names import nearest
from strangler.settings import Balance, Children, Entity, Function, Settings, part_names
from strangler.urls import kind as kind_of
from strangler.urls import sqlite_path, unescaped

CONNECTORS: Final = {"postgresql": "postgres", "sqlite": "sqlite"}
"""Kind of URL → kind of the connector that reads it."""

RESERVED_TABLES: Final = frozenset({"strangler_mark", "strangler_tombstone", "strangler_partial"})
"""Tables that belong to a store itself."""


def check(settings: Settings) -> Iterator[Finding]:
    """Every finding of every check."""
    for each in CHECKS:
        yield from each(settings)


def references(settings: Settings) -> Iterator[Finding]:
    """Sources, stores and functions that are named exist."""
    for name, function in settings.functions.items():
        at: Path = ("functions", name)
        if function.source not in settings.sources:
            snippet = f"sources: {{{function.source}: {{kind: postgres, url: 'postgresql://…'}}}}"
            yield _unknown((*at, "source"), "source", function.source, list(settings.sources), snippet)
        if function.store not in settings.stores:
            snippet = f"stores: {{{function.store}: {{url: 'sqlite:///{function.store}.db'}}}}"
            yield _unknown((*at, "store"), "store", function.store, list(settings.stores), snippet)
        for needed in function.depends_on:
            here = (*at, "depends_on", needed)
            if needed == name:
                yield Finding(here, "a function can't depend on itself", "leave it out")
            elif needed not in settings.functions:
                yield _unknown(here, "function", needed, list(settings.functions), "leave it out")


def cycles(settings: Settings) -> Iterator[Finding]:
    """`depends_on` leads nowhere back to where it began."""
    reported: set[frozenset[str]] = set()
    for name in settings.functions:
        circle = _circle(settings, [name])
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            path: Path = ("functions", circle[0], "depends_on")
            yield Finding(
                path,
                f"goes in a circle: {' → '.join(circle)}",
                "break it at the weakest of these dependencies",
            )


def _circle(settings: Settings, way: list[str]) -> list[str] | None:
    for needed in settings.functions[way[-1]].depends_on:
        if needed == way[0] and len(way) > 1:
            return [*way, needed]
        if needed in settings.functions and needed not in way:
            found = _circle(settings, [*way, needed])
            if found:
                return found
    return None


def ways_back(settings: Settings) -> Iterator[Finding]:
    """What returns can be written, and is known again when it is read."""
    for name, function in settings.functions.items():
        source = settings.sources.get(function.source)
        if function.return_ is None or source is None:
            continue
        at: Path = ("functions", name, "return")
        if function.return_.api is not None:
            yield from _by_api(settings, function, (*at, "api"))
            continue
        if source.kind == "polling":
            what = "a polled source doesn't tell what was returned from what legacy wrote itself"
            yield Finding(at, what, "leave it out, or a source of another kind")
        url = function.return_.url or source.url
        kind = kind_of(url.get_secret_value())
        if not kind and function.return_.url is None:
            continue  # It is the source's, about which `urls` says it.
        if kind not in (known := plugins.names("writers")):
            what = f"nothing writes to a database of the kind {kind or 'of this URL'!r}"
            yield Finding(at, what, f"leave it out, or a url of one of: {', '.join(known)}")


def _by_api(settings: Settings, function: Function, at: Path) -> Iterator[Finding]:
    """What returns by an API is asked for each entity, somewhere, and isn't refused by our own fence."""
    api = function.return_.api if function.return_ else None
    assert api is not None
    if api.url is None and settings.facade is None:
        yield Finding(
            (*at, "url"), "is missing, and there is no facade.legacy to take", "url: https://erp/api"
        )
    for entity in function.entities.keys() - api.requests.keys():
        what = f"says nothing of the entity {entity}: what new writes of it would be held"
        yield Finding((*at, "requests"), what, f"{entity}: {{insert: {{method: POST, path: /{entity}}}, …}}")
    for entity in api.requests.keys() - function.entities.keys():
        yield _unknown((*at, "requests", entity), "entity", entity, list(function.entities), "leave it out")
    if function.fence and function.fence.keep and function.fence.by != "tell":
        what = "refuses legacy's own API, too, by which what new writes returns"
        yield Finding(("functions", at[1], "fence", "keep"), what, "keep: false")


def keys(settings: Settings) -> Iterator[Finding]:
    """Key fields are fields, each named once."""
    for path, part in _parts(settings):
        for field in part.key:
            if field not in part.fields:
                meant = nearest(field, part.fields)
                instead = meant or f"one of: {', '.join(part.fields)}; or add {field} to fields"
                yield Finding((*path, "key"), f"{field!r} isn't among the fields", instead)
        if len(set(part.key)) < len(part.key):
            yield Finding((*path, "key"), "names a field twice", f"[{', '.join(dict.fromkeys(part.key))}]")


def tolerances(settings: Settings) -> Iterator[Finding]:
    """A tolerance is about a field that may differ, and says in one way by how much."""
    for path, part in _parts(settings):
        for index, rule in enumerate(part.tolerances):
            at = (*path, "tolerances", index)
            others = [name for name in part.fields if name not in part.key]
            if rule.field in part.key:
                what = f"{rule.field} is part of the key: rows with another key are other rows"
                yield Finding((*at, "field"), what, f"one of: {', '.join(others)}")
            elif rule.field not in part.fields:
                meant = nearest(rule.field, others) or f"one of: {', '.join(others)}"
                yield Finding((*at, "field"), f"{rule.field!r} isn't among the fields", meant)
            if (rule.within is None) == (not rule.ignore):
                both = "has `within` and `ignore`" if rule.ignore else "has neither `within` nor `ignore`"
                yield Finding(at, both, "one of them: within: 0.01, or ignore: trailing blanks")


def sensitive(settings: Settings) -> Iterator[Finding]:
    """What a key is made of isn't sensitive: by it an entity is named wherever something is said about it."""
    if not any(field.sensitive for _, part in _parts(settings) for field in part.fields.values()):
        return
    from strangler.mapping.uses import parts  # with it comes the SQL parser, which takes its time
    from strangler.sensitive import columns, key_columns, part_key_columns, read_columns

    for path, entity in _entities(settings):
        hidden = columns(settings, settings.functions[str(path[1])].source)
        key = key_columns(entity)
        for part in parts(entity):
            at = (*path, *undotted(part.path)) if part.path else path
            for name, field in part.section.fields.items():
                read = read_columns(part, field.value) if field.sensitive else frozenset()
                if read and (name in part.section.key or read <= key):
                    what = "what the key is made of can't be masked: by the key an entity is named wherever it is shown"
                    yield Finding((*at, "fields", name, "sensitive"), what, "sensitive: false")
            for table, column in sorted(part_key_columns(part) & hidden):
                what = f"reads {column}, which another entity over {table} marks as sensitive"
                yield Finding((*at, "key"), what, "a key of other columns, or sensitive: false there")


def encryption(settings: Settings) -> Iterator[Finding]:
    """There is something to encrypt by, and with. No key is quoted."""
    section = settings.encryption
    if section is None:
        return
    yield from keys_in_use(("encryption",), section)
    if find_spec("cryptography") is None:
        yield Finding(("encryption",), "what encrypts isn't installed", "pip install 'strangler[encryption]'")


def tables(settings: Settings) -> Iterator[Finding]:
    """No two entities, nor their children, are written into the same table of the same database."""
    taken: dict[tuple[str, str], Path] = {}
    for path, part, table in stored(settings):
        at = (*path, "into") if part.into else path
        if table in RESERVED_TABLES:
            yield Finding(at, f"the table {table!r} belongs to the store itself", f"into: {path[-1]}")
            continue
        name = settings.functions[str(path[1])].store
        database = settings.stores[name].url.get_secret_value() if name in settings.stores else name
        first = taken.setdefault((database, table), path)
        if first != path:
            other = f"into: {path[1]}_{path[-1]}"
            yield Finding(
                at, f"the table {table!r} of store {name!r} is already that of {dotted(first)}", other
            )


def balances(settings: Settings) -> Iterator[Finding]:
    """A balance is of an entity that exists, compares something, and calls each thing by a name of its own."""
    for name, function in settings.functions.items():
        parts = [part for entity in function.entities.items() for part in part_names(*entity)]
        for each, balance in function.balances.items():
            at: Path = ("functions", name, "balances", each)
            if balance.of not in parts:
                instead = nearest(balance.of, parts) or f"one of: {', '.join(parts)}"
                what = f"there is no entity {balance.of!r} in the function {name}"
                yield Finding((*at, "of"), what, instead)
            yield from _balance(at, balance)


def _balance(at: Path, balance: Balance) -> Iterator[Finding]:
    counted = balance.legacy is None if balance.count is None else balance.count
    if balance.gaps is not None:
        for key in ("sums", "count", "legacy", "tolerance"):
            if getattr(balance, key):
                yield Finding(
                    (*at, key), "stands beside `gaps`, which are compared alone", "another balance for it"
                )
    elif not counted and not balance.sums:
        yield Finding(at, "compares nothing", "sums: {amount: amount}, or count: true")
    for name in balance.sums:
        if name in balance.by:
            yield Finding((*at, "sums", name), f"{name} is a dimension too", "another name")
    for key in ("by", "sums"):
        if "count" in getattr(balance, key):
            yield Finding((*at, key, "count"), "is what the count of rows is called", "another name")
    tolerance = balance.tolerance
    if tolerance is not None and balance.gaps is None:
        if not (tolerance.within or tolerance.rows):
            yield Finding((*at, "tolerance"), "tolerates nothing", "within: 0.05, or rows: 1")
        if tolerance.within and not balance.sums:
            yield Finding((*at, "tolerance", "within"), "is about sums, and there are none", "rows: 1")
        if tolerance.rows and not counted:
            yield Finding(
                (*at, "tolerance", "rows"), "is about the count, and rows aren't counted", "count: true"
            )


def events(settings: Settings) -> Iterator[Finding]:
    """An event is a fact, so its name is in the past tense."""
    named = [
        ((*path, "events", kind, index, "name"), event.name)
        for path, entity in _entities(settings)
        for kind in ("created", "changed", "removed")
        for index, event in enumerate(getattr(entity.events, kind))
    ]
    if not named:
        return
    from strangler.mapping.names import is_past_tense  # with it comes the SQL parser, which takes its time

    for path, name in named:
        if not is_past_tense(name):
            yield Finding(path, f"{name!r} isn't in the past tense", "what has happened, e.g. PartyRenamed")


def code_maps(settings: Settings) -> Iterator[Finding]:
    """A code map stands in the configuration or in a file, and what it gives is of one type."""
    for name, code_map in settings.code_maps.items():
        at: Path = ("code_maps", name)
        origins = [each for each in ("values", "file", "table") if getattr(code_map, each) is not None]
        if len(origins) != 1:
            named = " and ".join(f"`{each}`" for each in origins)
            what = f"has {named}" if origins else "has neither `values` nor a `file` nor a `table`"
            instead = "values: {'001': EUR}, or file: maps/currency.csv, or table: t005t with from and to"
            yield Finding(at, what, instead)
        elif origins == ["values"] and (code_map.from_ or code_map.to):
            what = "`from` and `to` are columns of a file or a table, and there is none"
            yield Finding(at, what, "leave them out")
        elif origins == ["table"] and not (code_map.from_ and code_map.to):
            yield Finding(at, "doesn't say which columns of the table are meant", "from: land1, to: landx")
        elif origins != ["table"] and code_map.where is not None:
            yield Finding((*at, "where"), "is about a table, and there is none", "leave it out")
        kinds = {type(each) for each in code_map.held.values()}
        if len(kinds) > 1:
            first = next(code for code, each in code_map.held.items() if isinstance(each, int))
            what = "is a whole number, and others of the map are texts"
            yield Finding((*at, "values", first), what, f'"{code_map.held[first]}" (quotes make it a text)')
        for code, each in code_map.held.items():
            if isinstance(each, int) and not -(2**63) <= each < 2**63:
                yield Finding((*at, "values", code), "does not fit 64 bits", "quotes, which make it a text")


def python(settings: Settings) -> Iterator[Finding]:
    """What a Python function is called is nothing else to SQL."""
    if not settings.python:
        return
    from strangler.mapping.parsing import is_free  # with it comes the SQL parser, which takes its time

    for name, call in settings.python.items():
        if not is_free(name, len(call.takes)):
            yield Finding(
                ("python", name), "is what SQL calls something itself", f"another name, e.g. my_{name}"
            )


def schedules(settings: Settings) -> Iterator[Finding]:
    """Schedules can be read, have what their mode needs, and are told apart."""
    if not any(function.schedules for function in settings.functions.values()):
        return
    from strangler.schedules.cron import EXAMPLE, problem

    for name, function in settings.functions.items():
        names = [schedule.name for schedule in function.schedules]
        for index, schedule in enumerate(function.schedules):
            at: Path = ("functions", name, "schedules", index)
            if wrong := problem(schedule.cron):
                yield Finding((*at, "cron"), f"{schedule.cron!r} {wrong}", EXAMPLE)
            elif schedule.name in names[:index]:
                yield Finding(at, "says the same as another one before it", "leave it out")
            if schedule.sample is not None and schedule.mode != "sample":
                yield Finding(
                    (*at, "sample"), f"is nothing to mode {schedule.mode}", "mode: sample, or leave it out"
                )
            if schedule.since is not None and schedule.mode != "recent":
                yield Finding(
                    (*at, "since"), f"is nothing to mode {schedule.mode}", "mode: recent, or leave it out"
                )


def time_zone(settings: Settings) -> Iterator[Finding]:
    """There is such a time zone."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(settings.time_zone)
    except (KeyError, ValueError, OSError):
        known = sorted(available_timezones())
        meant = nearest(settings.time_zone, known) or "a name like Europe/Berlin, or UTC"
        yield Finding(("time_zone",), f"there is no time zone {settings.time_zone!r}", meant)


def urls(settings: Settings) -> Iterator[Finding]:
    """URLs of databases are URLs of the right sort. They are secrets, so none is quoted."""
    example = "postgresql://user:${PASSWORD}@host/db or sqlite:///file.db"
    for name, source in settings.sources.items():
        fitting = CONNECTORS.get(kind_of(source.url.get_secret_value()))
        if fitting and source.kind in CONNECTORS.values() and source.kind != fitting:
            what = f"the URL is for {fitting}, the kind is {source.kind}"
            yield Finding(("sources", name, "kind"), what, f"kind: {fitting}, or another URL")
    databases: list[tuple[Path, str]] = [
        *((("sources", name, "url"), each.url.get_secret_value()) for name, each in settings.sources.items()),
        *((("stores", name, "url"), each.url.get_secret_value()) for name, each in settings.stores.items()),
    ]
    if settings.control:
        databases.append((("control", "url"), settings.control.url.get_secret_value()))
    if settings.log.url:
        databases.append((("log", "url"), settings.log.url.get_secret_value()))
    for path, url in databases:
        if not kind_of(url):
            yield Finding(path, "isn't a URL", example)
        elif unescaped(url):
            what = "has a password with an @ or / that isn't percent-encoded, or an @ behind its host"
            yield Finding(path, what, "%40 for @, %2F for /")
        elif kind_of(url) == "sqlite" and sqlite_path(url) == ":memory:":
            yield Finding(
                path, "a SQLite database in memory would be lost and can't be shared", "sqlite:///file.db"
            )


def installed(settings: Settings) -> Iterator[Finding]:
    """Every kind that is named has a plugin."""
    for name, source in settings.sources.items():
        yield from _kind(("sources", name, "kind"), "connectors", source.kind)
    yield from _kind(("log", "kind"), "logs", settings.log.kind)
    for name, store in settings.stores.items():
        kind = kind_of(store.url.get_secret_value())
        if kind:
            yield from _kind(("stores", name, "url"), "stores", kind)
    for name, function in settings.functions.items():
        if function.protocol:
            yield from _kind(("functions", name, "protocol", "kind"), "protocols", function.protocol.kind)


def _kind(path: Path, group: plugins.Group, kind: str) -> Iterator[Finding]:
    names = plugins.names(group)
    if kind not in names:
        meant = nearest(kind, names)
        instead = meant or f"one of: {', '.join(names)}; or install the package that provides it"
        yield Finding(path, f"there is no {kind!r} among the installed {group}", instead)


def _unknown(path: Path, thing: str, name: str, known: list[str], snippet: str) -> Finding:
    meant = nearest(name, known)
    return Finding(
        path,
        f"there is no {thing} {name!r}",
        f"{meant} (did you mean this?), or {snippet}" if meant else snippet,
    )


def _entities(settings: Settings) -> Iterator[tuple[Path, Entity]]:
    for name, function in settings.functions.items():
        for entity_name, entity in function.entities.items():
            yield ("functions", name, "entities", entity_name), entity


def _parts(settings: Settings) -> Iterator[tuple[Path, Entity | Children]]:
    """The entities and their children of all levels."""
    return ((path, part) for path, part, _ in stored(settings))


def stored(settings: Settings) -> Iterator[tuple[Path, Entity | Children, str]]:
    """Every entity and its children of all levels, with their paths in the configuration and their tables in the store."""
    for path, entity in _entities(settings):
        yield from _below(path, entity, entity.into or str(path[-1]))


def _below(path: Path, part: Entity | Children, table: str) -> Iterator[tuple[Path, Entity | Children, str]]:
    yield path, part, table
    for name, children in part.children.items():
        yield from _below((*path, "children", name), children, children.into or f"{table}_{name}")


CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    references,
    cycles,
    ways_back,
    custom_gates,
    guards,
    keys,
    tolerances,
    sensitive,
    encryption,
    access,
    quality,
    tables,
    balances,
    events,
    code_maps,
    python,
    services,
    upstreams,
    paths,
    matches,
    places,
    cohorts,
    testers,
    conflicts,
    steps,
    calendar,
    shadow,
    schedules,
    time_zone,
    urls,
    installed,
)
