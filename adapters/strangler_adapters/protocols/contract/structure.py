"""Structure: what is nested, built from values. A key with brackets is a list of what its source holds:

    Items:
      Item[lines]:               # an Item for each of the service's lines
        Material: sku | zeros(18)
        Quantity: quantity | decimal(3)

`[lines]` without a name is the list itself.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from strangler.errors import StranglerError, UntranslatableRequest
from strangler_adapters.protocols.contract.sources import (
    ABSENT,
    ITEM,
    Direction,
    Language,
    Path,
    Scope,
    Source,
    looked_up,
    source,
)

_LIST: Final = re.compile(r"([^\[\]]*)\[([^\[\]]+)\]")


class Record(NamedTuple):
    """Named parts. What is absent is left out; where everything is, so is the record."""

    parts: dict[str, Source]

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for part in self.parts.values() for path in part.paths)

    def value(self, scope: Scope) -> Any:
        built = {name: part.value(scope) for name, part in self.parts.items()}
        present = {name: value for name, value in built.items() if value is not ABSENT}
        return present if present or not self.parts else ABSENT


class Each(NamedTuple):
    """A part for each item at a path. One item alone is taken as a list of one, since XML can't tell them apart."""

    path: Path
    part: Source
    needed: bool

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple((*self.path, ITEM, *path) for path in self.part.paths)

    def value(self, scope: Scope) -> Any:
        found = looked_up(scope.here, self.path)
        if found is ABSENT and self.needed:
            raise UntranslatableRequest(f"there is no {'.'.join(self.path)}")
        if found is ABSENT:
            return ABSENT
        items = found if isinstance(found, list) else [] if found is None else [found]
        built = (self.part.value(Scope(item, scope.asked)) for item in items)
        return [each for each in built if each is not ABSENT]


def structure(written: Any, language: Language, direction: Direction) -> Source:
    """What is written so. Raises StranglerError."""
    if not isinstance(written, dict):
        return source(written, language, direction)
    parts: dict[str, Source] = {}
    for key, inside in written.items():
        found = _LIST.fullmatch(key)
        if not found:
            parts[key] = structure(inside, language, direction)
            continue
        each = _each(found[2], structure(inside, language, direction), language, direction)
        if not found[1]:
            return _alone(written, each)
        parts[found[1]] = each
    return Record(parts)


def _each(written: str, part: Source, language: Language, direction: Direction) -> Each:
    listed: Source = source(written, language, direction)
    if not listed.paths:
        raise StranglerError(f"[{written}] must name a list", do="Item[lines]")
    return Each(listed.paths[0], part, getattr(listed, "needed", False))


def _alone(written: dict[str, Any], each: Each) -> Each:
    if len(written) > 1:
        raise StranglerError(
            "a list without a name stands alone", do="Item[lines], or [lines] and nothing beside it"
        )
    return each
