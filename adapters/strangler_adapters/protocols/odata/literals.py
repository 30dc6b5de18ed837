"""Literals: values as they stand in URLs, in keys and filters; and the tokens around them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, NamedTuple

from strangler.errors import UntranslatableRequest

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<typed>(?:datetimeoffset|datetime|guid|time|binary|X|duration)'[^']*')
      | (?P<text>'(?:[^']|'')*')
      | (?P<moment>\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)?)
      | (?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
      | (?P<number>-?\d+(?:\.\d+)?)[MmLlDdFf]?(?![\w.])
      | (?P<word>[A-Za-z_][\w/.]*)
      | (?P<mark>[(),=])
    )""",
    re.VERBOSE | re.ASCII,
)
LONGEST: Final = 8000
"""Characters of a filter or a key."""


class Token(NamedTuple):
    kind: str
    text: str


class Literal(NamedTuple):
    """A value as JSON of the same version would have it."""

    value: Any


def tokens(text: str) -> list[Token]:
    """The tokens of a filter or a key. Raises UntranslatableRequest."""
    found, at, end = [], 0, len(text.rstrip())
    if end > LONGEST:
        raise UntranslatableRequest(f"a filter of {end} characters can't be put to the new service")
    while at < end:
        token = _TOKEN.match(text, at)
        if not token or token.lastgroup is None:
            raise UntranslatableRequest(f"{text[at : at + 40]!r} isn't understood")
        found.append(Token(token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


def literal(token: Token) -> Literal | None:
    """The value that a token is; None for one that is none."""
    match token:
        case Token("text", shown):
            return Literal(shown[1:-1].replace("''", "'"))
        case Token("number", shown):
            return Literal(Decimal(shown) if "." in shown else int(shown))
        case Token("moment" | "guid", shown):
            return Literal(shown)
        case Token("typed", shown):
            return Literal(shown.partition("'")[2][:-1])
        case Token("word", "true" | "false" | "null" as shown):
            return Literal({"true": True, "false": False, "null": None}[shown])
    return None


def key(predicate: str, names: tuple[str, ...]) -> dict[str, Any]:
    """The values of a key: `'4711'` of a key with one name, else `Order='1',Item=10`. Raises UntranslatableRequest."""
    found: dict[str, Any] = {}
    read = tokens(predicate)
    match read:
        case [single] if len(names) == 1 and (value := literal(single)):
            return {names[0]: value.value}
    for index in range(0, len(read), 4):
        match read[index : index + 4]:
            case [Token("word", name), Token("mark", "="), token, *comma] if (
                value := literal(token)
            ) and all(each.text == "," for each in comma):
                found[name] = value.value
            case _:
                raise UntranslatableRequest(f"the key ({predicate}) isn't understood")
    if set(found) != set(names) or len(read) != 4 * len(names) - 1:
        raise UntranslatableRequest(f"the key ({predicate}) isn't of {', '.join(names)}")
    return found
