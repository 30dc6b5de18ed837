"""The SELECT that a mapping becomes: legacy rows in the new shape, evaluated by the legacy database itself."""

from __future__ import annotations

from dataclasses import dataclass

from strangler.mapping import canonical, sql
from strangler.mapping.nodes import Node, Reference, columns
from strangler.mapping.reading import sql_readable
from strangler.mapping.rows import Plan


@dataclass(frozen=True, slots=True)
class Select:
    """One entity's mapping in one SQL dialect.

    `columns`: per field of the shape, in its order, SQL of the canonical value in the database's nearest type, fit to be
    loaded into a store: text and decimals as text, integers, floats and booleans as they are (SQLite: 0 and 1), dates,
    times and timestamps as canonical text, bytes as lower-case hex, JSON as text.

    `texts`: the same values as text that is the same to the byte in every dialect, and the same as
    `canonical_columns` gives for a store's table: what checksums hash. NULL stays NULL.

    `from_` is the quoted legacy table. `translatable` is a condition, never NULL, that holds for the rows that
    the mapping can translate; with `always_translatable` that is every row. `key_order` is the list for ORDER BY: the legacy key columns.
    `legacy` are the quoted legacy columns in the order of `EntityMapping.columns`.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...]
    from_: str
    translatable: str
    always_translatable: bool
    key_order: str
    legacy: tuple[str, ...]

    def rows_sql(self, where: str | None = None, order: bool = False) -> str:
        """All translatable rows, in the new shape; `where` is a further condition over the legacy columns."""
        condition = where if self.always_translatable else _both(self.translatable, where)
        return self._select(self.columns, condition, order)

    def untranslatable_sql(self, where: str | None = None, order: bool = False) -> str:
        """The rows that can't be translated, as legacy rows: the columns of `EntityMapping.columns`, in that order."""
        return self._select(self.legacy, _both(f"NOT ({self.translatable})", where), order)

    def _select(self, columns: tuple[str, ...], where: str | None, order: bool) -> str:
        sql = f"SELECT {', '.join(columns)} FROM {self.from_}"
        if where:
            sql += f" WHERE {where}"
        return f"{sql} ORDER BY {self.key_order}" if order else sql


def _both(condition: str, where: str | None) -> str:
    return f"({condition}) AND ({where})" if where else condition


def compile_select(plan: Plan, needed: tuple[str, ...], dialect: str) -> Select:
    """The plan in `postgres` or `sqlite`; `needed` are the legacy columns that it needs. Another dialect is a StranglerError."""
    values, texts = canonical.VALUES[canonical.known(dialect)], canonical.TEXTS[dialect]
    written = [sql.write(field.node, dialect) for field in plan.fields]
    used = dict.fromkeys(column for field in plan.fields for column in columns(field.node))
    keys = [
        f"{each.value} IS NOT NULL"
        for field, each in zip(plan.fields, written, strict=True)
        if field.name in plan.key and not _never_null(field.node, plan)
    ]
    condition = sql.all_of(
        *(sql_readable(column, dialect) for column in used), *(each.guard for each in written), *keys
    )
    pairs = [(field.node.type, each.value) for field, each in zip(plan.fields, written, strict=True)]
    return Select(
        columns=tuple(values[kind].format(value) for kind, value in pairs),
        texts=tuple(texts[kind].format(value) for kind, value in pairs),
        from_=".".join(map(canonical.quote, plan.table.name.split(".", 1))),
        translatable=condition or "1 = 1",
        always_translatable=condition is None,
        key_order=", ".join(map(canonical.quote, plan.table.key)),
        legacy=tuple(map(canonical.quote, needed)),
    )


def _never_null(node: Node, plan: Plan) -> bool:
    return isinstance(node, Reference) and not node.nullable and node.column.name in plan.table.key
