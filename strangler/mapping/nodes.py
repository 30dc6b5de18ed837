"""A checked expression: a tree in which every function is resolved, every conversion explicit and every type known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from strangler.mapping.code_maps import Codes
from strangler.mapping.language import operation
from strangler.mapping.python_functions import PythonFunction
from strangler.shapes import Column, FieldType, Table


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; `value` None is NULL."""

    value: Any
    type: FieldType

    @property
    def nullable(self) -> bool:
        return self.value is None

    @property
    def wide(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.type.value} {self.value!r}"


@dataclass(frozen=True, slots=True)
class Reference:
    """The value of a legacy column."""

    column: Column

    @property
    def type(self) -> FieldType:
        return self.column.type

    @property
    def nullable(self) -> bool:
        return self.column.nullable

    @property
    def wide(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"[{self.column.name}]"


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of `strangler.mapping.language` on all of its arguments. `wide`: an integer that may exceed 64 bits."""

    name: str
    args: tuple[Node, ...]
    type: FieldType
    nullable: bool
    wide: bool = False

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first branch whose condition is true; evaluates no more than it must."""

    branches: tuple[tuple[Node, Node], ...]
    default: Node
    type: FieldType

    @property
    def nullable(self) -> bool:
        return self.default.nullable or any(value.nullable for _, value in self.branches)

    @property
    def wide(self) -> bool:
        return False

    def __str__(self) -> str:
        branches = ", ".join(f"{condition}: {value}" for condition, value in self.branches)
        return f"case({branches}, else: {self.default})"


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first argument that isn't NULL; evaluates no more than it must."""

    args: tuple[Node, ...]
    type: FieldType

    @property
    def nullable(self) -> bool:
        return all(arg.nullable for arg in self.args)

    @property
    def wide(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"coalesce({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a code map says of a code. One that it doesn't hold has no meaning; where the map is `partial`, it gives NULL."""

    codes: Codes
    code: Node
    partial: bool

    @property
    def type(self) -> FieldType:
        return self.codes.type

    @property
    def nullable(self) -> bool:
        return self.partial or self.code.nullable

    @property
    def wide(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"lookup({self.code}, {sorted(self.codes.items())}, partial: {self.partial})"


@dataclass(frozen=True, slots=True)
class Applied:
    """A Python function of the user's, applied. NULL is handed to it as None, and may come out of it."""

    function: PythonFunction
    args: tuple[Node, ...]

    @property
    def type(self) -> FieldType:
        return self.function.gives

    @property
    def nullable(self) -> bool:
        return True

    @property
    def wide(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"python {self.function.name} {self.function.version}({', '.join(map(str, self.args))})"


Node = Literal | Reference | Call | Case | Coalesce | Lookup | Applied


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Call(args=args) | Coalesce(args=args) | Applied(args=args):
            return args
        case Case(branches=branches, default=default):
            return (*(part for branch in branches for part in branch), default)
        case Lookup(code=code):
            return (code,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from walk(child)


def can_fail(node: Node) -> bool:
    """Whether the node itself, whatever stands below it, has no meaning for some values."""
    match node:
        case Call(name=name, args=args):
            return operation(name, len(args)).fails
        case Lookup(partial=partial):
            return not partial
        case Applied():
            return True
        case _:
            return False


def columns(node: Node) -> tuple[Column, ...]:
    """The legacy columns that the expression names, in order of appearance."""
    return tuple(dict.fromkeys(each.column for each in walk(node) if isinstance(each, Reference)))


def surrogates(node: Node) -> tuple[Call, ...]:
    """The surrogates in the expression."""
    return tuple(each for each in walk(node) if isinstance(each, Call) and each.name == "surrogate")


BEFORE: Final = "before"
"""What qualifies a column of the old row, as it was before the change: `before.state`."""

_OLD: Final = f"{BEFORE}."


def replaced(node: Node, by: Callable[[Column], Node]) -> Node:
    """The expression with another in the place of each of its columns."""
    match node:
        case Reference(column=column):
            return by(column)
        case Call(args=args) | Coalesce(args=args) | Applied(args=args):
            return replace(node, args=tuple(replaced(each, by) for each in args))
        case Case(branches=branches, default=default):
            pairs = tuple((replaced(when, by), replaced(then, by)) for when, then in branches)
            return replace(node, branches=pairs, default=replaced(default, by))
        case Lookup(code=code):
            return replace(node, code=replaced(code, by))
        case _:
            return node


def renamed(node: Node, prefix: str) -> Node:
    """The expression over columns of these names with the prefix."""
    return replaced(node, lambda column: Reference(replace(column, name=prefix + column.name)))


def old(column: Column) -> Column:
    """The column of the old row: beside the new row's, under a name of its own."""
    return replace(column, name=_OLD + column.name)


def olds(node: Node, table: Table) -> tuple[str, ...]:
    """The legacy columns whose old values the expression names."""
    names = [column.name for column in columns(node) if table.column(column.name) is None]
    return tuple(name.removeprefix(_OLD) for name in names)


def old_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an old row under the names that they have beside the new one."""
    return {_OLD + name: value for name, value in row.items()}
