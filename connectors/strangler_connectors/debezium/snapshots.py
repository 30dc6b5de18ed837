"""Incremental snapshots: Debezium reads tables anew while changes go on, asked by a row in the signal table."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from strangler.errors import SourceError
from strangler_connectors.databases import Database
from strangler_connectors.debezium import watermark
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.wanted import collection, escaped, places


def ask(options: Options, database: Database, tables: Sequence[str], stop: bool = False) -> None:
    """Ask Debezium to read these tables incrementally, while changes go on; with `stop`: to leave off (all, where none is named).

    What was asked for before and isn't done goes on behind it. Raises SourceError where a table or `strangler_signal` isn't there.
    """
    if watermark.SIGNAL not in watermark.places(database):
        raise SourceError(
            f"source {options.source}: the legacy database has no table {watermark.SIGNAL}",
            why="it is made together with the connector",
            do="strangler connect apply",
        )
    if stop and not tables:
        _signal(database, "stop-snapshot", json.dumps({"type": "incremental"}))
    for place, table in places(options, database, tables).items():
        # A regular expression, in which a dot that is meant is written so.
        name = "\\.".join(map(escaped, collection(database.kind, database.catalog, place).split(".")))
        body: dict[str, Any] = {"type": "incremental", "data-collections": [name]}
        key = options.keys.get(table, ())
        if len(key) == 1 and not stop:
            body["surrogate-key"] = key[0]
        _signal(database, "stop-snapshot" if stop else "execute-snapshot", json.dumps(body))


def _signal(database: Database, type: str, data: str) -> None:
    database.execute(
        f"INSERT INTO {watermark.SIGNAL} (id, type, data) VALUES (:id, :type, :data)",
        id=secrets.token_hex(16),
        type=type,
        data=data,
    )
