"""Names as the catalog has them, and as SQLAlchemy wants them.

Oracle and Db2 write a name that nobody quoted in capitals; SQLAlchemy shows it in small letters, and a quoted one in small
letters as a name of its own. Changes and SELECTs have the catalog's, so that is what the configuration writes.
"""

from __future__ import annotations

from sqlalchemy.engine.interfaces import Dialect


def normal(dialect: Dialect, name: str) -> str:
    """The catalog's name as SQLAlchemy wants it."""
    return dialect.normalize_name(name) if dialect.requires_name_normalize and name else name


def stored(dialect: Dialect, name: str) -> str:
    """SQLAlchemy's name as the catalog has it."""
    return str(dialect.denormalize_name(name)) if dialect.requires_name_normalize and name else str(name)
