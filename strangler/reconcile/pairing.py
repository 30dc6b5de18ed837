"""A part as both sides see it: by the same fingerprint, each cut in the way of its own database."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from strangler.changes import Position
from strangler.mapping import canonical_columns, native_columns
from strangler.mapping.canonical import quote
from strangler.owned import EVERYTHING, Owned
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile import fingerprint, relation, slicing
from strangler.reconcile.fingerprint import Fingerprint
from strangler.reconcile.legacy import Legacy
from strangler.reconcile.sampling import Sampling
from strangler.reconcile.sides import Sides
from strangler.reconcile.slicing import Slicing
from strangler.reconcile.store import Store, tombstones
from strangler.reconcile.view import View


class Pairing(NamedTuple):
    """Both views of a part, and how each side's table is cut; `native`: PostgreSQL itself hashes the rows; `indexed`: an index
    finds the rows of a key by its number. `removed` gives the positions at which keys were removed from the store, by their numbers."""

    legacy: View
    store: View
    cut_legacy: Callable[[SqlSide], Slicing]
    cut_store: Callable[[SqlSide], Slicing]
    native: bool
    indexed: bool
    removed: Callable[[SqlSide, Collection[int]], dict[int, Position]]


def pair(
    part: Part,
    sides: Sides,
    *,
    presence: bool = False,
    drawn: Sampling | None = None,
    native: bool | None = None,
    owned: Owned = EVERYTHING,
) -> Pairing:
    """Both sides of a part. `presence`: rows are only there or not. `drawn`: the keys that are compared; None: all.
    `native`: what was found before; None: PostgreSQL hashes where it can. `owned`: whose rows are compared."""
    mapping = part.mapping
    legacy, store = sides.dialects()
    select = mapping.select(legacy)
    if native is None:
        natives = select.pushed is not None and select.pushed.natives is not None
        native = natives and not presence and fingerprint.hash_alike(sides)
    prints = _fingerprints(part, legacy, store, presence, native)
    table, shape = mapping.table, mapping.shape
    return Pairing(
        Legacy(part, legacy, relation.legacy(part, legacy, prints[0], drawn, owned), prints[0], drawn, owned),
        Store(relation.store(part, store, prints[1], drawn, owned)),
        lambda side: slicing.of_legacy(side, table, select.from_, joined=bool(mapping.plan.origin.joins)),
        lambda side: slicing.of_store(side, shape, quote(shape.table)),
        native,
        select.number is not None,
        partial(tombstones, part),
    )


def _fingerprints(
    part: Part, legacy: str, store: str, presence: bool, native: bool
) -> tuple[Fingerprint, Fingerprint]:
    """By what a row is known, on the legacy side and in the store."""
    if presence:
        return fingerprint.by_presence(), fingerprint.by_presence()
    shape, pushed = part.mapping.shape, part.mapping.select(legacy).pushed
    if native:
        natives = native_columns(shape, store)
        assert pushed is not None
        assert pushed.natives is not None
        assert natives is not None
        return fingerprint.by_row(shape, pushed.natives), fingerprint.by_row(shape, natives)
    texts = canonical_columns(shape, store)
    one = fingerprint.by_texts(shape, legacy, pushed.texts) if pushed else fingerprint.by_translation(shape)
    return one, fingerprint.by_texts(shape, store, texts)
