"""Small statements of our own in a legacy database, through SQLAlchemy, and the drivers' errors in Strangler's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    SQLAlchemyError,
)  # fmt: skip
from sqlalchemy.pool import NullPool

from strangler import urls
from strangler.errors import SourceError, StranglerError, Unavailable

_DRIVERS: Final = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""The drivers that Strangler comes with, where SQLAlchemy would take another if the URL names none."""

_DENIED: Final = ("denied", "permission", "not authorized", "insufficient privileges", "privilege")
_PASSING: Final = (
    "locked",
    "busy",
    "deadlock",
    "timeout",
    "timed out",
    "shutting down",
    "starting up",
    "too many",
)
_REFUSED: Final = (
    *_DENIED, "authentication failed", "no password", "login failed", "ora-01017", "unknown database", 'database "', 'role "',
)  # fmt: skip


class Statements:
    """The database at `url`, for the source called `name`. Every call connects anew; callable from any thread."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self._url = name, url

    def engine(self) -> Engine:
        """An engine without a pool; nothing is connected yet. Raises SourceError where the URL's driver isn't installed."""
        where = urls.display(self._url)
        try:
            parsed = make_url(self._url)
            driver = _DRIVERS.get(urls.kind(self._url))
            if driver:
                parsed = parsed.set(drivername=f"{urls.kind(self._url)}+{driver}")
            return create_engine(parsed, poolclass=NullPool, hide_parameters=True)
        except (NoSuchModuleError, ImportError) as error:
            raise SourceError(
                f"source {self._name}: nothing is installed that could connect to {where}",
                why=str(error),
                do="pip install SQLAlchemy's dialect for this database and its driver",
            ) from None
        except ArgumentError:
            # The parser's text may quote a part of the URL, and so of the password.
            raise SourceError(f"source {self._name}: the url isn't a database URL: {where}") from None

    def execute(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """See `Database.execute`."""
        with self.connected(f"running {_shortened(statement)!r}") as connection, connection.begin():
            result = connection.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    @contextmanager
    def connected(self, doing: str) -> Iterator[Connection]:
        """A connection, closed at the end; errors in Strangler's words, where `doing` says what was tried."""
        with closing(self.connect()) as connection, self.translated(doing):
            yield connection

    def connect(self) -> Connection:
        """A new connection. Raises Unavailable where trying again may help, SourceError for what has to be corrected."""
        engine = self.engine()
        try:
            return engine.connect()
        except SQLAlchemyError as error:
            what = f"source {self._name}: can't connect to {urls.display(self._url)}"
            said = _said(error)
            if _speaks_of(said, _REFUSED):
                cure = "correct user, password and database in the source's url"
                raise SourceError(what, why=said, do=cure) from None
            cure = "check host and port in the source's url, and whether the server is up"
            raise Unavailable(what, why=said, do=cure) from None

    @contextmanager
    def translated(self, doing: str) -> Iterator[None]:
        """Turn SQLAlchemy's and the driver's errors into Strangler's: `doing` says what was tried."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._translate(error, doing) from error

    def _translate(self, error: SQLAlchemyError, doing: str) -> StranglerError:
        said = _said(error)
        what = f"source {self._name}: {doing} failed"
        # Drivers call many an error operational; whether the connection was lost, each dialect knows.
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or _speaks_of(said, _PASSING):
            where = urls.display(self._url)
            return Unavailable(what, why=said, do=f"see whether {where} is up; this is tried again by itself")
        if _speaks_of(said, _DENIED):
            return SourceError(what, why=said, do="grant the privilege to the user of the source's url")
        return SourceError(what, why=said)


def _speaks_of(said: str, signs: Sequence[str]) -> bool:
    return any(sign in said.lower() for sign in signs)


def _said(error: SQLAlchemyError) -> str:
    """The driver's own words without SQLAlchemy's frame."""
    original = getattr(error, "orig", None)
    if original is None:
        return str(error).splitlines()[0]
    # MySQL's drivers give a number and a text, others a text.
    words = original.args[1] if len(original.args) == 2 and isinstance(original.args[1], str) else original
    return next((line.strip() for line in str(words).splitlines() if line.strip()), type(original).__name__)


def _shortened(statement: str) -> str:
    words = " ".join(statement.split())
    return words if len(words) <= 80 else f"{words[:79]}…"
