"""Documents: aggregates in the tables that Strangler has made from the mapping, read whole and written as what has changed.

A document is a dict of its fields, with the list of its lines under each part's name. What the service itself writes has no
`_position`: it comes from no legacy change. New records take their numbers from a million on, so that they never meet legacy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    Table,
    Text,
    and_,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

Document = dict[str, Any]

FIRST: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1)

numbers: Final = Table(
    "service_number",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
"""The service's own numbers: the last one that was given, by name."""


class Refused(Exception):
    """The document can't be so, or not be changed so."""


class Outdated(Exception):
    """Somebody has written the record since the caller saw it."""


class Unknown(Exception):
    """A name that the documents don't have, or a record that isn't there."""


@dataclass(frozen=True)
class Part:
    """A table of the aggregate, its own key, and what is below it."""

    table: str
    key: str
    parts: Mapping[str, Part] = field(default_factory=dict)

    def all(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Part]]:
        """Every part with the way to it, from the top down."""
        yield path, self
        for name, part in self.parts.items():
            yield from part.all((*path, name))


@dataclass(frozen=True)
class Caller:
    """Who asks for a change. `seen`: part → key → the stamp of the record as the caller saw it last. `within`: field → the values that
    a document must have to be any of the caller's business."""

    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    within: Mapping[str, Sequence[Any]] = field(default_factory=dict)


class Number:
    """Gives the next number of a series. A row's lock lets one at a time through."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, name: str) -> int:
        statement = upsert(numbers).values(name=name, last=FIRST)
        again = statement.on_conflict_do_update(index_elements=["name"], set_={"last": numbers.c.last + 1})
        return int(self._connection.execute(again.returning(numbers.c.last)).scalar_one())


Settle = Callable[[Document, Number, Connection], None]
"""Brings a document that was changed to what it has to be: what follows from its other fields, and the numbers that it lacks. May raise
Refused."""

Complete = Callable[[Document, Connection], Document]
"""A document with what is computed for those who read it, and kept nowhere."""


def as_it_is(document: Document, connection: Connection) -> Document:
    return document


class Documents:
    """The documents of one kind, in the PostgreSQL database at `url`. Safe to use from several threads."""

    def __init__(self, url: str, root: Part, settle: Settle, complete: Complete = as_it_is) -> None:
        self._engine = _engine(url)
        self._root, self._settle, self._complete = root, settle, complete
        self._tables: dict[tuple[str, ...], Table] = {}
        numbers.create(self._engine, checkfirst=True)

    def ready(self) -> bool:
        """Whether the tables are there: they are made when the sync begins."""
        names = set(inspect(self._engine).get_table_names())
        return all(part.table in names for _, part in self._root.all())

    def part(self, name: str) -> Part:
        if name and name not in self._root.parts:
            raise Unknown(f"there are no {name}")
        return self._root.parts[name] if name else self._root

    def get(self, ids: Sequence[int]) -> list[Document]:
        with self._engine.connect() as connection:
            return [self._complete(each, connection) for each in self._load(connection, ids)]

    def rows(self, part: str, ids: Sequence[int]) -> list[Document]:
        """Those of the lines of a part that there are, each with its document's key."""
        key = self.part(part).key
        with self._engine.connect() as connection:
            found = self._load(connection, self._owners(connection, part, ids))
            lines = [row for each in found for row in self._complete(each, connection)[part]]
            return [row for row in lines if row[key] in set(ids)]

    def find(self, part: str, query: Mapping[str, Any]) -> tuple[list[int], int]:
        """The keys of those that fit, and how many they are in all. Raises Unknown."""
        way = (part,) if part else ()
        with self._engine.connect() as connection:
            table = self._table(way)
            where = [
                _condition(_column(table, name), operator, values)
                for name, operator, values in query["where"]
            ]
            order = [
                _column(table, name).desc() if down else _column(table, name) for name, down in query["order"]
            ]
            key = table.c[self.part(part).key]
            found = (
                select(key).where(*where).order_by(*order, key).offset(query["offset"]).limit(query["limit"])
            )
            total = connection.scalar(select(func.count()).select_from(table).where(*where)) or 0
            return list(connection.scalars(found)), int(total)

    def create(self, part: str, items: Sequence[Mapping[str, Any]], caller: Caller) -> list[int]:
        """Add documents, or lines to the documents that they name, all or none. Gives their keys."""
        with self._engine.begin() as connection:
            if not part:
                return [self._added(connection, item, caller) for item in items]
            key, owner = self.part(part).key, self._root.key
            made = []
            for item in items:
                changed = self._changed(connection, {owner: item[owner], part: {"create": [item]}}, caller)
                made.append(max(row[key] for row in changed[part]))
            return made

    def change(self, part: str, changes: Sequence[Mapping[str, Any]], caller: Caller) -> None:
        """Change documents or lines, all or none. Raises Outdated, Refused and Unknown."""
        with self._engine.begin() as connection:
            for change in changes:
                self._changed(connection, self._above(connection, part, change) if part else change, caller)

    def remove(self, part: str, ids: Sequence[int], caller: Caller) -> None:
        """Remove documents or lines, all or none. Raises Outdated and Unknown."""
        with self._engine.begin() as connection:
            if not part:
                for document in self._locked(connection, ids, caller):
                    self._write(connection, document, {})
                return
            for id in ids:
                above = self._above(connection, part, {self.part(part).key: id})
                self._changed(connection, {**above, part: {"remove": [id]}}, caller)

    def act(self, ids: Sequence[int], what: Callable[[Document], None], caller: Caller) -> None:
        """Let each document go a step of its way."""
        with self._engine.begin() as connection:
            for document in self._locked(connection, ids, caller):
                before = _copy(document)
                what(document)
                self._save(connection, before, document)

    def _added(self, connection: Connection, item: Mapping[str, Any], caller: Caller) -> int:
        document: Document = dict.fromkeys(_names(self._table(())))
        document |= {name: [] for name in self._root.parts}
        self._apply((), document, item)
        self._check(document, caller)
        return int(self._save(connection, {}, document)[self._root.key])

    def _changed(self, connection: Connection, change: Mapping[str, Any], caller: Caller) -> Document:
        (document,) = self._locked(connection, [change[self._root.key]], caller)
        before = _copy(document)
        self._apply((), document, change)
        self._check(document, Caller(within=caller.within))
        return self._save(connection, before, document)

    def _locked(self, connection: Connection, ids: Sequence[int], caller: Caller) -> list[Document]:
        """These documents, which nobody else changes until the transaction ends. Raises Unknown and Outdated."""
        found = self._load(connection, ids, lock=True)
        if missing := set(ids) - {each[self._root.key] for each in found}:
            raise Unknown(f"there is no {self._root.table} {', '.join(map(str, missing))}")
        for document in found:
            self._check(document, caller)
        return found

    def _check(self, document: Document, caller: Caller) -> None:
        for name, values in caller.within.items():
            if document[name] not in values:
                raise Unknown(f"{self._root.table} {document[self._root.key]} is none of the caller's")
        for name, stamps in caller.seen.items():
            part, rows = (self._root, [document]) if not name else (self._root.parts[name], document[name])
            for row in rows:
                if stamps.get(str(row[part.key])) not in (None, stamp(row)):
                    raise Outdated(f"{part.table} {row[part.key]} was written by somebody else meanwhile")

    def _above(self, connection: Connection, part: str, change: Mapping[str, Any]) -> Document:
        """The change of a line, as one of its document."""
        owners = self._owners(connection, part, [change[self.part(part).key]])
        if not owners:
            raise Unknown(f"there is no {self.part(part).table} {change[self.part(part).key]}")
        return {self._root.key: owners[0], part: {"change": [change]}}

    def _owners(self, connection: Connection, part: str, ids: Sequence[int]) -> list[int]:
        table = self._table((part,))
        found = select(table.c[self._root.key]).where(table.c[self.part(part).key].in_(ids)).distinct()
        return list(connection.scalars(found))

    def _apply(self, way: tuple[str, ...], row: Document, change: Mapping[str, Any]) -> None:
        table, part = self._table(way), self._at(way)
        for name, value in change.items():
            if name in part.parts:
                self._apply_to_lines((*way, name), row[name], value)
            else:
                row[name] = _value(_column(table, name), value)

    def _apply_to_lines(self, way: tuple[str, ...], rows: list[Document], change: Mapping[str, Any]) -> None:
        part = self._at(way)
        if strange := set(change.get("keep", ())) - {row[part.key] for row in rows}:
            raise Refused(f"{part.table} {', '.join(map(str, strange))} belongs to something else")
        for removed in change.get("remove", ()):
            rows[:] = [row for row in rows if row[part.key] != removed]
        for link in change.get("unlink", ()):
            rows[:] = [row for row in rows if row.items() & link.items() != link.items()]
        for changed in change.get("change", ()):
            for row in rows:
                if row[part.key] == changed[part.key]:
                    self._apply(way, row, changed)
        if of_company := change.get("of_company"):
            same = [row for row in rows if row["company"] == of_company["company"]]
            self._apply(way, same[0] if same else self._new(way, rows), of_company)
        for created in (*change.get("create", ()), *change.get("link", ())):
            self._apply(way, self._new(way, rows), created)

    def _new(self, way: tuple[str, ...], rows: list[Document]) -> Document:
        row: Document = dict.fromkeys(_names(self._table(way)))
        row |= {name: [] for name in self._at(way).parts}
        rows.append(row)
        return row

    def _save(self, connection: Connection, before: Document, document: Document) -> Document:
        number = Number(connection)
        for name in ("created_at", "changed_at"):
            if name == "changed_at" or not before:
                document[name] = _now()
        self._settle(document, number, connection)
        self._number((), document, {}, number)
        self._write(connection, before, document)
        return document

    def _number(self, way: tuple[str, ...], row: Document, keys: Mapping[str, Any], number: Number) -> None:
        """Give new rows their keys, and lines those of what they belong to."""
        part = self._at(way)
        row |= keys
        if row[part.key] is None:
            row[part.key] = number(part.table)
            if "created_at" in row:
                row["created_at"] = _now()
        for name in part.parts:
            for line in row[name]:
                self._number((*way, name), line, {**keys, part.key: row[part.key]}, number)

    def _write(self, connection: Connection, before: Document, after: Document) -> None:
        """What differs, below before above where something goes, above before below where something comes."""
        old, new = self._flat(before), self._flat(after)
        ways = [way for way, _ in self._root.all()]
        for way in reversed(ways):
            for key in old[way].keys() - new[way].keys():
                connection.execute(delete(self._table(way)).where(_is(self._table(way), key)))
        for way in ways:
            table = self._table(way)
            for key, row in new[way].items():
                if key not in old[way]:
                    connection.execute(insert(table).values(**row, _position=None))
                elif row != old[way][key]:
                    if "changed_at" in row and way:
                        row["changed_at"] = _now()
                    connection.execute(update(table).where(_is(table, key)).values(**row, _position=None))

    def _flat(self, document: Document) -> dict[tuple[str, ...], dict[tuple[Any, ...], Document]]:
        found: dict[tuple[str, ...], dict[tuple[Any, ...], Document]] = {
            way: {} for way, _ in self._root.all()
        }

        def gather(way: tuple[str, ...], row: Document) -> None:
            part, table = self._at(way), self._table(way)
            keys = tuple(row[column.name] for column in table.primary_key.columns)
            found[way][keys] = {name: row[name] for name in _names(table)}
            for name in part.parts:
                for line in row[name]:
                    gather((*way, name), line)

        if document:
            gather((), document)
        return found

    def _load(self, connection: Connection, ids: Sequence[int], lock: bool = False) -> list[Document]:
        found: dict[tuple[str, ...], dict[tuple[Any, ...], Document]] = {}
        for way, part in self._root.all():
            table = self._table(way)
            keys = [column.name for column in table.primary_key.columns]
            query = select(table).where(table.c[self._root.key].in_(ids)).order_by(*table.primary_key.columns)
            rows = connection.execute(query.with_for_update() if lock and not way else query).mappings()
            found[way] = {}
            for read in rows:
                row = {name: read[name] for name in _names(table)}
                row |= {name: [] for name in part.parts}
                found[way][tuple(row[key] for key in keys)] = row
                if way and (above := found[way[:-1]].get(tuple(row[key] for key in keys[:-1]))):
                    above[way[-1]].append(row)
        return list(found[()].values())

    def _at(self, way: tuple[str, ...]) -> Part:
        part = self._root
        for name in way:
            part = part.parts[name]
        return part

    def _table(self, way: tuple[str, ...]) -> Table:
        if way not in self._tables:
            self._tables[way] = Table(self._at(way).table, MetaData(), autoload_with=self._engine)
        return self._tables[way]


def stamp(row: Mapping[str, Any]) -> str:
    """When a record was last written, in seconds since 1970."""
    since: timedelta = (row["changed_at"] or row["created_at"]) - EPOCH
    return f"{since.days * 86_400 + since.seconds}.{since.microseconds:06}"


def shown(value: Any) -> Any:
    """As JSON has it: money and moments are texts."""
    match value:
        case dict():
            return {name: shown(each) for name, each in value.items()}
        case list():
            return [shown(each) for each in value]
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
    return value


def _engine(url: str) -> Engine:
    return create_engine(f"postgresql+psycopg://{url.split('://', 1)[1]}", pool_size=8, pool_pre_ping=True)


def _names(table: Table) -> list[str]:
    """The document's own columns."""
    return [column.name for column in table.columns if not column.name.startswith("_")]


def _column(table: Table, name: str) -> Any:
    if name not in table.c or name.startswith("_"):
        raise Unknown(f"{table.name} has no {name}")
    return table.c[name]


def _value(column: Any, value: Any) -> Any:
    """What JSON says, as the column has it."""
    wanted = column.type.python_type
    if value is None or wanted not in (Decimal, date, datetime):
        return value
    return Decimal(value) if wanted is Decimal else wanted.fromisoformat(value)


def _condition(column: Any, operator: str, values: Sequence[Any]) -> Any:
    taken = [_value(column, value) for value in values]
    match operator:
        case "in":
            return column.in_([each for each in taken if each is not None]) | (
                column.is_(None) if None in taken else False
            )
        case "ilike":
            return column.ilike(taken[0], escape="\\")
        case "!=":
            return column.is_distinct_from(taken[0])
        case "<":
            return column < taken[0]
        case ">=":
            return column >= taken[0]
    raise Unknown(f"there is no condition {operator}")


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    return and_(*(column == value for column, value in zip(table.primary_key.columns, key, strict=True)))


def _copy(document: Document) -> Document:
    return {
        name: [_copy(each) for each in value] if isinstance(value, list) else value
        for name, value in document.items()
    }


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
