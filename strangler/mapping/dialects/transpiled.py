"""Dialects that mappings are only written out in, for people: no server was there to prove that it answers alike.

So their databases are asked for nothing: the rows of such a source are translated one by one, in Python. What isn't sure to mean the
same is Inexpressible, with the reason.

Booleans are conditions here, since these databases have none as values; where a value is needed they are 1 and 0.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final

from strangler.mapping.dialects.dialect import (
    NOT_ZERO,
    Inexpressible,
    Template,
    Templates,
    Writer,
    Written,
    escaped,
)
from strangler.mapping.language import COMPARISONS
from strangler.mapping.legacy import quoted
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Lookup, Node, Reference
from strangler.shapes import Column, FieldType

_OF_CONDITIONS: Final = ("and", "or", "not", "is_true", "is_false")
"""What takes conditions as they are."""

LOGIC: Final[Templates] = {
    "and": Template("({0} AND {1})"),
    "or": Template("({0} OR {1})"),
    "not": Template("(NOT {0})"),
    "is_null": Template("({0} IS NULL)"),
    "is_not_null": Template("({0} IS NOT NULL)"),
    "is_true": Template("(CASE WHEN {0} THEN 1 ELSE 0 END = 1)"),
    "is_false": Template("(CASE WHEN NOT {0} THEN 1 ELSE 0 END = 1)"),
}

_SURELY_READ: Final = 15
"""Significant digits."""

_TYPES: Final = (
    FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT, FieldType.BOOLEAN, FieldType.DATE, FieldType.TIMESTAMP, FieldType.INSTANT,
)  # fmt: skip

COMPARED: Final[Templates] = {
    **{
        f"{name}_{kind.value}": Template(f"({{0}} {sign} {{1}})")
        for name, sign in COMPARISONS.items()
        for kind in _TYPES
    },
    **{
        f"null_if_{kind.value}": Template("NULLIF({0}, {1})")
        for kind in _TYPES
        if kind is not FieldType.BOOLEAN
    },
    "null_if_boolean": Template("(NULLIF({0}, {1}) = 1)"),
}
"""Of the types whose values these databases compare as the language does."""

BYTES: Final = tuple(f"{name}_bytes" for name in (*COMPARISONS, "null_if"))
"""The operations that compare bytes."""

FLOATS: Final = dict.fromkeys(
    ("text_to_float", "integer_to_float", "decimal_to_float", "float_to_decimal"),
    "the last digit of a float that is made of another number, or the other way round, isn't sure to be the same",
)


def sure(condition: str) -> str:
    """The condition, false where it would be NULL."""
    return f"(CASE WHEN {condition} THEN 1 ELSE 0 END = 1)"


def of_divisor(call: Call) -> str | None:
    """The guard of a division: a constant isn't zero."""
    return None if isinstance(call.args[1], Literal) else NOT_ZERO


def fails(why: str, *names: str) -> dict[str, str]:
    """The operations that can't be said, for one reason."""
    return dict.fromkeys(names, why)


def exact_float(value: float) -> str:
    """A constant that is the same float however its digits are read. Raises Inexpressible for any other."""
    exact = Decimal(value).normalize()
    if not exact.is_finite() or len(exact.as_tuple().digits) > _SURELY_READ:
        raise Inexpressible(f"whether {value!r} is read as the same float, to the last digit, isn't sure")
    return f"{exact:f}"


class Transpiled(Writer):
    """See the module."""

    fixed: ClassVar[Templates]
    made: ClassVar[Mapping[str, Callable[[Call], Template]]]
    refused: ClassVar[Mapping[str, str]]
    """By operation: how it is written, by itself or by its arguments, or why it isn't. Each operation stands in one of them."""

    @abstractmethod
    def equal(self, kind: FieldType, value: str, constants: Sequence[Literal]) -> tuple[str, list[str]]:
        """A value, and constants that it is compared with, written so that equal are those that are the same."""

    def quote(self, name: str) -> str:
        return quoted(name, self.name)

    def readable(self, column: Column) -> str | None:
        return None

    def template(self, call: Call) -> Template:
        if call.name in self.refused:
            raise Inexpressible(self.refused[call.name])
        if call.name == "in_list":
            return self._in_list(call)
        return self.made[call.name](call) if call.name in self.made else self.fixed[call.name]

    def call(self, call: Call, arguments: Sequence[str]) -> Written:
        if call.name not in _OF_CONDITIONS:
            arguments = [self.value(node, each) for node, each in zip(call.args, arguments, strict=True)]
        template = self.template(call)
        value = template.value.format(*arguments)
        if template.guard is None:
            return Written(value)
        own = template.guard.format(*arguments)
        chosen = f"CASE WHEN {own} THEN {self.value(call, value)} END"
        return Written(self._told(call, chosen), f"{arguments[0]} IS NULL OR {own}")

    def lookup(self, lookup: Lookup, code: str) -> Written:
        codes = [Literal(each, lookup.code.type) for each in lookup.codes]
        value, constants = self.equal(lookup.code.type, code, codes)
        meanings = [self.literal(Literal(each, lookup.type)) for each in lookup.codes.values()]
        chain = " ".join(f"WHEN {one} THEN {other}" for one, other in zip(constants, meanings, strict=True))
        holds = None if lookup.partial else f"{code} IS NULL OR {value} IN ({', '.join(constants)})"
        return Written(f"CASE {value} {chain} END", holds)

    def _in_list(self, call: Call) -> Template:
        constants = [each for each in call.args[1:] if isinstance(each, Literal)]
        value, listed = self.equal(call.args[0].type, "{0}", constants)
        return Template(f"({value} IN ({', '.join(map(escaped, listed))}))")

    def case(self, case: Case, branches: Sequence[tuple[str, str]], default: str) -> str:
        values = [
            (condition, self.value(node, value))
            for (_, node), (condition, value) in zip(case.branches, branches, strict=True)
        ]
        return self._told(case, super().case(case, values, self.value(case.default, default)))

    def coalesce(self, coalesce: Coalesce, arguments: Sequence[str]) -> str:
        values = [self.value(node, each) for node, each in zip(coalesce.args, arguments, strict=True)]
        return self._told(coalesce, super().coalesce(coalesce, values))

    def present(self, node: Node, written: str) -> str:
        return super().present(node, self.value(node, written))

    def either(self, condition: str, then: str | None, otherwise: str | None) -> str:
        one, other = (
            "1" if each is None else f"CASE WHEN {each} THEN 1 ELSE 0 END" for each in (then, otherwise)
        )
        return f"CASE WHEN {condition} THEN {one} ELSE {other} END = 1"

    def value(self, node: Node, written: str) -> str:
        """In the database's own type; a condition as 1 and 0."""
        if node.type is not FieldType.BOOLEAN:
            return written
        if isinstance(node, Reference):
            return self.quote(node.column.name)
        if isinstance(node, Literal):
            return "NULL" if node.value is None else str(int(node.value))
        return f"CASE WHEN {written} THEN 1 WHEN NOT {written} THEN 0 END"

    def _told(self, node: Node, value: str) -> str:
        """What is written as a value, as expressions see it."""
        return f"({value} = 1)" if node.type is FieldType.BOOLEAN else value
