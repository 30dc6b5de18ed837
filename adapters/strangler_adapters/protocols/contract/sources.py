"""Sources: where a value comes from and what is done to it on its way, as they are written in the configuration.

| written | value |
| --- | --- |
| `Head.CustomerNo` | what stands at this path |
| `CustomerNo \\| zeros(10)` | what stands there, converted |
| `.` | the whole, or in a list the item itself |
| `asked:CustomerNo` | in an answer: what was asked, unconverted |
| `=EUR`, `=Customer {name} was saved` | this text, with the sources in braces filled in |
| `5`, `true`, `null` | this value |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Final, Literal, NamedTuple, Protocol

from strangler.errors import StranglerError, UntranslatableRequest
from strangler_adapters.protocols.contract.conversions import CodeMaps, Conversion, conversion
from strangler_adapters.protocols.contract.spelling import Spelling

Direction = Literal["read", "write"]
"""`read`: from the legacy call to the service. `write`: from the service's answer to legacy's."""

Path = tuple[str, ...]
ITEM: Final = "*"
"""Stands in a path for any place in a list."""

_CALL: Final = re.compile(r"([a-z_]+)(?:\((.*)\))?")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()
"""There is no such value."""


class Scope(NamedTuple):
    """What values are taken from. `here` is the item within a list, else the whole; `asked` the legacy call's values."""

    here: Any
    asked: Any = ABSENT


class Source(Protocol):
    """A value to be had, or a structure of such. `paths` are those that it reads of the values it is meant for, not of what was
    asked."""

    @property
    def paths(self) -> tuple[Path, ...]: ...

    def value(self, scope: Scope) -> Any:
        """The value in its target's spelling, ABSENT when there is none. Raises UntranslatableRequest."""
        ...


class Language(NamedTuple):
    """What sources of one contract may use."""

    spelling: Spelling
    code_maps: CodeMaps


class Constant(NamedTuple):
    """The same always."""

    constant: Any
    paths: tuple[Path, ...] = ()

    def value(self, scope: Scope) -> Any:
        return self.constant


class Taken(NamedTuple):
    """What stands at a path, converted."""

    path: Path
    written: str
    conversions: tuple[Callable[[Any], Any], ...]
    default: Any
    needed: bool
    asked: bool = False
    nothing: Any = None

    @property
    def paths(self) -> tuple[Path, ...]:
        return () if self.asked else (self.path,)

    def value(self, scope: Scope) -> Any:
        found = looked_up(scope.asked if self.asked else scope.here, self.path)
        if found is ABSENT or found is None:
            if self.default is not ABSENT:
                return self.default
            if found is ABSENT:
                return self._missing()
        return self.converted(found)

    def converted(self, found: Any) -> Any:
        """A value in its target's spelling. Raises UntranslatableRequest."""
        if not self.conversions and isinstance(found, dict | list):
            raise UntranslatableRequest(f"{self._name} isn't a plain value")
        try:
            for convert in self.conversions:
                found = convert(found)
        except (ValueError, TypeError, KeyError, ArithmeticError) as error:
            raise UntranslatableRequest(
                f"{self._name} can't be taken as {self.written}", why=str(error)
            ) from error
        return self.nothing if found is None else found

    @property
    def _name(self) -> str:
        return ".".join(self.path) or "the value"

    def _missing(self) -> Any:
        if self.needed:
            raise UntranslatableRequest(f"there is no {self._name}")
        return ABSENT


class Filled(NamedTuple):
    """A text with places to fill in. `escape` is done to what goes in, not to the text around it."""

    literals: tuple[str, ...]
    sources: tuple[Source, ...]
    escape: Callable[[str], str]

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for source in self.sources for path in source.paths)

    def value(self, scope: Scope) -> str:
        pieces = [self.literals[0]]
        for source, literal in zip(self.sources, self.literals[1:], strict=True):
            pieces += [self.escape(_as_text(source.value(scope), source)), literal]
        return "".join(pieces)


def source(written: Any, language: Language, direction: Direction, *, needed: bool | None = None) -> Source:
    """The source that is written so. `needed`: a value has to be there, by default only in an answer. Raises StranglerError."""
    if isinstance(written, dict | list):
        raise StranglerError(f"{written!r} can't be a single value")
    if not isinstance(written, str):
        return Constant(written)
    if written.startswith("="):
        return filled(written[1:], language, direction)
    return taken(written, language, direction, direction == "write" if needed is None else needed)


def filled(
    template: str, language: Language, direction: Direction, escape: Callable[[str], str] = str
) -> Source:
    """A text in which the sources between braces are filled in. Raises StranglerError."""
    parts = _PLACEHOLDER.split(template)
    if len(parts) == 1:
        return Constant(template)
    sources: tuple[Source, ...] = tuple(taken(part, language, direction, True) for part in parts[1::2])
    return Filled(tuple(parts[::2]), sources, escape)


def taken(written: str, language: Language, direction: Direction, needed: bool) -> Taken:
    """The value at a path, with its conversions. Raises StranglerError."""
    where, *steps = (part.strip() for part in written.split("|"))
    asked = where.startswith("asked:")
    conversions: list[Conversion] = []
    default: Any = ABSENT
    for step in steps:
        name, arguments = _call(step)
        if name == "default" and len(arguments) <= 1:
            default = arguments[0] if arguments else ""
        elif name == "optional" and not arguments:
            needed = False
        elif name == "needed" and not arguments:
            needed = True
        else:
            conversions.append(conversion(name, arguments, language.spelling, language.code_maps))
    ways = (
        tuple(each.read for each in conversions)
        if direction == "read"
        else tuple(each.write for each in conversions)
    )
    nothing = language.spelling.nothing if direction == "write" else None
    return Taken(_path(where.removeprefix("asked:")), written, ways, default, needed, asked, nothing)


def _path(where: str) -> Path:
    if where == ".":
        return ()
    steps = tuple(where.split("."))
    if not all(steps):
        raise StranglerError(f"{where!r} is no path", do="Head.CustomerNo, or . for the whole")
    return steps


def _call(step: str) -> tuple[str, list[str]]:
    found = _CALL.fullmatch(step)
    if not found:
        raise StranglerError(
            f"{step!r} isn't understood",
            do="a conversion: decimal(2), date(YYYYMMDD), zeros(10), map(countries)",
        )
    inside = found[2]
    return found[1], [part.strip() for part in inside.split(",")] if inside else []


def looked_up(value: Any, path: Path) -> Any:
    """What stands at a path: ABSENT when nothing does. Raises UntranslatableRequest where one value is wanted and several are there."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list):
            value = _of_list(value, step, path)
        else:
            return ABSENT
    return value


def _of_list(values: list[Any], step: str, path: Path) -> Any:
    if step.isascii() and step.isdigit():
        return values[int(step)] if int(step) < len(values) else ABSENT
    raise UntranslatableRequest(
        f"{'.'.join(path)} leads into a list of {len(values)}, where one value is wanted"
    )


def _as_text(value: Any, source: Source) -> str:
    if value is None or value is ABSENT:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def unread(values: Any, read: Collection[Path]) -> list[str]:
    """The dotted places of values that no path reads. What says nothing (an empty text, an empty list, null) needn't be read."""
    return sorted(
        {".".join(place) for place in _leaves(values, ()) if not any(_covers(path, place) for path in read)}
    )


def _leaves(value: Any, place: Path) -> list[Path]:
    if isinstance(value, dict):
        return [leaf for name, each in value.items() for leaf in _leaves(each, (*place, name))]
    if isinstance(value, list):
        return [leaf for index, each in enumerate(value) for leaf in _leaves(each, (*place, str(index)))]
    return [] if value is None or value == "" else [place]


def _covers(path: Path, place: Path) -> bool:
    """Whether a path reads what stands at a place or above it. `*` is a place in a list, and nothing where there is one item alone."""
    if not path:
        return True
    if path[0] == ITEM:
        step = bool(place) and place[0].isdigit() and _covers(path[1:], place[1:])
        return step or _covers(path[1:], place)
    return bool(place) and path[0] == place[0] and _covers(path[1:], place[1:])
