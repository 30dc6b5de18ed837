"""What all sections of the configuration are made of: the frozen model, and the small types that are written in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from strangler.durations import parse_duration, parse_share

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d)$"}),
]
"""A duration: `500ms`, `5s`, `2m`, `1h`, `7d`."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
            ]
        }
    ),
]
"""A share of a whole: `5%`, or `0.05`."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
"""Lower-case letters, digits and underscores; begins with a letter."""


class Section(BaseModel):
    """A part of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _as_words(value: str) -> str:
    if not value.strip():
        raise ValueError("empty: write who, or why, in words")
    return value.strip()


Words = Annotated[str, AfterValidator(_as_words)]
"""A text that says something."""
