"""Weather: what is wrong with a whole side for a while, drawn from the seed. Between two such times it is calm."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple


class Weather(StrEnum):
    """How a side is."""

    CALM = "calm"
    REFUSED = "nobody listens"
    DEAF = "nobody accepts"
    STORM = "everything is 503"
    SILENT = "nothing is answered"
    CUTTING = "every connection is cut"


BAD: Final = list(Weather)[1:]


class Spell(NamedTuple):
    """A time of one weather, in seconds."""

    weather: Weather
    seconds: float


def forecast(seed: int, side: str) -> Iterator[Spell]:
    """The weather of a side, without end. Every kind of bad weather comes before one comes again."""
    dice = Random(f"{seed} weather {side}")
    while True:
        for weather in dice.sample(BAD, len(BAD)):
            yield Spell(Weather.CALM, dice.uniform(1.0, 4.0))
            yield Spell(weather, dice.uniform(0.2, 1.5))
