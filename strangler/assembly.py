"""Assembly: from settings to running parts, through the plugins. The one place where kinds become objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from strangler import plugins, urls
from strangler.configuration.findings import dotted
from strangler.control.store import Control
from strangler.errors import MappingError, Problem, SourceError, StranglerError
from strangler.ports import (
    Acting,
    ChangeSource,
    EventLog,
    Finding,
    LegacyWriter,
    Outbox,
    ReturningStore,
    ServiceStore,
    WriterOpener,
)
from strangler.registrar import Registrar
from strangler.returning.marks import COLUMNS, TABLE
from strangler.sensitive import of_entity
from strangler.settings import Settings
from strangler.shapes import Shape

if TYPE_CHECKING:
    from strangler.encryption import Cipher
    from strangler.mapping import EntityMapping
    from strangler.reconcile.balances import Balance
    from strangler.returning.calling import Calling


def control(settings: Settings, wait: float = 0.0) -> Control:
    """The control store, migrated to this version. `wait`: seconds to go on trying while it doesn't answer."""
    assert settings.control is not None, "configuration.load fills the default in"
    return Control.open(settings.control.url.get_secret_value(), wait=wait, cipher=cipher(settings))


def cipher(settings: Settings) -> Cipher | None:
    """What encrypts sensitive values where they are kept; None where the configuration wants that not."""
    if settings.encryption is None:
        return None
    from strangler.encryption import Cipher  # with it comes a library that is an extra

    return Cipher(settings.encryption)


def log(settings: Settings) -> EventLog:
    """The event log; where there is encryption, its readers see the clear values, and what it keeps doesn't have them."""
    opened: EventLog = plugins.load("logs", settings.log.kind)(settings.name, settings.log)
    sealing = cipher(settings)
    if sealing is None:
        return opened
    from strangler.sealed_log import SealedLog

    sensitive = {
        (function, name): part.fields
        for function, section in settings.functions.items()
        for entity in section.entities
        for name, part in of_entity(settings, function, entity).named(entity)
    }
    return SealedLog(opened, sealing, sensitive)


def store(settings: Settings, name: str) -> ServiceStore:
    """The store `name`; its kind is the scheme of its URL."""
    database = settings.stores[name]
    kind = urls.kind(database.url.get_secret_value())
    opened: ServiceStore = plugins.load("stores", kind)(name, database)
    return opened


def source(settings: Settings, name: str, tables: Mapping[str, Sequence[str]] | None = None) -> ChangeSource:
    """The source `name`, capturing `tables` (see `captured`); without them good for `describe` and `reader`."""
    section = settings.sources[name]
    connect = plugins.load("connectors", section.kind)
    opened: ChangeSource = connect(f"{settings.name}_{name}", section, tables or {})
    return opened


def writer(settings: Settings, function: str) -> LegacyWriter:
    """What writes to the legacy database of a function with a way back; its kind is the scheme of the URL."""
    section = settings.functions[function]
    assert section.return_ is not None, "only functions with `return:` have one"
    url = (section.return_.url or settings.sources[section.source].url).get_secret_value()
    connect: WriterOpener = plugins.load("writers", urls.kind(url))
    return connect(f"{settings.name}_{section.source}", url, function)


def asked(settings: Settings, source: str) -> list[str]:
    """The functions of a source of which what new writes returns by an API of legacy's."""
    backs = ((name, settings.functions[name].return_) for name in functions_of(settings, source))
    return [name for name, back in backs if back and back.through == "api"]


def calling(settings: Settings, function: str) -> Calling:
    """Legacy's own API, by which what new writes of a function returns."""
    from strangler.returning.calling import Calling

    back = settings.functions[function].return_
    assert back is not None
    assert back.api is not None, "only functions with `through: api` have one"
    url = back.api.url.get_secret_value() if back.api.url else settings.facade and settings.facade.legacy
    assert url, "the configuration's check sees to that"
    return Calling(back.api, url)


def examined_way_back(
    settings: Settings,
    function: str,
    mappings: Sequence[EntityMapping],
    opened: LegacyWriter | None = None,
) -> list[Finding]:
    """What is missing for what new writes of a function to return. `opened`: its writer, where there is one already. Changes nothing."""
    from strangler.returning.requests import unknown

    back = settings.functions[function].return_
    assert back is not None, "only functions with `return:` have one"
    if back.api is not None:
        return [*unknown(back.api, mappings), *calling(settings, function).examine()]
    tables = sorted({part.table.name for mapping in mappings for part in mapping.parts()})
    if opened is not None:
        return opened.examine(tables)
    with closing(writer(settings, function)) as returning:
        return returning.examine(tables)


def outbox(settings: Settings, function: str, shapes: Sequence[Shape]) -> Outbox:
    """What the service of a function wrote to its store; a connection of its own. Raises StranglerError where its kind of store can't
    tell."""
    name = settings.functions[function].store
    opened = store(settings, name)
    if not isinstance(opened, ReturningStore):
        raise StranglerError(
            f"the store {name} can't tell what the service wrote",
            do=f"remove functions.{function}.return, or use another store",
        )
    return opened.outbox(shapes)


def marks(settings: Settings, name: str) -> dict[str, list[str]]:
    """What a source has to capture beside the tables of the mappings, to know what was returned, and who wrote what wasn't: table →
    columns. Makes it where it isn't there yet."""
    return _returned(settings, name) | _authors(settings, name)


def _authors(settings: Settings, name: str) -> dict[str, list[str]]:
    from strangler.fencing import telling

    fences = (settings.functions[function].fence for function in functions_of(settings, name))
    if not any(fence and fence.by == "tell" for fence in fences):
        return {}
    with closing(source(settings, name)) as opened:
        if not isinstance(opened, Acting):
            return {}  # The switch is refused that would want it.
        with closing(opened.hand()) as hand:
            if hand.dialect not in telling.DIALECTS:
                return {}
            place = telling.place(hand)
            if not place.there:  # To say `IF NOT EXISTS` takes the privilege to create it all the same.
                hand.do([telling.create_table(hand.dialect, place.schema)])
    return {telling.TABLE: list(telling.COLUMNS)}


def _returned(settings: Settings, name: str) -> dict[str, list[str]]:
    for function in functions_of(settings, name):
        back = settings.functions[function].return_
        if back is not None and back.through == "tables":
            with closing(writer(settings, function)) as returning:
                returning.prepare()
                # An origin in the log is told by a source that reads it itself, not by one that has it read, as by Debezium.
                if table := returning.mark() if settings.sources[name].kind == "postgres" else TABLE:
                    return {table: list(COLUMNS)}
    return {}


def registrar(settings: Settings, name: str, tables: Mapping[str, Sequence[str]]) -> Registrar:
    """What registers the source `name` with the service that reads it; only some kinds have one (`plugins.names`)."""
    section = settings.sources[name]
    opened: Registrar = plugins.load("registrars", section.kind)(f"{settings.name}_{name}", section, tables)
    return opened


def mappings(settings: Settings, function: str, legacy: ChangeSource) -> list[EntityMapping]:
    """The function's entities, compiled against the tables as they are in the legacy database now."""
    from strangler import (  # with these comes the SQL parser, which takes its time
        code_tables,
        python_functions,
    )
    from strangler.mapping import compile_entity
    from strangler.mapping.uses import tables

    entities = settings.functions[function].entities
    named = {name: tables(entity) for name, entity in entities.items()}
    found = legacy.describe(sorted({table for listed in named.values() for table in listed.values()}))
    for name, listed in named.items():
        for path, table in listed.items():
            if table not in found:
                raise SourceError(
                    f"function {function}, entity {name}: the legacy database has no table {table!r}",
                    why="it isn't there, or the user of the source may not see it",
                    do=f"correct functions.{function}.entities.{name}.{path}, or grant SELECT on it",
                )
    functions, uncallable = python_functions.read(settings)
    held, unread = code_tables.read(settings, [function], legacy)
    if wrong := [*uncallable, *unread]:
        raise MappingError.of(
            [Problem("", None, dotted(each.path), each.what, each.instead) for each in wrong]
        )
    return [
        compile_entity(
            function,
            name,
            entity,
            found[entity.table],
            held,
            of_entity(settings, function, name),
            functions,
            found,
            settings.functions[function].cohort_of(name),
        )
        for name, entity in entities.items()
    ]


def balances(settings: Settings, function: str, compiled: Sequence[EntityMapping]) -> list[Balance]:
    """The function's balances over its compiled entities. Raises MappingError with all that is wrong with them."""
    from strangler.reconcile.balances import compile_balances

    return compile_balances(settings.functions[function].balances, function, compiled)


def functions_of(settings: Settings, source: str) -> list[str]:
    """The functions that are fed from `source`."""
    return [name for name, function in settings.functions.items() if function.source == source]


def captured(compiled: Sequence[EntityMapping]) -> dict[str, list[str]]:
    """What a source has to capture for these mappings: table → columns, nothing more."""
    tables: dict[str, set[str]] = {}
    for mapping in compiled:
        for table, columns in mapping.reads().items():
            tables.setdefault(table, set()).update(columns)
    return {table: sorted(columns) for table, columns in sorted(tables.items())}
