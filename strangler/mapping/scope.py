"""The scope in which an expression is typed: the columns of a legacy table and of what is joined to it, and the rules by the parser's
classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlglot import exp

from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.nodes import Literal, Node
from strangler.mapping.parsing import span_of
from strangler.mapping.python_functions import NONE, PythonFunctions
from strangler.mapping.wrong import Wrong
from strangler.names import nearest
from strangler.shapes import Column, FieldType, Table

FUNCTIONS: Final = (
    "ABS", "CASE", "CAST", "CHAR_LENGTH", "COALESCE", "CONCAT", "DIV", "EXTRACT", "LEFT", "LENGTH", "LOOKUP", "LOWER", "LPAD", "LTRIM",
    "MOD", "NULLIF", "REGEXP_LIKE", "REGEXP_REPLACE", "REPLACE", "RIGHT", "ROUND", "RPAD", "RTRIM", "SUBSTRING", "SURROGATE",
    "TO_DATE", "TRIM", "UPPER",
)  # fmt: skip
"""The functions that users write."""

OPERATORS: Final = "+ - * % || = <> < <= > >= AND OR NOT IN BETWEEN IS"

_NOT_THE_SAME_TWICE: Final = "this gives another value each time; a row must always be translated alike"

_REASONS: Final[dict[type[exp.Expr], str]] = {
    exp.Div: "the mapping language has no division: databases disagree on its digits; multiply (amount * 0.01) and ROUND,"
    " or DIV of integers",
    exp.Subquery: "a mapping is over the columns of one row and of those joined to it; write a `join`",
    exp.Select: "a mapping is over the columns of one row and of those joined to it; write a `join`",
    exp.CurrentDate: _NOT_THE_SAME_TWICE,
    exp.CurrentTimestamp: _NOT_THE_SAME_TWICE,
    exp.Rand: _NOT_THE_SAME_TWICE,
    exp.Alias: "the field's name is what it stands under; leave AS out",
    exp.Star: "name the columns one by one",
    exp.Block: "this is more than one expression",
    exp.RegexpLike: "write REGEXP_LIKE(text, 'pattern')",
    exp.TryCast: "CAST never aborts here: a row that can't be cast goes to quarantine; write CAST",
}


_UNDERSTOOD: Final = frozenset({
    "catalog", "coalesce", "collation", "db", "decimals", "default", "expression", "expressions", "field", "fill_pattern", "format",
    "high", "ifs", "is_left", "is_string", "length", "low", "negate", "position", "query", "replacement", "safe", "start",
    "table", "this", "to", "unnest", "zone",
})  # fmt: skip
"""The parts of the parser's nodes that the rules look at. Any other would change the meaning unseen, so it is refused."""


class Scope:
    """Types the nodes of one expression, each by the rule of its class. The first thing that is wrong raises Wrong.

    `code_maps` are what LOOKUP may name, `functions` the Python functions. `two_rows`: the expression sees the row before the
    change too, whose columns it names
    `before.…`.
    """

    def __init__(
        self,
        table: Table,
        code_maps: CodeMaps,
        rules: Rules,
        two_rows: bool = False,
        functions: PythonFunctions = NONE,
    ) -> None:
        self.table, self.code_maps, self.two_rows, self._rules = table, code_maps, two_rows, rules
        self.functions = functions

    def node(self, this: exp.Expr) -> Node:
        """The checked expression of the parser's node."""
        rule = self._rules.get(function(this) or type(this))
        if rule is None and function(this).lower() in self.functions:
            rule = self._rules[exp.Anonymous]
        if rule is None:
            raise _unknown(this, self.functions)
        for name, given in this.args.items():
            if given and name not in _UNDERSTOOD:
                what = f"the mapping language has no {this.key.upper()} with {name.upper().replace('_', ' ')}"
                raise Wrong(span_of(this), what)
        try:
            return rule(self, this)
        except Wrong as wrong:
            raise wrong if wrong.span else Wrong(span_of(this), wrong.what, wrong.instead) from None

    def nodes(self, *these: exp.Expr) -> list[Node]:
        return [self.node(this) for this in these]

    def has(self, alias: str) -> bool:
        """Whether rows are joined under this name."""
        return alias != "" and any(each.name.startswith(f"{alias}.") for each in self.table.columns)

    @property
    def aliases(self) -> list[str]:
        """What is joined to the table, by name."""
        names = (each.name.rpartition(".")[0] for each in self.table.columns if "." in each.name)
        return list(dict.fromkeys(names))

    @property
    def described(self) -> str:
        """The table, and what is joined to it."""
        return f"{self.table.name} with {', '.join(self.aliases)}" if self.aliases else self.table.name

    def column(self, identifier: exp.Identifier, alias: str = "") -> Column:
        """The column of this name, of the row that is joined as `alias`; when it isn't quoted, of this name in any case."""
        qualifier = f"{alias}." if alias else ""
        exact = self.table.column(qualifier + identifier.name)
        if exact is not None:
            return exact
        columns = [each for each in self.table.columns if each.name.rpartition(".")[0] == alias]
        name = (qualifier + identifier.name).lower()
        alike = [each for each in columns if each.name.lower() == name]
        if len(alike) == 1 and not identifier.quoted:
            return alike[0]
        names = [each.name.removeprefix(qualifier) for each in columns]
        similar = nearest(identifier.name, names)
        known = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        raise Wrong(
            span_of(identifier),
            f"there is no column {identifier.name!r} in {alias or self.table.name}",
            similar or f"one of its columns: {known}",
        )

    def count(self, this: exp.Expr, what: str, *, least: int = 0, most: int = 2**20) -> Literal:
        """A constant: how much text comes out is decided by who writes the mapping, not by the data."""
        node = self.node(this)
        if not isinstance(node, Literal) or node.type is not FieldType.INTEGER or node.value is None:
            raise Wrong(span_of(this), f"{what} must be a whole number, not computed from columns")
        if not least <= node.value <= most:
            raise Wrong(span_of(this), f"{what} must be from {least} to {most}")
        return node


Rule = Callable[[Scope, Any], Node]
Rules = Mapping[type[exp.Expr] | str, Rule]
"""By the parser's class, or by the name of a function that the parser has no class for."""


def function(this: exp.Expr) -> str:
    """The name of a function that the parser has no class for, in capitals; else nothing."""
    return str(this.this).upper() if isinstance(this, exp.Anonymous) else ""


def _unknown(this: exp.Expr, functions: PythonFunctions) -> Wrong:
    name = function(this) or (this.sql_name() if isinstance(this, exp.Func) else this.key.upper())
    why = _REASONS.get(type(this))
    if why:
        return Wrong(span_of(this), why)
    similar = nearest(name, (*FUNCTIONS, *functions))
    known = f"one of {', '.join((*FUNCTIONS, *functions))}; operators are {OPERATORS}"
    return Wrong(
        span_of(this), f"the mapping language has no {name}", f"{similar}; or {known}" if similar else known
    )
