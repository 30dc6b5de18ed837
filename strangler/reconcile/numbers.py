"""Numbers of keys: a key is known by 64 bits, so that any key goes through SQL unquoted and sorts nowhere.

A single integer stands for itself (and can use an index), any other key for the hash of its texts. Two keys with one number are told
apart at the end, when rows are read whole. Of lines the key of their aggregate, which begins their own, has such a number too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from strangler.events import decode_key
from strangler.mapping.canonical import text_of
from strangler.mapping.digest import layout
from strangler.mapping.digest import row_hash as python_row_hash
from strangler.parts import Part
from strangler.reconcile import digest
from strangler.shapes import Field, FieldType, Shape


class Numbers(NamedTuple):
    """SQL of the number of a row's key, and of that of the aggregate that it belongs to. `indexed`: the first is a column that an index
    finds."""

    key: str
    above: str
    indexed: bool


def numbers(part: Part, dialect: str, columns: Sequence[str], texts: Sequence[str], *, bare: bool) -> Numbers:
    """Per field of the part's shape its value in SQL, and the canonical text of it. `bare`: a single integer key is a column
    as it stands."""
    shape = part.mapping.shape
    names = [field.name for field in shape.fields]

    def number(key: Sequence[str]) -> str:
        places = [names.index(name) for name in key]
        if stands_for_itself(shape.fields, key):
            return columns[places[0]]
        return digest.row_hash(dialect, [texts[place] for place in places], shape.types(key))

    return Numbers(number(shape.key), number(part.above), bare and is_plain(shape))


def is_plain(shape: Shape) -> bool:
    """Whether the key is a single integer, which stands for itself."""
    return stands_for_itself(shape.fields, shape.key)


def number_of(shape: Shape, key: str) -> int:
    """The number of a key as `encode_key` writes it: what `Numbers.key` gives in SQL, and `Numbers.above` of that of an aggregate."""
    return number_of_values(shape, decode_key(key))


def number_of_values(shape: Shape, values: Sequence[Any]) -> int:
    """The number of a key whose canonical values these are."""
    if is_plain(shape) and isinstance(values[0], int):
        return values[0]
    return python_row_hash(layout(shape.types(shape.key)), [text_of(value) for value in values])


def stands_for_itself(fields: Collection[Field], key: Sequence[str]) -> bool:
    """Whether these key fields are one integer."""
    return len(key) == 1 and any(field.name == key[0] and field.type is FieldType.INTEGER for field in fields)
