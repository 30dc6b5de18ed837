"""Claims: what of a token's payload counts, as texts that a configuration can name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flat(claims: Mapping[str, Any]) -> dict[str, str]:
    """Every single value by its dotted path, as text: `{"address": {"country": "PL"}}` gives `address.country`. Lists and nothings are
    left out. What stands under a name with dots in it wins over what is nested."""
    above = {name: text for name, value in claims.items() if (text := _text(value)) is not None}
    return {**dict(_leaves(claims, "")), **above}


def listed(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """The texts that are listed under a path; a single text is taken apart at blanks, as in `scope`. Empty where there is none."""
    value = _at(claims, path)
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def has(claims: Mapping[str, Any], path: str, values: list[str]) -> bool:
    """Whether a claim is there and, where values are named, is one of them or lists one."""
    value = _at(claims, path)
    if not values:
        return value not in (None, "", [])
    held = value if isinstance(value, list) else [value]
    return any(_text(each) in values for each in held)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:
        return claims[path]
    head, dot, rest = path.partition(".")
    within = claims.get(head)
    return _at(within, rest) if dot and isinstance(within, dict) else None


def _leaves(claims: Mapping[str, Any], above: str) -> Iterator[tuple[str, str]]:
    for name, value in claims.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        elif (text := _text(value)) is not None:
            yield f"{above}{name}", text


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
