"""Mapping: SQL expressions over a legacy table, written once, executed in three ways that agree.

    mapping = compile_entity("party", "party", entity_settings, legacy_table)
    mapping.translate(row)                        # the stream: row by row, in microseconds
    mapping.select("postgres").rows_sql()         # backfill: set-wise, by the databases
    mapping.select("postgres").pushed.texts       # reconciliation: what checksums hash on the legacy side,
    canonical_columns(mapping.shape, "sqlite")    # and on the store's
    mapping.select("oracle").rest_sql()           # what a database can't evaluate itself: legacy rows,
    translated(mapping, "oracle", rows)           # translated here

A connection that is to run these SELECTs needs `strangler.mapping.sqlite_functions.register(connection)` in SQLite, and the
statements of `strangler.mapping.mysql_session` in MySQL and MariaDB.
"""

from strangler.mapping.compiler import compile_entity
from strangler.mapping.entity import EntityMapping
from strangler.mapping.rest import Translated, translated
from strangler.mapping.select import Select
from strangler.mapping.stores import canonical_columns, native_columns

__all__ = [
    "EntityMapping",
    "Select",
    "Translated",
    "canonical_columns",
    "compile_entity",
    "native_columns",
    "translated",
]
