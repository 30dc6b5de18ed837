"""The SELECTs that a mapping becomes: legacy rows in the new shape, as far as the legacy database can evaluate them itself.

What it can't is left as legacy rows, to be translated in Python: with a dialect that mappings are compiled to, single rows, most
of which Python will find untranslatable too; with any other, all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strangler.mapping import sql
from strangler.mapping.dialects import DIALECTS, TRANSPILED, Dialect, Inexpressible
from strangler.mapping.legacy import quoted
from strangler.mapping.nodes import Node, Reference, columns
from strangler.mapping.raw import raw
from strangler.mapping.rows import Named, Plan
from strangler.shapes import FieldType


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the database evaluates itself.

    `columns`: per field of the shape, in its order, SQL of the canonical value in the database's nearest type, fit to be
    loaded into a store: text and decimals as text, integers, floats and booleans as they are (SQLite and MySQL: 0 and 1), dates,
    times and timestamps as canonical text, bytes as lower-case hex, JSON as text.

    `texts`: the same values as text that is the same to the byte in every dialect, and the same as
    `canonical_columns` gives for a store's table: what checksums hash. NULL stays NULL.

    `natives`: the same values of the database's own types, which are equal exactly when the texts are; None where it has no such.

    `taken` is a condition that holds for the rows that it translates, None: every row; `left` one that holds for those
    that are to be translated here, None: no row. Rows that aren't the entity's are neither.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...]
    natives: tuple[str, ...] | None
    taken: str | None
    left: str | None


@dataclass(frozen=True, slots=True)
class Select:
    """One entity's legacy rows in one SQL dialect.

    `pushed` is None when the database evaluates nothing itself, for the reason `why`. `from_` is the quoted legacy table, or its
    joins as one; `legacy` its columns in the order of `EntityMapping.columns`, `key_order` the list for ORDER BY: the
    legacy key columns. `number` is the quoted column that is the entity's whole key, where that is an integer; None: the key is
    made otherwise. A `where` is a further condition over the legacy columns.
    """

    pushed: Pushed | None
    why: str
    from_: str
    legacy: tuple[str, ...]
    key_order: str
    number: str | None

    def rows_sql(self, where: str | None = None, order: bool = False) -> str | None:
        """The rows that the database translates, in the new shape; None: it translates none."""
        if self.pushed is None:
            return None
        return self._select(self.pushed.columns, [self.pushed.taken, where], order)

    def taken_sql(self, where: str | None = None) -> str | None:
        """The same rows as legacy rows: the columns of `EntityMapping.columns`."""
        if self.pushed is None:
            return None
        return self._select(self.legacy, [self.pushed.taken, where], order=False)

    def rest_sql(self, where: str | None = None, order: bool = False) -> str | None:
        """The rows that it doesn't, as legacy rows: the columns of `EntityMapping.columns`. None: there are none."""
        if self.pushed is None:
            return self.legacy_sql(where, order)
        if self.pushed.left is None:
            return None
        return self.legacy_sql(sql.all_of(self.pushed.left, where), order)

    def legacy_sql(self, where: str | None = None, order: bool = False) -> str:
        """Legacy rows for which the condition holds: the columns of `EntityMapping.columns`."""
        return self._select(self.legacy, [where], order)

    def _select(self, columns: tuple[str, ...], conditions: list[str | None], order: bool) -> str:
        statement = f"SELECT {', '.join(columns)} FROM {self.from_}"
        if condition := sql.all_of(*conditions):
            statement += f" WHERE {condition}"
        return f"{statement} ORDER BY {self.key_order}" if order else statement


def compile_select(plan: Plan, needed: tuple[str, ...], dialect: str) -> Select:
    """The plan in a dialect, by sqlglot's name; `needed` are the legacy columns that it needs."""
    known = DIALECTS.get(dialect)
    pushed, why = _pushed(plan, known, dialect)
    return Select(
        pushed=pushed,
        why=why,
        from_=plan.origin.from_(needed, dialect),
        legacy=tuple(raw(column, dialect) for column in plan.table.columns if column.name in needed),
        key_order=", ".join(quoted(name, dialect) for name in plan.table.key),
        number=_number(plan, dialect),
    )


def _number(plan: Plan, dialect: str) -> str | None:
    match plan.key_fields:
        case [Named(node=Reference(column=column))] if column.type is FieldType.INTEGER:
            return quoted(column.name, dialect)
    return None


def _pushed(plan: Plan, dialect: Dialect | None, name: str) -> tuple[Pushed | None, str]:
    if dialect is None:
        return None, _why_by_row(name)
    try:
        return _compiled(plan, dialect), ""
    except Inexpressible as error:
        return None, str(error)


def _why_by_row(dialect: str) -> str:
    if dialect in TRANSPILED:
        return (
            f"mappings are written out in {TRANSPILED[dialect].title} for people only (`strangler mapping sql`); no server has proved"
            " that it answers alike, so none is asked"
        )
    return f"mappings are compiled to {', '.join(DIALECTS)}, not to {dialect}"


def _compiled(plan: Plan, dialect: Dialect) -> Pushed:
    nodes = [field.node for field in plan.fields]
    written = [sql.write(node, dialect) for node in nodes]
    keys = [
        f"{each.value} IS NOT NULL"
        for field, each in zip(plan.fields, written, strict=True)
        if field.name in plan.key and not _never_null(field.node, plan)
    ]
    values = [each.value for each in written]
    translatable = sql.all_of(readable(nodes, dialect), *(each.guard for each in written), *keys)
    taken, left = _divided(plan.where, translatable, dialect)
    return Pushed(
        columns=tuple(map(dialect.value, nodes, values)),
        texts=tuple(map(dialect.text, nodes, values)),
        natives=_natives(nodes, values, dialect),
        taken=taken,
        left=left,
    )


def _natives(nodes: Sequence[Node], values: Sequence[str], dialect: Dialect) -> tuple[str, ...] | None:
    natives = [native for native in map(dialect.native, nodes, values) if native is not None]
    return tuple(natives) if len(natives) == len(nodes) else None


def _divided(where: Node | None, translatable: str | None, dialect: Dialect) -> tuple[str | None, str | None]:
    """Which rows are translated there and which here; None as in `Pushed`. A condition that can't be evaluated is asked here."""
    untranslatable = None if translatable is None else f"NOT ({translatable})"
    if where is None:
        return translatable, untranslatable
    belongs, guard = sql.write(where, dialect)
    answerable = sql.all_of(readable([where], dialect), guard)
    left = sql.any_of(
        answerable and f"NOT ({answerable})", untranslatable and f"({belongs}) AND {untranslatable}"
    )
    return sql.all_of(answerable, belongs, translatable), left


def readable(nodes: Sequence[Node], dialect: Dialect) -> str | None:
    """That Python could read every column that the expressions name."""
    used = dict.fromkeys(column for node in nodes for column in columns(node))
    return sql.all_of(*dialect.all_readable(list(used)))


def _never_null(node: Node, plan: Plan) -> bool:
    return isinstance(node, Reference) and not node.nullable and node.column.name in plan.table.key
