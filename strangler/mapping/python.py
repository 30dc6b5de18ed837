"""The Python compiler: a checked expression as Python source, and source as a function.

A whole entity becomes one function without calls of closures; what a function of the language costs is then mostly the
function itself. `None` tests are written out, with intermediate results in local variables.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

from strangler.mapping import canonical, language, runtime
from strangler.mapping.nodes import (
    Applied,
    Call,
    Case,
    Coalesce,
    Literal,
    Lookup,
    Node,
    Reference,
    can_fail,
    columns,
    walk,
)
from strangler.mapping.reading import CLASSES

_CANONICAL: Final = {
    name: getattr(canonical, name)
    for name in ("decimal_text", "float_value", "date_text", "time_text", "timestamp_text", "instant_text")
}
_CLASSES: Final = {kind.__name__: kind for kind in CLASSES.values()}
NAMESPACE: Final[dict[str, Any]] = runtime.NAMESPACE | _CANONICAL | _CLASSES
"""What compiled source may call."""

_INLINE: Final = (str, int, bool, type(None))

FAILURES: Final = (ValueError, TypeError, AttributeError, ArithmeticError, KeyError)
"""What compiled code raises for a row that it can't translate."""


class Writer:
    """Writes expressions for one function: hands out its local variables and keeps its constants."""

    def __init__(self, locals_of: Mapping[str, str]) -> None:
        """`locals_of`: legacy column → the local variable that holds its value."""
        self._locals = locals_of
        self._fresh = (f"t{n}" for n in itertools.count())
        self.constants: dict[str, Any] = {}

    def canonical(self, node: Node) -> str:
        """Source of the canonical value of the expression."""
        template = canonical.PYTHON[node.type]
        source = self.expression(node)
        if template == "{0}":
            return source
        if not _may_be_none(node):
            return template.format(source)
        name, test = self._tested(node, source)
        return f"(None if {test} else {template.format(name)})"

    def expression(self, node: Node) -> str:
        match node:
            case Literal(value=value):
                return self._constant(value)
            case Reference(column=column):
                return self._locals[column.name]
            case Call():
                return self._call(node)
            case Case(branches=branches, default=default):
                chain = [
                    f"{self.expression(value)} if {self.expression(condition)} else"
                    for condition, value in branches
                ]
                return f"({' '.join(chain)} {self.expression(default)})"
            case Coalesce(args=args):
                return self._coalesce(args)
            case Lookup():
                return self._lookup(node)
            case Applied(function=function, args=args):
                return f"{self._constant(function)}({', '.join(map(self.expression, args))})"

    def _constant(self, value: Any) -> str:
        if isinstance(value, _INLINE):
            return repr(value)
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def _coalesce(self, args: tuple[Node, ...]) -> str:
        chain = ""
        for arg in args[:-1]:
            name, test = self._tested(arg, self.expression(arg))
            chain += f"{name} if not ({test}) else "
        return f"({chain}{self.expression(args[-1])})"

    def _lookup(self, lookup: Lookup) -> str:
        codes = self._constant(lookup.codes)
        name, test = self._tested(lookup.code, self.expression(lookup.code))
        return f"(None if {test} else {f'{codes}.get({name})' if lookup.partial else f'{codes}[{name}]'})"

    def _call(self, call: Call) -> str:
        operation = language.operation(call.name, len(call.args))
        sources = [self.expression(arg) for arg in call.args]
        if not operation.strict or not any(map(_may_be_none, call.args)):
            return _written(call.name, operation.python, sources)
        names, tests = [], []
        for arg, source in zip(call.args, sources, strict=True):
            if isinstance(arg, Literal) and arg.value is not None:
                names.append(source)
                continue
            name, test = self._tested(arg, source)
            names.append(name)
            tests.append(test)
        # Every argument is evaluated, as SQL does it, when one that fails would otherwise go unnoticed.
        together = (
            " | ".join(f"({test})" for test in tests)
            if any(can_fail(each) for arg in call.args[1:] for each in walk(arg))
            else " or ".join(tests)
        )
        return f"(None if {together} else {_written(call.name, operation.python, names)})"

    def _tested(self, node: Node, source: str) -> tuple[str, str]:
        """The name that holds the value once the test, whether it is None, has been evaluated."""
        if isinstance(node, Reference):
            return source, f"{source} is None"
        name = next(self._fresh)
        return name, f"({name} := {source}) is None"


def _written(name: str, template: str, arguments: list[str]) -> str:
    return f"{name}({', '.join(arguments)})" if template == "*" else template.format(*arguments)


_NEVER_NONE: Final = ("concat", "is_null", "is_not_null", "is_true", "is_false")


def _may_be_none(node: Node) -> bool:
    """Whether NULL can come out, whatever the schema says of its columns."""
    match node:
        case Literal(value=value):
            return value is None
        case Reference():
            return True
        case Call(name=name, args=args):
            return name not in _NEVER_NONE and (name.startswith("null_if") or any(map(_may_be_none, args)))
        case Case(branches=branches, default=default):
            return _may_be_none(default) or any(_may_be_none(value) for _, value in branches)
        case Coalesce(args=args):
            return all(map(_may_be_none, args))
        case Lookup(code=code, partial=partial):
            return partial or _may_be_none(code)
        case Applied():
            return True


def define(source: str, constants: Mapping[str, Any], filename: str) -> Callable[..., Any]:
    """The function that the source defines under the name `compiled`."""
    namespace = NAMESPACE | dict(constants)
    exec(compile(source, filename, "exec"), namespace)
    function: Callable[..., Any] = namespace["compiled"]
    return function


def function_of(node: Node, *, canonical: bool, filename: str = "<mapping>") -> Callable[..., Any]:
    """The expression as a function of the values of its columns, in the order of `nodes.columns`."""
    names = [column.name for column in columns(node)]
    writer = Writer({name: f"c{n}" for n, name in enumerate(names)})
    body = writer.canonical(node) if canonical else writer.expression(node)
    parameters = ", ".join(f"c{n}" for n in range(len(names)))
    return define(f"def compiled({parameters}):\n    return {body}\n", writer.constants, filename)


def evaluate(node: Node) -> Any:
    """The value of an expression without columns. Raises one of FAILURES."""
    return function_of(node, canonical=False)()
