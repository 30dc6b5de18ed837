"""What each dialect can say of the language, operation by operation, found by writing the examples of the reference in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from strangler.mapping import sql
from strangler.mapping.dialects import DIALECTS, TRANSPILED, Inexpressible
from strangler.mapping.explained import CODE_MAPS, FUNCTIONS, SECTIONS, TABLE, Explained
from strangler.mapping.language import COMPARABLE, COMPARISONS
from strangler.mapping.nodes import Call, Node
from strangler.mapping.typing import check
from strangler.mapping.written import WRITERS
from strangler.shapes import FieldType

_DECLARED: Final = {FieldType.DECIMAL: "decimal(10, 2)", FieldType.TIME: "time(6)"}
_TABLE: Final = replace(
    TABLE,
    columns=tuple(
        replace(column, declared=_DECLARED.get(column.type, column.declared)) for column in TABLE.columns
    ),
)
"""That of the examples; some databases ask for the sizes of its columns."""


class Verdict(StrEnum):
    """How an operation is said in a dialect.

    exact: by a template that is proved to answer as Python does. transpiled: so that it means the same, by what its makers say of
    the database; none was there to prove it. partly: the same, but not of all that it takes. none: it can't be said.
    """

    EXACT = "exact"
    TRANSPILED = "transpiled"
    PARTLY = "partly"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limit:
    """The verdict on an operation in a dialect; `why`: why not, by the expressions and the types of which it can't be said."""

    verdict: Verdict
    why: dict[str, str]


def limits() -> Iterator[tuple[Explained, dict[str, Limit]]]:
    """Every operation of the reference, with its limit in each dialect."""
    for listed in SECTIONS.values():
        for explained in listed:
            yield explained, {name: limit(explained, name) for name in WRITERS}


def limit(explained: Explained, dialect: str) -> Limit:
    expressions = list(dict.fromkeys(example.expression for example in explained.examples))
    why = {each: reason for each in expressions if (reason := _unsaid(each, dialect))}
    if len(why) == len(expressions):
        return Limit(Verdict.NONE, why)
    why |= _of_types(expressions, dialect)
    if why:
        return Limit(Verdict.PARTLY, why)
    return Limit(Verdict.EXACT if dialect in DIALECTS else Verdict.TRANSPILED, why)


def _of_types(expressions: list[str], dialect: str) -> dict[str, str]:
    """The types of whose values an operation that takes several can't be said."""
    if dialect not in TRANSPILED:
        return {}
    refused = TRANSPILED[dialect].refused
    called = {
        each.name for tree in map(_checked, expressions) for each in _said(tree) if isinstance(each, Call)
    }
    families = [
        name for name in (*COMPARISONS, "null_if") if any(each.startswith(f"{name}_") for each in called)
    ]
    return {
        f"of {kind}": refused[name]
        for kind in COMPARABLE
        for each in families
        if (name := f"{each}_{kind}") in refused
    }


def _said(tree: Node) -> tuple[Node, ...]:
    """What an expression is in the first place; BETWEEN is two comparisons."""
    return tree.args if isinstance(tree, Call) and tree.name == "and" else (tree,)


def _checked(expression: str) -> Node:
    return check(expression, _TABLE, CODE_MAPS, functions=FUNCTIONS)


def _unsaid(expression: str, dialect: str) -> str:
    try:
        sql.write(_checked(expression), WRITERS[dialect])
    except Inexpressible as error:
        return str(error)
    return ""
