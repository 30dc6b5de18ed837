"""`reverse:` what a legacy column gets, said by the user: expressions over the entity's fields, typed against the column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from strangler.mapping.building import unify
from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.conversions import shown_type
from strangler.mapping.nodes import Node, Reference
from strangler.mapping.python_functions import PythonFunctions
from strangler.mapping.typing import check
from strangler.mapping.wrong import Wrong
from strangler.names import nearest
from strangler.settings import EntityField
from strangler.shapes import Column, FieldType, Table


class Fill(NamedTuple):
    """A legacy column and the expression, over the entity's fields, that fills it; `field` is where that is written."""

    field: str
    column: Column
    node: Node


class Mistake(NamedTuple):
    """What is wrong at a path below the entity's."""

    path: str
    what: str
    instead: str


def fills(
    entity: str,
    fields: Mapping[str, EntityField],
    nodes: Mapping[str, Node],
    table: Table,
    code_maps: CodeMaps,
    functions: PythonFunctions,
) -> tuple[list[Fill], list[Mistake]]:
    """Every `reverse:` of the entity, and all that is wrong with them. `nodes` are the fields' checked expressions."""
    scope = Table(
        entity, tuple(Column(name, node.type, node.nullable, "") for name, node in nodes.items()), ()
    )
    found: dict[str, Fill] = {}
    mistakes: list[Mistake] = []
    for name, written, expression in _written(fields):
        path = f"fields.{name}.reverse.{written}"
        column = table.column_like(written)
        if column is None:
            known = [each.name for each in table.columns]
            meant = nearest(written, known) or f"one of its columns: {', '.join(known[:12])}"
            mistakes.append(Mistake(path, f"there is no column {written!r} in {table.name}", meant))
            continue
        if column.name in found:
            other = found[column.name].field
            mistakes.append(
                Mistake(path, f"{other} fills the column {column.name} too", "leave one of them out")
            )
            continue
        try:
            found[column.name] = Fill(
                name, column, _typed(check(expression, scope, code_maps, functions=functions), column)
            )
        except Wrong as wrong:
            mistakes.append(Mistake(path, wrong.shown(expression), wrong.instead))
    return list(found.values()), mistakes


def _written(fields: Mapping[str, EntityField]) -> Iterator[tuple[str, str, str]]:
    for name, field in fields.items():
        for column, expression in (field.reverse or {}).items():
            yield name, column, expression


def _typed(node: Node, column: Column) -> Node:
    """The expression in the column's type, or as near as constants and integers come to it by themselves. Raises Wrong."""
    if column.type is FieldType.JSON and node.type is FieldType.TEXT:
        return node  # JSON is text as it stands.
    complaint = Wrong(
        None,
        f"{column.name} is {shown_type(column.type)}; this is {shown_type(node.type)}",
        _cast(column.type),
    )
    try:
        _, made = unify("the column", [Reference(column), node])
    except Wrong:
        raise complaint from None
    if made.type is not column.type:
        raise complaint
    return made


def _cast(kind: FieldType) -> str:
    """The cast to the type, as users write it; nothing is cast to bytes and JSON."""
    if kind in (FieldType.BYTES, FieldType.JSON):
        return ""
    return f"CAST(… AS {'TIMESTAMPTZ' if kind is FieldType.INSTANT else kind.value.upper()})"
