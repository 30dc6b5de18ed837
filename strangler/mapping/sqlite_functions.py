"""The functions that the mapping's SELECTs need in SQLite: the very ones of the compiled stream, registered there.

SQLite has no decimals, dates or instants, and its text functions stop at a NUL. Here a value of such a type is its canonical text;
the wrappers make Python values of the arguments, call the runtime's function, and write the result back as text.
So the two can't disagree. NULL in gives NULL out; what has no meaning gives NULL, and `strangler_can_…` tells so.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from strangler.mapping import canonical, digest, runtime, sqlite_totals, sqlite_values
from strangler.mapping.bad_value import BadValue
from strangler.mapping.language import DATE_FORMS, OPERATIONS
from strangler.mapping.python import FAILURES
from strangler.mapping.surrogates import surrogate
from strangler.shapes import FieldType

T, I, D, F = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT  # noqa: E741

_ARGUMENTS: Final[dict[str, tuple[FieldType, ...]]] = {
    **{name: (T,) for name in OPERATIONS if name.startswith("text_to_")},
    **{f"{form}_text_to_date": (T,) for form in DATE_FORMS},
    **dict.fromkeys(("upper", "lower", "length"), (T,)),
    **dict.fromkeys(("substring_from", "left", "right"), (T, I)),
    **dict.fromkeys(("pad_left", "pad_right"), (T, I, T)),
    **{f"{name}_integer": (I, I) for name in ("add", "subtract", "multiply", "divide", "modulo")},
    **{f"{name}_decimal": (D, D) for name in ("add", "subtract", "multiply", "modulo", "compare")},
    **dict.fromkeys(("narrow", "negate_integer", "absolute_integer"), (I,)),
    **dict.fromkeys(("decimal_to_integer", "decimal_to_float", "negate_decimal", "absolute_decimal"), (D,)),
    "short_text_to_date": (T, I),
    "substring": (T, I, I),
    "regexp_like": (T, T),
    **dict.fromkeys(("replace", "regexp_replace"), (T, T, T)),
    "fit_decimal": (D, I, I),
    "round_decimal": (D, I),
    "float_to_decimal": (F,),
}
"""The types of the arguments of every function that is registered."""


def _into(kind: FieldType) -> Callable[[Any], Any]:
    """From a value as SQLite hands it over to a Python value. An integer beyond 64 bits travels as text."""
    return {D: Decimal, I: int}.get(kind, _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _out(value: Any) -> Any:
    """From a Python value to one that SQLite can hold."""
    match value:
        case bool():
            return int(value)
        case int():
            return value if runtime.LEAST <= value <= runtime.GREATEST else str(value)
    return canonical.plain(value)


def _function(name: str) -> Callable[..., Any]:
    """The runtime's function, or the one that the operation's Python template spells out."""
    template = OPERATIONS[name].python if name in OPERATIONS else "*"
    if template == "*":
        found: Callable[..., Any] = runtime.NAMESPACE[name]
        return found
    names = [f"a{n}" for n in range(len(_ARGUMENTS[name]))]
    made: Callable[..., Any] = eval(f"lambda {', '.join(names)}: {template.format(*names)}")
    return made


def _value_of(name: str) -> Callable[..., Any]:
    function, into = _function(name), [_into(kind) for kind in _ARGUMENTS[name]]

    def value(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return _out(function(*[make(argument) for make, argument in zip(into, arguments, strict=True)]))
        except FAILURES:
            return None

    return value


def _whether_it_can(value: Callable[..., Any]) -> Callable[..., int]:
    """No operation gives NULL unless it was given NULL or failed."""

    def can(*arguments: Any) -> int:
        return int(None in arguments or value(*arguments) is not None)

    return can


def _read(kind: FieldType) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return _out(sqlite_values.decode(kind, value))
        except BadValue:
            return None

    return read


def _float_text(value: Any) -> Any:
    return canonical.float_text(value) if isinstance(value, float) else value


def _surrogate(name: str, *values: str | None) -> str | None:
    given = [each for each in values if each is not None]
    return surrogate(name, *given) if len(given) == len(values) else None


_CANONICAL: Final = {
    FieldType.DECIMAL.value: re.compile(r"0|-?(?:[1-9][0-9]*|0(?=\.))(?:\.[0-9]*[1-9])?").fullmatch,
    FieldType.DATE.value: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch,
    FieldType.TIME.value: re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}").fullmatch,
    FieldType.TIMESTAMP.value: re.compile(r"[-0-9]{10}T[:0-9]{8}\.[0-9]{6}").fullmatch,
    FieldType.INSTANT.value: re.compile(r"[-0-9]{10}T[:0-9]{8}\.[0-9]{6}Z").fullmatch,
}
"""Kind → whether a text is written canonically. Such a text stands for itself whether it means anything or not, and a
store is full of them: so most values of a reconciliation aren't taken apart."""


def _stored(kind: str, value: Any) -> Any:
    """The canonical text of a store's value, or the value's own text where it isn't one of its type: that is drift."""
    if value is None:
        return None
    if isinstance(value, str) and kind in _CANONICAL and _CANONICAL[kind](value):
        return value
    try:
        return canonical.TEXT_OF[FieldType(kind)](sqlite_values.decode_stored(FieldType(kind), value))
    except BadValue:
        return str(value)


def _functions() -> dict[str, tuple[int, Callable[..., Any]]]:
    """Name → number of arguments, function."""
    found: dict[str, tuple[int, Callable[..., Any]]] = {
        "strangler_float_text": (1, _float_text),
        "strangler_stored": (2, _stored),
        "strangler_surrogate": (-1, _surrogate),
    }
    for name, kinds in _ARGUMENTS.items():
        value = _value_of(name)
        found[f"strangler_{name}"] = (len(kinds), value)
        found[f"strangler_can_{name}"] = (len(kinds), _whether_it_can(value))
    for kind in FieldType:
        read = _read(kind)
        found[f"strangler_read_{kind.value}"] = (1, read)
        found[f"strangler_can_read_{kind.value}"] = (1, _whether_it_can(read))
    return found


_FUNCTIONS: Final = _functions()


def register(connection: sqlite3.Connection) -> None:
    """Make every function known to the connection that the mapping's SQL uses, and those that hash rows and add them up."""
    for name, (count, function) in _FUNCTIONS.items():
        connection.create_function(name, count, function, deterministic=True)
    digest.register(connection)
    sqlite_totals.register(connection)
