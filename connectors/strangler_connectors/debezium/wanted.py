"""What a connector is to do, and how the tables are called that it does it for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strangler.errors import SourceError
from strangler.shapes import Table
from strangler_connectors.databases import Database, Place
from strangler_connectors.debezium import watermark
from strangler_connectors.debezium.options import Options


@dataclass(frozen=True, slots=True)
class Captured:
    """A place whose rows are captured, with the columns that are asked for. `key`: what identifies a row where the table has
    no primary key; else empty. `large`: it has large objects, which Oracle sends only when asked to."""

    place: Place
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    large: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connector is to do: which rows it captures, where our own two tables stand, seconds between two heartbeats."""

    tables: Sequence[Captured]
    heartbeat_table: Place
    signal_table: Place
    heartbeat: float


def look(
    options: Options, database: Database, tables: Mapping[str, Sequence[str]], heartbeat: float
) -> Wanted:
    """What a connector of this source is to do, as the legacy database is now. Our own tables may not be there yet."""
    described = database.describe(list(tables))
    captured = [
        _captured(place, described[name], tables[name], options)
        for place, name in places(options, database, list(tables)).items()
    ]
    own = watermark.places(database)
    heartbeat_table, signal_table = (
        own.get(table) or Place(database.home(), watermark.stored(database, table))
        for table in (watermark.HEARTBEAT, watermark.SIGNAL)
    )
    return Wanted(captured, heartbeat_table, signal_table, heartbeat)


def places(options: Options, database: Database, tables: Sequence[str]) -> dict[Place, str]:
    found = database.places(tables)
    missing = sorted(set(tables) - set(found.values()))
    if missing:
        raise SourceError(
            f"source {options.source}: the legacy database has no table {', '.join(missing)}",
            why="it isn't there, or the user of the source may not see it",
            do="correct its name, or grant SELECT on it",
        )
    return found


def collection(kind: str, catalog: str, place: Place) -> str:
    """A table as Debezium's signals name it."""
    return f"{catalog}.{place}" if kind in ("mssql", "oracle") and catalog else str(place)


def exactly(place: Place) -> str:
    """A regular expression of Java's for this place and no other."""
    return f"{escaped(place.schema)}\\.{escaped(place.name)}"


def escaped(name: str) -> str:
    """Debezium also splits its lists at commas that aren't escaped."""
    return re.sub(r"([^\w])", r"\\\1", name)


def _captured(place: Place, table: Table, asked: Sequence[str], options: Options) -> Captured:
    key = table.key or options.keys.get(table.name, ())
    columns = tuple(c.name for c in table.columns if c.name in asked or c.name in key)
    large = any(
        "LOB" in c.declared.upper() or "XML" in c.declared.upper() for c in table.columns if c.name in columns
    )
    return Captured(place, columns, () if table.key else tuple(key), large)
