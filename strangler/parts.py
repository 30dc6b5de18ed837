"""Parts: an aggregate as the flat rows that it is filled from and compared by, each part with the way back to the aggregate's key.

A part that isn't the root has its parents' rows joined to its own, so the aggregate that a line belongs to is told by the line alone,
also where the line itself can't be translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from strangler.changes import Row
from strangler.events import decode_key, encode_key
from strangler.mapping import EntityMapping
from strangler.mapping.origin import PARENT
from strangler.outcomes import key_of


class Part(NamedTuple):
    """An entity, or children of it `depth` levels down, as rows of their own."""

    root: EntityMapping
    mapping: EntityMapping
    depth: int

    def key_of(self, row: Row) -> str:
        """The aggregate's key, of a flat row of the part, or what stands in for it."""
        prefix = f"{PARENT}." * self.depth
        above = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
        return key_of(self.root, above)

    @property
    def above(self) -> tuple[str, ...]:
        """The fields by which a row of the part says which aggregate it belongs to: the first of its key."""
        return self.mapping.shape.key[: len(self.root.shape.key)]

    def aggregate(self, key: str) -> str:
        """The aggregate's key, of a key of the part."""
        return encode_key(decode_key(key)[: len(self.above)])

    def reason(self, row: Row, why: str) -> str:
        """Why the aggregate waits when this row of the part can't be translated; a line is named."""
        return f"{self.mapping.shape.entity} {key_of(self.mapping, row)}: {why}" if self.depth else why


def parts_of(root: EntityMapping) -> Iterator[Part]:
    """The entity and its children of all levels, parents first."""
    return _parts(root, root, 0)


def _parts(root: EntityMapping, mapping: EntityMapping, depth: int) -> Iterator[Part]:
    yield Part(root, mapping, depth)
    for child in mapping.children:
        yield from _parts(root, child.mapping, depth + 1)
