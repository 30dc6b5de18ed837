"""Python functions: what the language can't say, as a function of the user's that expressions call by its name.

It gets Python values and gives one; what it gives is held to the type that was promised for it, or a value that no store takes would
go on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

import orjson

from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.patterns import LONGEST_NUMBER
from strangler.mapping.reading import CLASSES
from strangler.mapping.runtime import GREATEST, LEAST
from strangler.shapes import FieldType

CONDITIONS: Final = {
    FieldType.TEXT: "without NUL",
    FieldType.INTEGER: "that fits 64 bits",
    FieldType.DECIMAL: "that is finite or NaN",
    FieldType.TIME: "without a zone",
    FieldType.TIMESTAMP: "without a zone",
    FieldType.INSTANT: "with a zone",
    FieldType.JSON: "that is JSON",
}
"""What is asked of a value besides its class."""


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """`version` is of its code: what `function` gives depends on nothing else."""

    name: str
    takes: tuple[FieldType, ...]
    gives: FieldType
    version: str
    function: Callable[..., Any] = field(compare=False)

    def __call__(self, *values: Any) -> Any:
        """What it gives for the values, of which any may be None. Raises BadValue."""
        try:
            given = self.function(*values)
        except Exception as error:
            raise BadValue(f"{self.name} raised {type(error).__name__}: {error}") from error
        return None if given is None else self._checked(given)

    def _checked(self, given: Any) -> Any:
        wanted = CLASSES[self.gives]
        if type(given) is not wanted or not _fits(self.gives, given):
            what = f"{wanted.__name__} {CONDITIONS.get(self.gives, '')}".rstrip()
            raise BadValue(f"{self.name} gave {shown(given)}; {self.gives} is asked of it: {what}")
        return given.astimezone(UTC) if self.gives is FieldType.INSTANT else given


PythonFunctions = Mapping[str, PythonFunction]
"""By name."""

NONE: Final[PythonFunctions] = {}


def _fits(kind: FieldType, given: Any) -> bool:
    """Whether a value of the right class is one that every database takes."""
    match kind:
        case FieldType.TEXT:
            return _is_text(given)
        case FieldType.JSON:
            return _is_text(given) and _is_json(given)
        case FieldType.INTEGER:
            return bool(LEAST <= given <= GREATEST)
        case FieldType.DECIMAL:
            return bool(given.is_qnan() or (given.is_finite() and abs(given.adjusted()) <= LONGEST_NUMBER))
        case FieldType.TIME | FieldType.TIMESTAMP:
            return given.tzinfo is None
        case FieldType.INSTANT:
            return given.utcoffset() is not None
    return True


def _is_text(given: str) -> bool:
    """Halves of surrogate pairs have no UTF-8."""
    return "\0" not in given and not any("\ud800" <= each <= "\udfff" for each in given)


def _is_json(given: str) -> bool:
    try:
        orjson.loads(given)
    except orjson.JSONDecodeError:
        return False
    return True
