"""Keys that are astray: legacy removed them, or took them to another cohort, while they weren't legacy's to change.

To new such a row is what it was. So what legacy says of the key from then on goes by the standing of the cohort that new has it in, until
what was withheld from that is made up for; see `strangler.sync.whose`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import delete, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


class Key(NamedTuple):
    """A key of an entity."""

    entity: str
    key: str


def add(control: Control, function: str, partition: int, strays: Mapping[Key, str]) -> None:
    """Note keys of a partition of the function's stream, each with the cohort of the standing that decides about it."""
    if not strays:
        return
    rows = [
        {
            "function": function,
            "entity": each.entity,
            "key": each.key,
            "partition": partition,
            "cohort": cohort,
        }
        for each, cohort in strays.items()
    ]
    with control.begin() as connection:
        upsert(connection, tables.astray, rows)


UNKNOWN: Final = -1
"""The partition of a key that the stream has found; delivery, which has one, says so when it comes to that."""


def of_function(control: Control, function: str) -> dict[Key, str]:
    """All keys of a function that are astray, each with the cohort that decides about it."""
    at = tables.astray.c
    with control.read() as connection:
        found = connection.execute(select(at.entity, at.key, at.cohort).where(at.function == function))
        return {Key(entity, key): cohort for entity, key, cohort in found}


def keep(control: Control, function: str, partition: int, kept: Callable[[str], bool]) -> dict[Key, str]:
    """The keys of a partition that are astray from cohorts that are `kept`. Others are forgotten: nothing is withheld from theirs."""
    at = tables.astray.c
    mine = (at.function == function, at.partition == partition)
    with control.begin() as connection:
        found = {
            Key(entity, key): cohort
            for entity, key, cohort in connection.execute(select(at.entity, at.key, at.cohort).where(*mine))
        }
        over = {cohort for cohort in found.values() if not kept(cohort)}
        if over:
            connection.execute(delete(tables.astray).where(*mine, at.cohort.in_(over)))
    return {key: cohort for key, cohort in found.items() if cohort not in over}
