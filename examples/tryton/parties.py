"""The state of the new `party` service: one table that delivery fills until the cutover and the service writes afterwards.

The table is made by Strangler from the mapping (`strangler.yaml`), with `_position` beside the fields. What the
service writes itself has no position: it comes from no legacy change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Engine,
    MetaData,
    Table,
    Text,
    case,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

_metadata: Final = MetaData()

_Timestamp: Final = DateTime().with_variant(
    sqlite.DATETIME(  # type: ignore[no-untyped-call]
        storage_format="%(year)04d-%(month)02d-%(day)02dT%(hour)02d:%(minute)02d:%(second)02d.%(microsecond)06d",
        regexp=r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)",
    ),
    "sqlite",
)
"""A timestamp without zone, in SQLite as the canonical text that delivery writes."""

table: Final = Table(
    "party",
    _metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text),
    Column("code", Text),
    Column("active", Boolean),
    Column("replaced_by", BigInteger),
    Column("code_number", BigInteger),
    Column("display_name", Text),
    Column("search_name", Text),
    Column("created_at", _Timestamp),
    Column("changed_at", _Timestamp),
    Column("_position", Text),
)

fields: Final = tuple(column for column in table.columns if column.name != "_position")

number: Final = Table(
    "party_number", _metadata, Column("name", Text, primary_key=True), Column("value", BigInteger)
)
"""The service's own numbers: the last one given, by name. A row's lock lets one creation at a time through."""


class Conflict(Exception):
    """Another party has this code already."""


@dataclass(frozen=True)
class Page:
    """A part of the parties that fit, and how many fit in all."""

    items: list[dict[str, Any]]
    total: int


class Parties:
    """The parties, by SQLAlchemy URL. Safe to use from several threads. Makes the table of numbers when it isn't there."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        with self._engine.begin() as connection:
            if not inspect(connection).has_table(number.name):
                number.create(connection)
                connection.execute(
                    number.insert(), [{"name": "id", "value": 0}, {"name": "code", "value": 0}]
                )

    def ready(self) -> bool:
        """Whether the table is there: it is made when the sync begins."""
        return inspect(self._engine).has_table(table.name)

    def get(self, id: int) -> dict[str, Any] | None:
        found = self.by_ids([id])
        return found[0] if found else None

    def by_ids(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Those of the parties that exist, by id."""
        with self._engine.connect() as connection:
            return _all(connection, select(*fields).where(table.c.id.in_(ids)).order_by(table.c.id))

    def search(
        self, conditions: Sequence[ColumnElement[bool]], order: Sequence[str], limit: int, offset: int
    ) -> Page:
        """Those that fit all conditions. `order` names fields, with `-` in front for descending."""
        with self._engine.connect() as connection:
            total = connection.scalar(select(func.count()).select_from(table).where(*conditions))
            query = (
                select(*fields)
                .where(*conditions)
                .order_by(*map(_ordering, order))
                .limit(limit)
                .offset(offset)
            )
            return Page(_all(connection, query), total or 0)

    def create(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Add a party; its id, and its code when none is given, go on after the last. Raises Conflict."""
        with self._engine.begin() as connection:
            id = _next(connection, "id", table.c.id)
            given = {"name": None, "active": True, **values}
            given["code"] = given.get("code") or str(_next(connection, "code", table.c.code_number))
            _refuse_taken(connection, given["code"], id)
            now = _now()
            row = {
                "id": id,
                **given,
                **_derived(given),
                "created_at": now,
                "changed_at": now,
                "_position": None,
            }
            connection.execute(table.insert().values(row))
        return self._existing(id)

    def change(self, id: int, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change some fields; None when there is no such party. Raises Conflict."""
        with self._engine.begin() as connection:
            if "code" in values:
                _next(connection, "code", table.c.code_number)
                _refuse_taken(connection, values["code"], id)
            found = _all(connection, select(*fields).where(table.c.id == id).with_for_update())
            if not found:
                return None
            row = {**values, **_derived({**found[0], **values}), "changed_at": _now(), "_position": None}
            connection.execute(table.update().where(table.c.id == id).values(row))
        return self._existing(id)

    def remove(self, id: int) -> bool:
        """Remove a party; False when there is none."""
        with self._engine.begin() as connection:
            return connection.execute(table.delete().where(table.c.id == id)).rowcount == 1

    def close(self) -> None:
        self._engine.dispose()

    def _existing(self, id: int) -> dict[str, Any]:
        found = self.get(id)
        if found is None:
            raise LookupError(f"party {id} was removed meanwhile")
        return found


def _engine(url: str) -> Engine:
    scheme, rest = url.split("://", 1)
    if scheme.startswith("postgres"):
        return create_engine(f"postgresql+psycopg://{rest}", pool_size=8, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def wal(connection: Any, record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")

    return engine


def _next(connection: Connection, name: str, column: ColumnElement[Any]) -> int:
    """The next number: after the last that was given, and after all that came from legacy."""
    highest = select(func.coalesce(func.max(column), 0)).scalar_subquery()
    last = case((number.c.value >= highest, number.c.value), else_=highest)
    update = number.update().where(number.c.name == name).values(value=last + 1).returning(number.c.value)
    return int(connection.execute(update).scalar_one())


def _refuse_taken(connection: Connection, code: str, id: int) -> None:
    taken = select(table.c.id).where(table.c.code == code, table.c.id != id)
    if connection.scalar(taken) is not None:
        raise Conflict(code)


def _derived(party: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that follow from others, as the mapping has them for what comes from legacy."""
    name, code = party["name"], party["code"]
    digits = "".join(filter(str.isdigit, code))[-18:]
    return {
        "display_name": name or f"[{code}]",
        "search_name": None if name is None else name.strip(" ").upper(),
        "code_number": int(digits) if digits else None,
    }


def _ordering(name: str) -> ColumnElement[Any]:
    column = table.c[name.removeprefix("-")]
    return column.desc().nulls_first() if name.startswith("-") else column.asc().nulls_last()


def _all(connection: Connection, query: Any) -> list[dict[str, Any]]:
    return [
        {
            name: value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        for row in connection.execute(query).mappings()
    ]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
