"""Filters: `$filter` and `$orderby`, as far as a plain query can say them."""

from __future__ import annotations

from typing import Any, Final

from strangler.errors import UntranslatableRequest
from strangler_adapters.protocols.odata.literals import Token, literal, tokens
from strangler_adapters.protocols.records.fields import Fields
from strangler_adapters.protocols.records.search import Condition, Order

_END: Final = Token("end", "")
_DEEPEST: Final = 50


def conditions(filter: str, fields: Fields) -> list[Condition]:
    """The conditions, all of which must hold. Raises UntranslatableRequest for what a plain query can't say."""
    reader = _Reader(tokens(filter), fields)
    found = reader.alternatives(0)
    if reader.token != _END:
        raise _cant(f"{reader.token.text} isn't expected there")
    return found


def orders(written: str, fields: Fields) -> list[Order]:
    """`Name desc,Id`. Raises UntranslatableRequest."""
    found = []
    for part in written.split(","):
        name, *direction = part.split()
        if name not in fields or direction not in ([], ["asc"], ["desc"]):
            raise UntranslatableRequest(f"the order {part.strip()!r} can't be put to the new service")
        found.append(Order(name, direction == ["desc"]))
    return found


class _Reader:
    """Reads tokens one by one."""

    def __init__(self, read: list[Token], fields: Fields) -> None:
        self._tokens, self._at, self._fields = [*read, _END], 0, fields

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    def alternatives(self, depth: int) -> list[Condition]:
        """Conditions joined by `or`: of one field, each for some values, they are one condition."""
        found = [self._together(depth)]
        while self._word("or"):
            found.append(self._together(depth))
        if len(found) == 1:
            return found[0]
        single = [each[0] for each in found if len(each) == 1 and each[0].operator == "in"]
        if len(single) < len(found) or len({each.name for each in single}) > 1:
            raise _cant("`or` is taken between values of one field")
        return [Condition(single[0].name, "in", tuple(value for each in single for value in each.values))]

    def _together(self, depth: int) -> list[Condition]:
        found = self._condition(depth)
        while self._word("and"):
            found += self._condition(depth)
        return found

    def _condition(self, depth: int) -> list[Condition]:
        if depth > _DEEPEST:
            raise _cant("it is nested too deep")
        if self._mark("("):
            found = self.alternatives(depth + 1)
            self._need(")")
            return found
        token = self._next()
        if token.text in _PATTERNS and self._mark("("):
            return [self._pattern(token.text)]
        if (value := literal(token)) and self._word("eq"):
            return [Condition(self._field(self._next()), "in", (value.value,))]
        name = self._field(token)
        if self._word("eq"):
            return [Condition(name, "in", (self._value(),))]
        if self._word("in"):
            return [Condition(name, "in", tuple(self._list()))]
        raise _cant(f"{self.token.text or 'nothing'} behind {name} isn't taken")

    def _pattern(self, name: str) -> Condition:
        """`startswith(Name,'a')`, `substringof('a',Name)`; with `eq true` behind it as some callers write it."""
        first = self._next()
        self._need(",")
        second = self._next()
        self._need(")")
        field, value = (second, literal(first)) if name == "substringof" else (first, literal(second))
        if value is None or not isinstance(value.value, str):
            raise _cant(f"{name} takes a text")
        if self._word("eq") and not self._word("true"):
            raise _cant(f"{name} is taken where it holds")
        before, behind = _PATTERNS[name]
        return Condition(self._field(field), "like", (before + _escaped(value.value) + behind,))

    def _list(self) -> list[Any]:
        self._need("(")
        found = [self._value()]
        while self._mark(","):
            found.append(self._value())
        self._need(")")
        return found

    def _value(self) -> Any:
        value = literal(token := self._next())
        if value is None:
            raise _cant(f"{token.text or 'nothing'} is no value")
        return value.value

    def _field(self, token: Token) -> str:
        if token.kind != "word" or token.text not in self._fields:
            raise _cant(f"{token.text or 'nothing'} is no field of the new service")
        return token.text

    def _next(self) -> Token:
        token = self.token
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _word(self, word: str) -> bool:
        return self.token == Token("word", word) and bool(self._next())

    def _mark(self, mark: str) -> bool:
        return self.token == Token("mark", mark) and bool(self._next())

    def _need(self, mark: str) -> None:
        if not self._mark(mark):
            raise _cant(f"{mark} is missing before {self.token.text or 'the end'}")


_PATTERNS: Final = {
    "startswith": ("", "%"),
    "endswith": ("%", ""),
    "contains": ("%", "%"),
    "substringof": ("%", "%"),
}


def _escaped(value: str) -> str:
    """As a pattern that stands for this text alone."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _cant(why: str) -> UntranslatableRequest:
    return UntranslatableRequest(
        "the $filter can't be put to the new service",
        why=f"{why}; it can be asked with eq, and, in, startswith, endswith, contains and substringof on its fields",
    )
