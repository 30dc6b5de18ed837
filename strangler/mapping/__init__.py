"""Mapping: SQL expressions over a legacy table, written once, executed in three ways that agree.

    mapping = compile_entity("party", "party", entity_settings, legacy_table)
    mapping.translate(row)                        # the stream: row by row, in microseconds
    mapping.select("postgres").rows_sql()         # backfill: set-wise, by the databases
    mapping.select("postgres").texts              # reconciliation: what checksums hash on the legacy side,
    canonical_columns(mapping.shape, "sqlite")    # and on the store's

A connection to SQLite that is to run these SELECTs needs `strangler.mapping.sqlite_functions.register(connection)`.
"""

from strangler.mapping.canonical import canonical_columns
from strangler.mapping.compiler import compile_entity
from strangler.mapping.entity import EntityMapping
from strangler.mapping.select import Select

__all__ = ["EntityMapping", "Select", "canonical_columns", "compile_entity"]
