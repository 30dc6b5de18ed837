"""One entity on one side, as SQL that both sides share: the legacy table seen through the mapping, or the store's table.

The legacy side may have rows that its database doesn't see through the mapping; `rest` adds them.

A key is known by a number, so that any key goes through SQL unquoted and sorts nowhere: a single integer stands for itself
(and can use an index), any other key for the hash of its texts. Two keys with one number are told apart
at the end, when rows are read whole. Of lines the key of their aggregate, which begins their own, has such a number too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from strangler.events import decode_key
from strangler.mapping import canonical_columns
from strangler.mapping.canonical import quote, text_of
from strangler.mapping.digest import layout
from strangler.mapping.digest import row_hash as python_row_hash
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile import digest
from strangler.shapes import Field, FieldType, Shape

BUCKETS: Final = 4096
"""How many buckets keys fall into: few enough to be sent whole, enough that one key of millions costs a few hundred to find."""


IN_ONE_LIST: Final = 500
"""Numbers in one IN: Oracle takes 1,000."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """`texts` is SQL of the canonical text per field of `shape`, over `origin`, for the rows for which `condition` holds.

    `number` is SQL of the key's number, `above` of that of the aggregate that the row belongs to.
    """

    dialect: str
    shape: Shape
    texts: tuple[str, ...]
    number: str
    above: str
    origin: str
    condition: str

    def checksums(self, side: SqlSide) -> Iterator[Row]:
        """Rows (bucket, count, checksum as text)."""
        columns = f"{self._bucket}, count(*), {digest.checksum(self.dialect, self.texts, self.shape.types())}"
        return side.rows(f"SELECT {columns} FROM {self.origin} WHERE {self.condition} GROUP BY 1")

    def hashes(self, side: SqlSide, buckets: Collection[int]) -> Iterator[Row]:
        """Rows (key's number, hash) of some buckets."""
        columns = f"{self.number}, {digest.row_hash(self.dialect, self.texts, self.shape.types())}"
        return side.rows(
            f"SELECT {columns} FROM {self.origin} WHERE {self.condition} AND {_in(self._bucket, buckets)}"
        )

    def rows(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        """Whole rows, as canonical texts, of the keys with these numbers."""
        return self._where(side, ", ".join(self.texts), self.number, numbers)

    def belonging(self, side: SqlSide, aggregates: Collection[int]) -> Iterator[int]:
        """The numbers of the keys of all rows that belong to the aggregates with these numbers."""
        return (int(row[0]) for row in self._where(side, self.number, self.above, aggregates))

    def _where(self, side: SqlSide, columns: str, number: str, numbers: Collection[int]) -> Iterator[Row]:
        listed = sorted(numbers)
        for start in range(0, len(listed), IN_ONE_LIST):
            among = _in(number, listed[start : start + IN_ONE_LIST])
            yield from side.rows(f"SELECT {columns} FROM {self.origin} WHERE {self.condition} AND {among}")

    @property
    def _bucket(self) -> str:
        return f"({self.number}) & {BUCKETS - 1}"


def legacy(part: Part, dialect: str) -> Relation | None:
    """The legacy rows that the database translates itself; None where it translates none."""
    mapping = part.mapping
    select = mapping.select(dialect)
    pushed = select.pushed
    if pushed is None:
        return None
    key = _Key(mapping.shape, dialect, pushed.columns, pushed.texts)
    condition = f"({pushed.taken or 'TRUE'})"
    return Relation(dialect, mapping.shape, pushed.texts, *key.numbers(part), select.from_, condition)


def store(part: Part, dialect: str) -> Relation:
    """The store's side: its table as it is, whoever wrote the rows."""
    shape = part.mapping.shape
    columns = [quote(field.name) for field in shape.fields]
    texts = tuple(canonical_columns(shape, dialect))
    key = _Key(shape, dialect, columns, texts)
    return Relation(dialect, shape, texts, *key.numbers(part), quote(shape.table), "TRUE")


def number_of(shape: Shape, key: str) -> int:
    """The number of a key as `encode_key` writes it: what `Relation.number` gives in SQL, and `Relation.above` of that of an aggregate."""
    return number_of_values(shape, decode_key(key))


def number_of_values(shape: Shape, values: Sequence[Any]) -> int:
    """The number of a key whose canonical values these are."""
    if _is_integer(shape.fields, shape.key) and isinstance(values[0], int):
        return values[0]
    return python_row_hash(layout(shape.types(shape.key)), list(map(text_of, values)))


class _Key(NamedTuple):
    """What the numbers of keys are made of: per field of the shape its value in SQL, and the canonical text of it."""

    shape: Shape
    dialect: str
    columns: Sequence[str]
    texts: Sequence[str]

    def numbers(self, part: Part) -> tuple[str, str]:
        """SQL of the number of the key, and of that of the aggregate."""
        return self._number(self.shape.key), self._number(part.above)

    def _number(self, key: Sequence[str]) -> str:
        names = [field.name for field in self.shape.fields]
        places = [names.index(name) for name in key]
        if _is_integer(self.shape.fields, key):
            return self.columns[places[0]]
        return digest.row_hash(self.dialect, [self.texts[place] for place in places], self.shape.types(key))


def _is_integer(fields: Sequence[Field], key: Sequence[str]) -> bool:
    return len(key) == 1 and any(field.name == key[0] and field.type is FieldType.INTEGER for field in fields)


def _in(expression: str, numbers: Collection[int]) -> str:
    return f"({expression}) IN ({', '.join(map(str, numbers))})"
