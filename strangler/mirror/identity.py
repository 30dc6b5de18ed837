"""Identities: what rows are known by in the mirror: the value of one column, or a JSON array of several, in one spelling.

Two columns that a database joins as equal give the same identity, be they `CHAR` and `VARCHAR` or an integer and a decimal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson

from strangler.changes import Row
from strangler.mapping.origin import Constant
from strangler.mapping.reading import padded
from strangler.shapes import Column

Identity = int | str

Source = Column | Constant
"""What a part of an identity is taken from."""

Identify = Callable[[Row], Identity | None]
"""The identity of what a row names; None where a part of it is NULL: then it names nothing."""


def identify(sources: Sequence[Source]) -> Identify:
    """What takes the identity out of a row."""
    parts = [_part(source) for source in sources]
    if len(parts) == 1:
        [only] = parts
        return only

    def several(row: Row) -> Identity | None:
        values = [part(row) for part in parts]
        return None if None in values else orjson.dumps(values).decode()

    return several


def _part(source: Source) -> Identify:
    if isinstance(source, Constant):
        constant = source.value
        return lambda row: constant
    name, blanks = source.name, padded(source)

    def part(row: Row) -> Identity | None:
        value = row[name]
        if value is None or (value.__class__ is int and -(2**63) <= value < 2**63):
            return value
        return spelt(value, blanks)

    return part


def spelt(value: Any, blanks: bool) -> Identity:
    """The one spelling of a value that isn't NULL; `blanks`: those at its end don't count."""
    if isinstance(value, str):
        return value.rstrip(" ") if blanks else value
    if isinstance(value, Decimal):
        return _whole(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _whole(value: Decimal) -> Identity:
    if value.is_finite() and value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    return str(value.normalize())
