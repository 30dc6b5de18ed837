"""Compare two answers field by field. Pure.

Numbers are compared as exact decimals, so 0.1 and 0.10 are the same and no digit of an amount is lost in a double.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice, zip_longest
from typing import Any, Final, Literal, NamedTuple

from strangler.sensitive import hide, masked

MOST: Final = 50
"""Differences after which comparing stops: enough to see what is wrong."""

SHOWN: Final = 500
"""Characters of a value that are kept: an example, not a copy."""

Kind = Literal["missing", "extra", "type", "value", "order"]
Path = tuple[str, ...]

_ABSENT: Final = object()


class Difference(NamedTuple):
    """One difference, from legacy's point of view: `missing` is missing in new. `path` is dotted; empty is the whole."""

    path: str
    kind: Kind
    legacy: Any
    new: Any


def parse(body: bytes) -> Any:
    """A JSON body with its numbers exact. Raises ValueError."""
    return json.loads(body, parse_float=Decimal)


def differences(legacy: Any, new: Any, ignore: Sequence[str] = ()) -> list[Difference]:
    """What differs, at most `MOST`. A path in `ignore` hides itself and all below it; `*` stands for any one step."""
    patterns = [tuple(pattern.split(".")) for pattern in ignore]
    return list(islice(_walk(legacy, new, (), patterns), MOST))


def storable(text: str, limit: int = SHOWN) -> str:
    """A text as any database takes it: no NUL, no half of a surrogate pair, and no more than `limit` characters."""
    whole = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def shown(difference: Difference, hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A difference as it is kept for people: its values short, whatever the two sides answered.

    What stands under one of the names in `hidden` (lower case), itself or anywhere above or below it, is masked.
    """
    within = not hidden.isdisjoint(difference.path.lower().split("."))
    show = masked if within else partial(hide, hidden=hidden)
    values = {"legacy": _brief(show(difference.legacy)), "new": _brief(show(difference.new))}
    return {"path": storable(difference.path), "kind": difference.kind, **values}


def _brief(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 64 else str(value)
    return storable(_text(value) if isinstance(value, dict | list) else str(value))


def _walk(legacy: Any, new: Any, path: Path, ignore: list[Path]) -> Iterator[Difference]:
    if any(_hides(pattern, path) for pattern in ignore):
        return
    if legacy is _ABSENT or new is _ABSENT:
        kind: Kind = "missing" if new is _ABSENT else "extra"
        yield Difference(".".join(path), kind, _shown(legacy), _shown(new))
    elif isinstance(legacy, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*legacy, *new)):
            yield from _walk(legacy.get(name, _ABSENT), new.get(name, _ABSENT), (*path, name), ignore)
    elif isinstance(legacy, list) and isinstance(new, list):
        yield from _arrays(legacy, new, path, ignore)
    elif _type(legacy) != _type(new):
        yield Difference(".".join(path), "type", legacy, new)
    elif legacy != new:
        yield Difference(".".join(path), "value", legacy, new)


def _arrays(legacy: list[Any], new: list[Any], path: Path, ignore: list[Path]) -> Iterator[Difference]:
    pairs = zip_longest(legacy, new, fillvalue=_ABSENT)
    found = [d for i, (left, right) in enumerate(pairs) for d in _walk(left, right, (*path, str(i)), ignore)]
    if found and len(legacy) == len(new) and sorted(map(_text, legacy)) == sorted(map(_text, new)):
        yield Difference(".".join(path), "order", legacy, new)
    else:
        yield from found


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value


def _hides(pattern: Path, path: Path) -> bool:
    return len(pattern) == len(path) and all(p in ("*", step) for p, step in zip(pattern, path, strict=True))


def _type(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float | Decimal) else type(value).__name__


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
