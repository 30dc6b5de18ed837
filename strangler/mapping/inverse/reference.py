"""The part of `docs/expressions.md` about the way back, computed by the code that goes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from strangler.mapping import compile_entity
from strangler.mapping.canonical import plain
from strangler.mapping.explained import CODE_MAPS, FUNCTIONS, SECTIONS
from strangler.mapping.explained import TABLE as LANGUAGE_TABLE
from strangler.mapping.inverse.explained import INTRODUCTION, RULES, TABLE, UNDONE, Undone
from strangler.mapping.inverse.steps import NoWay
from strangler.mapping.inverse.ways import way
from strangler.mapping.typing import check
from strangler.settings import Entity

Row = tuple[str, ...]


def section(table: Callable[[Sequence[str], Sequence[Row]], Iterator[str]]) -> Iterator[str]:
    """Its lines; `table` writes one of the page's tables."""
    yield INTRODUCTION
    columns = ", ".join(f"`{each.name} {each.declared}`" for each in TABLE.columns)
    yield f"What is undone, over the columns {columns}:\n"
    head = ("the field is", "its value → what legacy gets", "holds for", "the legacy value")
    yield from table(head, [_row(undone) for undone in UNDONE])
    yield "What isn't:\n"
    yield from table(("written", "why"), [(", ".join(names), why) for why, names in _lost().items()])
    yield RULES


def _row(undone: Undone) -> Row:
    return (
        "<br>".join(f"`{_cell(expression)}`" for expression, _ in undone.examples),
        "<br>".join(
            f"`{_shown(value)}` → `{_shown(_back(expression, value))}`"
            for expression, value in undone.examples
        ),
        undone.holds,
        "<br>".join(
            "itself" if way(check(expression, TABLE, CODE_MAPS)).exact else "one that reads alike"
            for expression, _ in undone.examples
        ),
    )


def _back(expression: str, value: Any) -> Any:
    """What legacy gets in the expression's column."""
    fields = {"id": "id", "value": expression}
    given = Entity.model_validate({"table": TABLE.name, "key": "id", "fields": fields})
    row = compile_entity("crm", "partner", given, TABLE, CODE_MAPS).inverse.row({"id": 1, "value": value})
    return row[way(check(expression, TABLE, CODE_MAPS)).column.name]


def _shown(value: Any) -> str:
    return "NULL" if value is None else orjson.dumps(plain(value)).decode()


def _lost() -> dict[str, list[str]]:
    """Why there is no way back → the operations of the language of which that is said."""
    lost: dict[str, list[str]] = {}
    for listed in SECTIONS.values():
        for explained in listed:
            for example in explained.examples:
                try:
                    way(check(example.expression, LANGUAGE_TABLE, CODE_MAPS, functions=FUNCTIONS))
                except NoWay as none:
                    names = lost.setdefault(str(none), [])
                    if f"`{_cell(example.expression)}`" not in names:
                        names.append(f"`{_cell(example.expression)}`")
    return lost


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
