"""The cross-reference between legacy keys and surrogates: computed in the one direction, kept by the store in both.

The key of an entity may be a surrogate, computed from its legacy key; the entity's other fields hold what it is made of. So the store's
own table is the cross-reference, and there is no second one that could be out of step with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strangler.errors import StranglerError
from strangler.mapping import EntityMapping, canonical_columns, python
from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.canonical import plain, quote, quoted_text, value_of
from strangler.mapping.nodes import Call, columns
from strangler.mapping.reading import read
from strangler.mapping.rows import Named
from strangler.mapping.runtime import NAMESPACE
from strangler.ports import SqlSide
from strangler.shapes import Column, FieldType

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A legacy key, by column, as canonical values, and the new one. `stored`: the store has a row with it; only then is
    anything known of the legacy key that belongs to a new one."""

    legacy: Mapping[str, Any]
    new: str
    stored: bool


class CrossReference:
    """That of one entity. Raises StranglerError when its key has no surrogate, or several."""

    def __init__(self, mapping: EntityMapping) -> None:
        self._mapping, self._name = mapping, f"{mapping.shape.function}.{mapping.shape.entity}"
        found = [each for each in mapping.plan.key_fields if _is_surrogate(each)]
        if len(found) != 1:
            raise StranglerError(
                f"{self._name} has no cross-reference",
                why=f"its key has {'several surrogates' if found else 'no surrogate'}",
                do="SURROGATE('…', …) is the expression of one key field of an entity that has one",
            )
        (self._field,) = found
        self._columns = columns(self._field.node)

    def of_legacy(self, side: SqlSide, given: Sequence[str]) -> Pair:
        """The pair of a legacy key, given as texts in the order in which the expression names its columns."""
        if len(given) != len(self._columns):
            names = ", ".join(column.name for column in self._columns)
            raise StranglerError(
                f"the legacy key of {self._name} has {len(self._columns)} values: {names}",
                do=f"give {'it' if len(self._columns) == 1 else 'them in this order'}",
            )
        values = [_parsed(column, text) for column, text in zip(self._columns, given, strict=True)]
        try:
            new = python.function_of(self._field.node, canonical=True)(*values)
        except python.FAILURES as error:
            raise StranglerError(
                f"{self._name}.{self._field.name} can't be computed", why=str(error)
            ) from None
        if new is None:
            raise StranglerError(f"{self._name}.{self._field.name} is NULL for this legacy key")
        legacy = {column.name: _written(value) for column, value in zip(self._columns, values, strict=True)}
        return Pair(legacy, new, self._row(side, new) is not None)

    def of_new(self, side: SqlSide, given: str) -> Pair:
        """The pair of a new key. Raises Untranslatable when the store's row belongs to no legacy key."""
        new = given.strip().lower()
        if not _UUID.fullmatch(new):
            raise StranglerError(
                f"{shown(given)} is no surrogate",
                why="a surrogate is a UUID of version 8, like 82605b10-51a9-8ba2-876c-659585326790",
            )
        data = self._row(side, new)
        if data is None:
            return Pair({}, new, stored=False)
        row = self._mapping.inverse.row(data)
        return Pair({column.name: _written(row[column.name]) for column in self._columns}, new, stored=True)

    def _row(self, side: SqlSide, new: str) -> dict[str, Any] | None:
        """What the store holds of the surrogate and of the legacy key: the fields that read nothing else; None: no such row."""
        shape, made_of = self._mapping.shape, set(self._columns)
        texts = dict(
            zip((each.name for each in shape.fields), canonical_columns(shape, side.dialect), strict=True)
        )
        asked = [each for each in self._mapping.plan.fields if made_of.issuperset(columns(each.node))]
        found = next(
            iter(
                side.rows(
                    f"SELECT {', '.join(texts[each.name] for each in asked)} FROM {quote(shape.table)}"
                    f" WHERE {quote(self._field.name)} = {quoted_text(new)} LIMIT 1"
                )
            ),
            None,
        )
        if found is None:
            return None
        return {each.name: value_of(text, each.node.type) for each, text in zip(asked, found, strict=True)}


def _is_surrogate(field: Named) -> bool:
    return isinstance(field.node, Call) and field.node.name == "surrogate"


def _written(value: Any) -> Any:
    """The value as its type is written."""
    return value.hex() if isinstance(value, bytes) else plain(value)


def _parsed(column: Column, text: str) -> Any:
    """The value of a legacy column that is written so, as expressions see it."""
    try:
        match column.type:
            case FieldType.TEXT | FieldType.JSON:
                return read(column, text)
            case FieldType.BYTES:
                return bytes.fromhex(text)
        return read(column, NAMESPACE[f"text_to_{column.type.value}"](text))
    except ValueError as error:
        reason = str(error) if isinstance(error, BadValue) else f"{shown(text)} is no hex"
        raise StranglerError(f"{column.name} is {column.type.value}: {reason}") from None
