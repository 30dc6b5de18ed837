"""The SQL compiler: a checked expression as SQL of its value and SQL of the condition under which it has one.

The value never makes a statement fail: where an operation can't be applied it is NULL, and the condition is false.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.dialects import Inexpressible, Writer, Written
from strangler.mapping.nodes import Applied, Call, Case, Coalesce, Literal, Lookup, Node, Reference

LONGEST: Final = 200_000
"""Characters of the SQL of one expression: databases take some more."""


def write(node: Node, dialect: Writer) -> Written:
    """The expression in the dialect. Raises Inexpressible."""
    match node:
        case Literal():
            written = Written(dialect.literal(node))
        case Reference(column=column):
            written = Written(dialect.read(column))
        case Call():
            written = _call(node, dialect)
        case Case():
            written = _case(node, dialect)
        case Coalesce():
            written = _coalesce(node, dialect)
        case Lookup():
            written = _lookup(node, dialect)
        case Applied(function=function):
            raise Inexpressible(f"{function.name} is a Python function")
    if len(written.value) + len(written.guard or "") > LONGEST:
        raise Inexpressible(f"an expression would take more than {LONGEST:,} characters of SQL")
    return written


def all_of(*conditions: str | None) -> str | None:
    """The conjunction; None is always true."""
    given = list(dict.fromkeys(condition for condition in conditions if condition is not None))
    return " AND ".join(f"({condition})" for condition in given) if given else None


def any_of(*conditions: str | None) -> str | None:
    """The disjunction of those that are given; None when none is."""
    given = [condition for condition in conditions if condition is not None]
    return " OR ".join(f"({condition})" for condition in given) if given else None


def _call(call: Call, dialect: Writer) -> Written:
    arguments = [write(argument, dialect) for argument in call.args]
    value, own = dialect.call(call, [argument.value for argument in arguments])
    return Written(value, all_of(*(argument.guard for argument in arguments), own))


def _lookup(lookup: Lookup, dialect: Writer) -> Written:
    code = write(lookup.code, dialect)
    value, own = dialect.lookup(lookup, code.value)
    return Written(value, all_of(code.guard, own))


def _case(case: Case, dialect: Writer) -> Written:
    """Only what is evaluated has to have a value: the conditions up to the one that holds, and its branch."""
    default, guard = write(case.default, dialect)
    branches = [(write(condition, dialect), write(branch, dialect)) for condition, branch in case.branches]
    for tested, chosen in reversed(branches):
        if guard is not None or chosen.guard is not None:
            guard = dialect.either(tested.value, chosen.guard, guard)
        guard = all_of(tested.guard, guard)
    return Written(
        dialect.case(case, [(tested.value, chosen.value) for tested, chosen in branches], default), guard
    )


def _coalesce(coalesce: Coalesce, dialect: Writer) -> Written:
    written = [write(arg, dialect) for arg in coalesce.args]
    guard = written[-1].guard
    for arg, each in reversed(list(zip(coalesce.args, written, strict=True))[:-1]):
        rest = None if guard is None else f"{dialect.present(arg, each.value)} OR ({guard})"
        guard = all_of(each.guard, rest)
    return Written(dialect.coalesce(coalesce, [each.value for each in written]), guard)
