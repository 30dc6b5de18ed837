"""The legacy table's names in SQL of any dialect, also of those that mappings aren't compiled to."""

from __future__ import annotations

from sqlglot import Dialect, exp

from strangler.shapes import Table


def statement(expression: exp.Expr, dialect: str) -> str:
    """SQL of an expression in a dialect by sqlglot's name; in standard SQL where sqlglot knows none of the name (Db2)."""
    return expression.sql(dialect if Dialect.get(dialect) else None)


def quoted(name: str, dialect: str) -> str:
    """An identifier."""
    return statement(exp.to_identifier(name, quoted=True), dialect)


def table_of(legacy: Table) -> exp.Table:
    """A legacy table, which the configuration writes with its schema or without."""
    schema, _, name = legacy.name.rpartition(".")
    return exp.table_(name, db=schema or None, quoted=True)
