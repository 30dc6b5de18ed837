"""One batch of aggregates within a transaction of legacy: locked, compared with what new last saw of them, written, and read again.

What legacy has changed meanwhile is left as it is, and held. What has no way back, or is refused, is trouble: the transaction must be
undone, for the database may already have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from strangler.changes import Row
from strangler.control.conflicts import Conflict, Kind
from strangler.errors import SourceError, StranglerError, Unavailable, Untranslatable
from strangler.events import decode_key
from strangler.mapping import EntityMapping
from strangler.ports import LegacyTransaction, Outgoing, Queries
from strangler.rereading import Now, reread
from strangler.returning import comparing, judging, rows, writing
from strangler.returning.holding import Holding


class Key(NamedTuple):
    """An aggregate of the function."""

    entity: str
    key: str

    @classmethod
    def of(cls, each: Outgoing | Conflict) -> Key:
        return cls(each.entity, each.key)


class Trouble(Exception):
    """An aggregate that is to be held, once the transaction is undone."""

    def __init__(self, held: Conflict) -> None:
        self.held = held
        super().__init__(held.reason)


class Batch:
    """The aggregates of one entity. `decided` are the conflicts of which somebody has decided that new's state is to stand."""

    def __init__(
        self,
        mapping: EntityMapping,
        transaction: LegacyTransaction,
        decided: Mapping[Key, Conflict],
        holding: Holding,
    ) -> None:
        self._mapping, self._transaction, self._decided = mapping, transaction, decided
        self._holding = holding

    def write(self, outgoing: Sequence[Outgoing]) -> list[Conflict]:
        """Make legacy what these say; what is to be held instead. Raises Trouble."""
        locked = {each.key: self._lock(each) for each in outgoing}
        legacy = read(self._mapping, self._transaction, locked)
        held, written = [], []
        for each in outgoing:
            now = legacy[each.key]
            if why := judging.why_held(self._mapping, each, now, self._decided.get(Key.of(each))):
                held.append(self._holding.of(each, now.data, Kind.CHANGED, why))
            elif not comparing.same(self._mapping, now.data, each.now):
                with self._trouble(each, now):
                    writing.write(self._transaction, self._mapping, locked[each.key], now.data, each.now)
                written.append(each)
        self._require(written)
        return held

    def _lock(self, each: Outgoing) -> Row | None:
        with self._trouble(each, Now()):
            return writing.lock(self._transaction, self._mapping, key_of(self._mapping, each.key))

    def _require(self, written: Sequence[Outgoing]) -> None:
        """See that the mapping reads what was written as new has it, with whatever triggers and defaults made of it."""
        if not written:
            return
        found = read(self._mapping, self._transaction, {each.key for each in written})
        for each in written:
            if reason := judging.amiss(self._mapping, each, found[each.key]):
                raise Trouble(self._holding.of(each, found[each.key].data, Kind.REFUSED, reason))

    @contextmanager
    def _trouble(self, each: Outgoing, legacy: Now) -> Iterator[None]:
        try:
            yield
        except Unavailable:
            raise
        except (Untranslatable, SourceError) as error:
            raise Trouble(self._holding.of(each, legacy.data, Kind.REFUSED, said(error))) from error


def read(mapping: EntityMapping, side: Queries, keys: Collection[str]) -> dict[str, Now]:
    """What the aggregates with these keys are in legacy, found by the columns that their keys lead back to."""
    return reread(mapping, side, keys, rows.statements_of(mapping, keys, side.dialect))


def read_alone(mapping: EntityMapping, side: Queries, key: str) -> Now:
    """What one aggregate is in legacy; at fault where its key has no way back."""
    try:
        return read(mapping, side, [key])[key]
    except Untranslatable as error:
        return Now(fault=said(error))


def key_of(mapping: EntityMapping, key: str) -> dict[str, Any]:
    """The fields of an encoded key."""
    return dict(zip(mapping.shape.key, decode_key(key), strict=True))


def said(error: StranglerError) -> str:
    """What an error says, in one line."""
    return f"{error.what}: {error.why}" if error.why else error.what
