"""One entity on one side, as SQL that both sides share: the legacy table seen through the mapping, or the store's table.

The legacy side may have rows that its database doesn't see through the mapping; `rest` adds them.

A key is known by a number, so that any key goes through SQL unquoted and sorts nowhere: a single integer stands for itself
(and can use an index), any other key for the hash of its texts. Two keys with one number are told apart
at the end, when rows are read whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strangler.events import decode_key
from strangler.mapping import EntityMapping, canonical_columns
from strangler.mapping.canonical import quote, text_of
from strangler.mapping.digest import row_hash as python_row_hash
from strangler.ports import SqlSide
from strangler.reconcile import digest
from strangler.shapes import FieldType, Shape

BUCKETS: Final = 4096
"""How many buckets keys fall into: few enough to be sent whole, enough that one key of millions costs a few hundred to find."""


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """`texts` is SQL of the canonical text per field of `shape`, over `origin`, for the rows for which `condition` holds.

    `number` is SQL of the key's number.
    """

    dialect: str
    shape: Shape
    texts: tuple[str, ...]
    number: str
    origin: str
    condition: str

    def checksums(self, side: SqlSide) -> Iterator[Row]:
        """Rows (bucket, count, checksum as text)."""
        columns = f"{self._bucket}, count(*), {digest.checksum(self.dialect, self.texts)}"
        return side.rows(f"SELECT {columns} FROM {self.origin} WHERE {self.condition} GROUP BY 1")

    def hashes(self, side: SqlSide, buckets: Collection[int]) -> Iterator[Row]:
        """Rows (key's number, hash) of some buckets."""
        columns = f"{self.number}, {digest.row_hash(self.dialect, self.texts)}"
        return side.rows(
            f"SELECT {columns} FROM {self.origin} WHERE {self.condition} AND {_in(self._bucket, buckets)}"
        )

    def rows(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        """Whole rows, as canonical texts, of the keys with these numbers."""
        columns = ", ".join(self.texts)
        return side.rows(
            f"SELECT {columns} FROM {self.origin} WHERE {self.condition} AND {_in(self.number, numbers)}"
        )

    @property
    def _bucket(self) -> str:
        return f"({self.number}) & {BUCKETS - 1}"


def legacy(mapping: EntityMapping, dialect: str) -> Relation | None:
    """The legacy rows that the database translates itself; None where it translates none."""
    select = mapping.select(dialect)
    pushed = select.pushed
    if pushed is None:
        return None
    number = _number(mapping.shape, dialect, pushed.columns, pushed.texts)
    condition = f"({pushed.taken or 'TRUE'})"
    return Relation(dialect, mapping.shape, pushed.texts, number, select.from_, condition)


def store(shape: Shape, dialect: str) -> Relation:
    """The store's side: its table as it is, whoever wrote the rows."""
    columns = [quote(field.name) for field in shape.fields]
    texts = tuple(canonical_columns(shape, dialect))
    return Relation(
        dialect, shape, texts, _number(shape, dialect, columns, texts), quote(shape.table), "TRUE"
    )


def number_of(shape: Shape, key: str) -> int:
    """The number of a key as `encode_key` writes it: what `Relation.number` gives in SQL."""
    return number_of_values(shape, decode_key(key))


def number_of_values(shape: Shape, values: Sequence[Any]) -> int:
    """The number of a key whose canonical values these are."""
    if _is_integer(shape) and isinstance(values[0], int):
        return values[0]
    return python_row_hash(*map(text_of, values))


def _number(shape: Shape, dialect: str, columns: Sequence[str], texts: Sequence[str]) -> str:
    places = _key_places(shape)
    if _is_integer(shape):
        return columns[places[0]]
    return digest.row_hash(dialect, [texts[place] for place in places])


def _key_places(shape: Shape) -> list[int]:
    names = [field.name for field in shape.fields]
    return [names.index(name) for name in shape.key]


def _is_integer(shape: Shape) -> bool:
    places = _key_places(shape)
    return len(places) == 1 and shape.fields[places[0]].type is FieldType.INTEGER


def _in(expression: str, numbers: Collection[int]) -> str:
    return f"({expression}) IN ({', '.join(map(str, numbers))})"
