"""The control store: where Strangler remembers what it decided and how far everything is.

SQLite by default, PostgreSQL by URL; the same tables, the same queries. Transactions are of two kinds and each
is opened on purpose: `read` sees one consistent snapshot, `begin` writes. Inside an open transaction of the same
thread both join it, so that query functions that take a `Control` compose into one commit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from strangler.errors import StoreError, StranglerError, Unavailable
from strangler.urls import display

if TYPE_CHECKING:
    from strangler.encryption import Cipher

BUSY_SECONDS: Final = 30
"""How long a writer on SQLite waits for another one; as long as the longest migration may take."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between two tries to reach a store that isn't there yet: doubled from the first to the longest."""

_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


class Control:
    """An open control store. Safe to use from any number of threads; each has its own transaction."""

    def __init__(self, engine: Engine, cipher: Cipher | None = None) -> None:
        """`cipher` encrypts the rows of legacy that are kept."""
        self.engine, self.cipher = engine, cipher
        self._local = threading.local()

    @classmethod
    def open(
        cls, url: str, *, wait: float = 0.0, upgrade: bool = True, cipher: Cipher | None = None
    ) -> Control:
        """Open the control store at a SQLAlchemy URL, make what isn't there, and bring its tables up to date.

        A store that doesn't answer is tried again, with growing pauses, for `wait` seconds; then Unavailable.
        `upgrade=False` leaves the tables as they are. Raises StoreError for a URL that can't be one and for
        tables newer than this program.
        """
        from strangler.control import schema  # Alembic is heavy, and only needed to open

        control = cls(_engine(_parse(url)), cipher)
        deadline, pause = time.monotonic() + wait, FIRST_PAUSE
        while True:
            try:
                control._reach()
                if upgrade:
                    schema.upgrade(control)
                return control
            except Unavailable:
                if time.monotonic() + pause > deadline:
                    control.close()
                    raise
            except StranglerError:
                control.close()
                raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads; every query in it sees the same state. Joins this thread's open one."""
        with self._transaction("BEGIN", "REPEATABLE READ") as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes, committed at the end, undone by an error. Joins this thread's open one."""
        with self._transaction("BEGIN IMMEDIATE", "READ COMMITTED") as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where it is, fit to be shown: without a password."""
        url = self.engine.url.set(drivername=self.engine.dialect.name)
        return display(url.render_as_string(hide_password=False))

    @contextmanager
    def _transaction(self, sqlite_begin: str, isolation: str) -> Iterator[Connection]:
        joined: Connection | None = getattr(self._local, "connection", None)
        if joined is not None:
            if sqlite_begin != "BEGIN" and self._local.kind == "BEGIN":
                raise AssertionError("a write can't join a transaction that only reads")
            yield joined
            return
        options: dict[str, Any] = (
            {"sqlite_begin": sqlite_begin}
            if self.engine.dialect.name == "sqlite"
            else {"isolation_level": isolation}
        )
        with _translated(self.place), self.engine.execution_options(**options).begin() as connection:
            self._local.connection, self._local.kind = connection, sqlite_begin
            try:
                yield connection
            finally:
                self._local.connection = None

    def _reach(self) -> None:
        """See that it answers; for SQLite, make the directory and switch the file to WAL first."""
        if self.engine.dialect.name == "sqlite":
            self._make_directory()
        with _translated(self.place), self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                self._switch_to_wal(connection)
            else:
                connection.exec_driver_sql("SELECT 1")

    def _switch_to_wal(self, connection: Connection) -> None:
        """Outside a transaction, where alone it is allowed; the file remembers it."""
        try:
            connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
        except connection.dialect.loaded_dbapi.OperationalError as error:
            raise Unavailable(
                f"the control store {self.place} doesn't answer",
                why=str(error),
                do="see that the file and its directory can be written, or name others in `control.url` or `data_dir`",
            ) from error
        except connection.dialect.loaded_dbapi.DatabaseError as error:
            raise StoreError(
                f"the control store {self.place} can't be one",
                why=str(error),
                do="name another file in `control.url`, or move this one away if it isn't needed",
            ) from error

    def _make_directory(self) -> None:
        directory = Path(str(self.engine.url.database)).parent
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the directory {directory} of the control store can't be made",
                why=str(error),
                do="name a directory that can be written, in `control.url` or `data_dir`",
            ) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "the URL of the control store can't be read",
            why="it isn't of the form dialect://user:password@host/database",
            do="write `control: {url: sqlite:///control.db}` or `postgresql://user:${PASSWORD}@host/database`",
        ) from error
    if parsed.drivername in _DRIVERS:
        parsed = parsed.set(drivername=_DRIVERS[parsed.drivername])
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"a control store can't be kept in {parsed.get_backend_name()}",
            why="its tables are made for SQLite and PostgreSQL",
            do="use a URL that begins with sqlite:/// or postgresql://",
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError(
            "a control store can't be kept in memory",
            why="several processes read it, and it must outlive them",
            do="name a file: sqlite:///control.db",
        )
    return parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(
                url, pool_pre_ping=True, hide_parameters=True, connect_args={"connect_timeout": 5}
            )
        except ImportError as error:
            raise StoreError(
                "a control store on PostgreSQL needs a driver that isn't installed",
                why=str(error),
                do="pip install 'strangler[postgres]'",
            ) from error
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    # The driver would begin transactions by itself, and too late; so it is told not to, and we say BEGIN.
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """Errors of the database as ours."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if str(error.orig).startswith(
            ("no such ", "table ")
        ):  # SQLite calls wrong statements operational, too
            raise _unusable(place, error) from error
        raise Unavailable(
            f"the control store {place} doesn't answer",
            why=_first_line(error),
            do="start the database, or correct `control.url` in the configuration",
        ) from error
    except DBAPIError as error:
        raise _unusable(place, error) from error
    except PoolTimeout as error:
        raise Unavailable(f"the control store {place} has no connection free", why=str(error)) from error


def _unusable(place: str, error: DBAPIError) -> StoreError:
    missing = "no such table" in str(error.orig) or type(error.orig).__name__ == "UndefinedTable"
    return StoreError(
        f"the control store {place} refused a statement",
        why=_first_line(error),
        do="strangler db upgrade" if missing else "strangler db check",
    )


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
