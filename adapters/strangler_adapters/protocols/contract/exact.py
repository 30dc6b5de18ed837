"""Exact: JSON whose numbers keep every digit. Money never passes a double."""

from __future__ import annotations

import json
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson


def parsed(body: bytes) -> Any:
    """JSON with its fractions as Decimal. Raises ValueError, also for what Python's parser alone would let pass and nobody
    could write again: half of a surrogate pair, NaN, nesting without end."""
    orjson.loads(body)
    return json.loads(body, parse_float=Decimal)


def written(value: Any) -> bytes:
    """JSON in UTF-8; a Decimal is a number with its own digits. Raises ValueError for what JSON can't say."""
    try:
        return orjson.dumps(_exact(value))
    except TypeError as error:
        raise ValueError(str(error)) from error


def _exact(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _exact(each) for name, each in value.items()}
        case list() | tuple():
            return [_exact(each) for each in value]
        case Decimal() | float() if not isfinite(value):
            raise ValueError(f"{value} is no number of JSON")
        case Decimal():
            return orjson.Fragment(f"{value:f}")
        case int() if not isinstance(value, bool):
            return orjson.Fragment(str(value))
    return value
