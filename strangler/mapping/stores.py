"""A store's table as canonical texts: the same to the byte as those of the legacy side, whichever database either is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strangler.errors import StranglerError
from strangler.mapping.dialects.postgres import Postgres
from strangler.mapping.dialects.sqlite import Sqlite
from strangler.shapes import FieldType, Shape

_NATIVE: Final[dict[str, Callable[[FieldType, str], str]]] = {Postgres.name: Postgres().stored_native}

_STORED: Final[dict[str, Callable[[FieldType, str], str]]] = {
    each.name: each.stored for each in (Postgres(), Sqlite())
}


def canonical_columns(shape: Shape, dialect: str) -> list[str]:
    """SQL per field, over the columns of the store's table, of the same canonical text as `Pushed.texts` has on the legacy side.

    SQLite needs `strangler.mapping.sqlite_functions.register(connection)`. An unknown dialect is a StranglerError.
    """
    stored = _STORED.get(dialect)
    if stored is None:
        raise StranglerError(
            f"a store in a database of the SQL dialect {dialect!r} can't be compared",
            why=f"known are: {', '.join(_STORED)}",
            do="use a store of a known dialect",
        )
    return [stored(field.type, field.name) for field in shape.fields]


def native_columns(shape: Shape, dialect: str) -> list[str] | None:
    """The same columns as `Pushed.natives` has them on the legacy side; None where the dialect has no such."""
    native = _NATIVE.get(dialect)
    return native and [native(field.type, field.name) for field in shape.fields]
