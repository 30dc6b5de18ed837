"""The states that legacy was asked for by its own API: what it then tells of them isn't a late write but our own.

Nobody marks what an API writes. So before anything is sent it is written down what will be read back: the digest of the state, as far as it
comes back, until the position in the source up to which the request can have had its effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import delete, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


class Requested(NamedTuple):
    """A state of an aggregate. `until`: what legacy tells behind it is something else; None as long as it may still come."""

    function: str
    entity: str
    key: str
    digest: str
    until: Position | None


def begin(control: Control, function: str, entity: str, key: str, digest: str) -> None:
    """This state is asked for from now on."""
    row = Requested(function, entity, key, digest, None)._asdict()
    with control.begin() as connection:
        upsert(connection, tables.requested, [row])


def withdraw(control: Control, function: str, entity: str, key: str, digest: str) -> None:
    """It wasn't asked for after all."""
    at = tables.requested.c
    mine = (at.function == function, at.entity == entity, at.key == key, at.digest == digest)
    with control.begin() as connection:
        connection.execute(delete(tables.requested).where(*mine))


def conclude(control: Control, function: str, without: Collection[tuple[str, str]], until: Position) -> None:
    """All that was asked for has had its effect up to a position, but for some entities and keys."""
    with control.begin() as connection:
        at = tables.requested.c
        opened = (at.function == function, at.until.is_(None))
        for entity, key in connection.execute(select(at.entity, at.key).distinct().where(*opened)).all():
            if (entity, key) not in without:
                mine = (*opened, at.entity == entity, at.key == key)
                connection.execute(update(tables.requested).where(*mine).values(until=until))


def of(control: Control, functions: Iterable[str]) -> list[Requested]:
    """What was asked for of these functions, and isn't forgotten."""
    query = select(tables.requested).where(tables.requested.c.function.in_(list(functions)))
    with control.read() as connection:
        return [Requested(*row) for row in connection.execute(query)]


def is_open(control: Control, function: str, entity: str, key: str, digest: str) -> bool:
    """Whether this state was asked for, and nobody knows what came of it."""
    return Requested(function, entity, key, digest, None) in of(control, [function])


def forget(control: Control, functions: Iterable[str], before: Position) -> None:
    """Everything up to this position of their source was read."""
    for each in of(control, functions):
        if each.until is not None and each.until < before:
            withdraw(control, *each[:4])
