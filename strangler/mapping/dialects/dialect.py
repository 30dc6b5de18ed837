"""What a dialect has to tell: how it writes operations, constants and canonical forms, and how it reads legacy columns.

Between operations each dialect has its own representation of a type; the canonical forms are the same in all of them. An
operation's value never makes a statement fail: where it can't be applied it is NULL, and its guard is false.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Lookup, Node
from strangler.shapes import Column, FieldType


class Inexpressible(Exception):
    """The dialect can't say it; the text says what and why. The rows are then translated one by one, in Python."""


class Written(NamedTuple):
    """SQL of a value. `guard` is a condition, never NULL, under which there is one; None: always."""

    value: str
    guard: str | None = None


class Template(NamedTuple):
    """SQL over `{0}`, `{1}`…; `guard` holds for the arguments that the operation has a meaning for, None: for all."""

    value: str
    guard: str | None = None


Templates = Mapping[str, Template]

NOT_ZERO: Final = "({1} <> 0 OR {1} IS NULL)"
"""The guard of a division."""


class Writer(ABC):
    """Writes expressions in one SQL dialect; `name` is sqlglot's, `title` the one that people know.

    `limits`: what holds of all that is written, in words. `session`: what has to be said before it, in SQL.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    limits: ClassVar[tuple[str, ...]] = ()
    session: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier."""

    @abstractmethod
    def literal(self, literal: Literal) -> str:
        """A constant."""

    @abstractmethod
    def template(self, call: Call) -> Template:
        """How the call's operation is written. Raises Inexpressible."""

    @abstractmethod
    def read(self, column: Column) -> str:
        """The column's value as expressions see it. Raises Inexpressible."""

    @abstractmethod
    def readable(self, column: Column) -> str | None:
        """The condition, never NULL, that the column's value can be read; None where it always can."""

    def all_readable(self, columns: Sequence[Column]) -> list[str]:
        """The conditions, never NULL, that together hold where all these columns' values can be read."""
        return [condition for condition in map(self.readable, columns) if condition is not None]

    @abstractmethod
    def value(self, node: Node, written: str) -> str:
        """The value of an expression, which is `written` so, as a SELECT gives it."""

    @abstractmethod
    def lookup(self, lookup: Lookup, code: str) -> Written:
        """What the code map says of the code that is written so; NULL where it doesn't hold it."""

    def case(self, case: Case, branches: Sequence[tuple[str, str]], default: str) -> str:
        """The choice between branches, each a condition and a value that are written so."""
        chain = " ".join(f"WHEN {condition} THEN {value}" for condition, value in branches)
        return f"CASE {chain} ELSE {default} END"

    def coalesce(self, coalesce: Coalesce, arguments: Sequence[str]) -> str:
        """The first that isn't NULL of arguments that are written so."""
        return f"COALESCE({', '.join(arguments)})"

    def note(self, node: Node) -> str:
        """What a field's value isn't told apart from, in words; nothing where there is none."""
        return ""

    def present(self, node: Node, written: str) -> str:
        """That an expression, which is `written` so, isn't NULL."""
        return f"{written} IS NOT NULL"

    def either(self, condition: str, then: str | None, otherwise: str | None) -> str:
        """The guard that counts, by a condition; None always holds."""
        return f"CASE WHEN {condition} THEN {then or 'TRUE'} ELSE {otherwise or 'TRUE'} END"

    def same(self, left: str, right: str, kind: FieldType) -> str:
        """The condition that a column joins another, or a constant: equal as `=` of expressions has it, and found by an index."""
        return f"{left} = {right}"

    def call(self, call: Call, arguments: Sequence[str]) -> Written:
        """The operation on arguments that are written so; the guard is the operation's own."""
        template = self.template(call)
        value = template.value.format(*arguments)
        if template.guard is None:
            return Written(value)
        own = template.guard.format(*arguments)
        return Written(f"CASE WHEN {own} THEN {value} END", f"{arguments[0]} IS NULL OR {own}")


class Dialect(Writer):
    """A dialect that mappings are compiled to: proved to give what the stream gives, so that its database is asked."""

    @abstractmethod
    def text(self, node: Node, written: str) -> str:
        """The canonical text of an expression, which is `written` so."""

    def native(self, node: Node, written: str) -> str | None:
        """The value of an expression, which is `written` so, of the database's own type and compared binary; None where there are none
        that equal each other exactly when the canonical texts do."""
        return None

    @abstractmethod
    def exactly(self, text: str) -> str:
        """A text that is grouped by: equal only to itself, whatever the collation of what it came from. May come out as bytes."""

    def ordered(self, text: str) -> str:
        """What to order by, so that groups come in the order of their code points, NULL first."""
        return self.exactly(text)

    def finite(self, kind: FieldType, written: str) -> str | None:
        """The condition, never NULL, that a number can be added up; None where every number can."""
        return None

    def total(self, node: Node, written: str) -> str:
        """The exact sum of an expression, which is `written` so: an integer, a decimal, or the text of one. Raises Inexpressible."""
        return f"COALESCE(SUM({written}), 0)"

    def raw(self, column: Column) -> str:
        """The column as the stream brings it, for rows that are translated in Python."""
        return self.quote(column.name)


def comparisons(write: Callable[[FieldType, str], str], signs: Mapping[str, str]) -> Templates:
    """The template of each comparison of each type."""
    return {
        f"{name}_{kind.value}": Template(write(kind, sign))
        for name, sign in signs.items()
        for kind in FieldType
        if kind is not FieldType.JSON
    }


def lookup_by_case(dialect: Writer, lookup: Lookup, code: str, exact: str) -> Written:
    """A lookup as a CASE; `exact` is the code written so that it equals nothing but itself."""
    codes = [dialect.literal(Literal(each, lookup.code.type)) for each in lookup.codes]
    meanings = [dialect.literal(Literal(each, lookup.type)) for each in lookup.codes.values()]
    chain = " ".join(f"WHEN {each} THEN {meaning}" for each, meaning in zip(codes, meanings, strict=True))
    holds = None if lookup.partial else f"{code} IS NULL OR {exact} IN ({', '.join(codes)})"
    return Written(f"CASE {exact} {chain} END", holds)


def surrogate_name(call: Call) -> str:
    """The name of what is identified by a surrogate."""
    name = call.args[0]
    assert isinstance(name, Literal)
    return str(name.value)


def escaped(text: str) -> str:
    """Text that stands for itself in a template."""
    return text.replace("{", "{{").replace("}", "}}")
