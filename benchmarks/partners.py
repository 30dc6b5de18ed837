"""The legacy table of the benchmarks: business partners with twelve columns that are mapped to twelve fields."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
from pydantic import SecretStr

from strangler import assembly
from strangler.ports import ChangeSource
from strangler.settings import Database, Entity, Function, Log, Settings, Source

TABLE: Final = "partner"

CREATE: Final = f"""
    CREATE TABLE {TABLE} (
        id bigint PRIMARY KEY, number text NOT NULL, name text NOT NULL, street text, city text, country char(2),
        active boolean NOT NULL, credit numeric(16,2) NOT NULL, discount integer NOT NULL, since date NOT NULL,
        changed timestamp NOT NULL, note text
    )
"""

FILL: Final = f"""
    INSERT INTO {TABLE}
    SELECT i, lpad(i::text, 10, '0'), 'Partner ' || i || ' Łódź', 'Street ' || i % 977, 'City ' || i % 311,
           (ARRAY['DE', 'PL', 'JP', 'US'])[1 + i % 4], i % 17 <> 0, (i % 1000003) / 100.0, i % 40,
           date '2001-01-01' + (i % 9000)::int, timestamp '2026-01-01' + i * interval '1 second', NULL
    FROM generate_series(1, {{rows}}) AS i
"""

UPDATE: Final = f"""
    UPDATE {TABLE} SET credit = credit + 1, discount = (discount + 1) % 40, changed = changed + interval '1 hour'
    WHERE id > {{low}} AND id <= {{high}}
"""

MARIADB_CREATE: Final = f"""
    CREATE TABLE {TABLE} (
        id bigint PRIMARY KEY, number varchar(10) NOT NULL, name varchar(80) NOT NULL, street varchar(80), city varchar(80),
        country char(2), active boolean NOT NULL, credit decimal(16,2) NOT NULL, discount integer NOT NULL, since date NOT NULL,
        changed datetime NOT NULL, note text
    )
"""

MARIADB_FILL: Final = f"""
    INSERT INTO {TABLE}
    SELECT seq, lpad(seq, 10, '0'), concat('Partner ', seq, ' Łódź'), concat('Street ', seq % 977), concat('City ', seq % 311),
           elt(1 + seq % 4, 'DE', 'PL', 'JP', 'US'), seq % 17 <> 0, (seq % 1000003) / 100.0, seq % 40,
           date '2001-01-01' + interval (seq % 9000) day, timestamp '2026-01-01 00:00:00' + interval seq second, NULL
    FROM seq_1_to_{{rows}}
"""

MARIADB_UPDATE: Final = UPDATE.replace("interval '1 hour'", "interval 1 hour")

FIELDS: Final = {
    "id": "id",
    "number": "number",
    "name": "TRIM(name)",
    "street": "street",
    "city": "city",
    "country": "country",
    "active": "active",
    "credit": "credit",
    "discount": "discount",
    "since": "since",
    "changed": "changed",
    "note": "COALESCE(note, '')",
}
"""Nine renames, a trim, a default and a padded text: what a first mapping looks like."""


def settings(legacy: str, store: str, home: Path, kind: str = "postgres") -> Settings:
    """The migration of the one function `partners` from a source of `kind`; control store and event log are SQLite files in `home`."""
    entity = Entity(table=TABLE, key=["id"], fields=FIELDS)
    return Settings(
        name="bench",
        sources={"legacy": Source(kind=kind, url=SecretStr(legacy))},
        control=Database(url=SecretStr(f"sqlite:///{home}/control.db")),
        log=Log(url=SecretStr(f"sqlite:///{home}/log.db")),
        stores={"store": Database(url=SecretStr(store))},
        functions={"partners": Function(source="legacy", store="store", entities={"partner": entity})},
    )


def source(settings: Settings) -> ChangeSource:
    """The source of the migration, capturing what the mapping needs."""
    with closing(assembly.source(settings, "legacy")) as plain:
        mappings = assembly.mappings(settings, "partners", plain)
    return assembly.source(settings, "legacy", assembly.captured(mappings))


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    connection = psycopg.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()
