"""Connections to a MySQL or MariaDB source, and its errors in Strangler's words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, ER
from pymysql.converters import encoders

from strangler.errors import SourceError, SourceLost, StranglerError, Unavailable
from strangler.mapping import mysql_session
from strangler.urls import display, kind

_INIT: Final = (
    "SET SESSION wait_timeout = 86400, net_write_timeout = 86400, net_read_timeout = 86400",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    *mysql_session.STATEMENTS,
)
"""A limit that was made for the ERP's users mustn't end a backfill; a snapshot must be one; and the mapping's session."""

_KINDS: Final = frozenset({"mysql", "mariadb"})
_CONNECT_TIMEOUT: Final = 10

_TLS_FILES: Final = {"ssl_ca": "cafile", "ssl_cert": "certfile", "ssl_key": "keyfile"}

# Lost connection, server gone, too many connections, shutting down, killed, read-only or lock waits: worth another try.
_TRANSIENT: Final = frozenset(
    {
        CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST,
        CR.CR_SERVER_LOST_EXTENDED, ER.CON_COUNT_ERROR, ER.SERVER_SHUTDOWN, ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK,
        ER.TOO_MANY_USER_CONNECTIONS, ER.QUERY_INTERRUPTED, ER.NORMAL_SHUTDOWN, 1927,
    }
)  # fmt: skip
_LOST: Final = frozenset({ER.MASTER_FATAL_ERROR_READING_BINLOG, 1789, 1945, 1951, 1955})
"""The binlog doesn't have what a replica asks for. MySQL says many things by the first of them, some of which pass."""

_PASSING: Final = ("same server", "could not read", "Out of memory")
_FORBIDDEN: Final = frozenset(
    {
        ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR,
        ER.COLUMNACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """What the url says. `options` are its parameters, those of SQLAlchemy's pymysql dialect that have a meaning here."""

    url: str
    host: str
    port: int
    user: str
    password: str
    database: str
    options: Mapping[str, str]

    def arguments(self) -> dict[str, Any]:
        """As the driver takes them."""
        given: dict[str, Any] = {
            "host": self.host, "port": self.port, "user": self.user, "password": self.password,
            "database": self.database,
        }  # fmt: skip
        if socket := self.options.get("unix_socket"):
            given["unix_socket"] = socket
        if context := self._tls():
            given["ssl"] = context
        return given

    def _tls(self) -> ssl.SSLContext | None:
        files = {_TLS_FILES[key]: value for key, value in self.options.items() if key in _TLS_FILES}
        if not files:
            return None
        context = ssl.create_default_context(cafile=files.get("cafile"))
        context.check_hostname = self.options.get("ssl_check_hostname", "true") != "false"
        if "certfile" in files:
            context.load_cert_chain(files["certfile"], files.get("keyfile"))
        return context


def parse_url(url: str, name: str) -> Address:
    """The parts of a SQLAlchemy URL. Raises SourceError; the text never shows the URL, which may carry a password."""
    wrong = SourceError(
        f"source {name}: the url isn't a MySQL or MariaDB URL with a database",
        do="write mysql+pymysql://user:password@host:3306/database, special characters in it percent-encoded",
    )
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise wrong from None
    database = unquote(parts.path.lstrip("/"))
    if kind(url) not in _KINDS or not database:
        raise wrong
    return Address(
        url, parts.hostname or "localhost", port, unquote(parts.username or ""), unquote(parts.password or ""),
        database, dict(parse_qsl(parts.query)),
    )  # fmt: skip


def open_connection(address: Address, name: str) -> Connection[Any]:
    """Connect in autocommit, in the session that the mapping asks for. `name` is that of the source, for errors.

    Values come as text, or as bytes where they are binary. Raises Unavailable where trying again may help, SourceError for
    what has to be corrected.
    """
    try:
        connection = pymysql.connect(
            **address.arguments(), charset="utf8mb4", conv=encoders, autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT, program_name="strangler",
        )  # fmt: skip
        for statement in _INIT:
            ask(connection, statement)
    except (pymysql.Error, OSError) as error:
        raise _refused(error, address, name) from None
    except RuntimeError as error:  # MySQL's own way to hide a password where there is no TLS.
        raise SourceError(
            f"source {name}: can't log in at {display(address.url)}",
            why=str(error),
            do="let the server offer TLS, or pip install cryptography",
        ) from None
    return connection


def ask(connection: Connection[Any], query: str, parameters: Any = None) -> list[tuple[str | None, ...]]:
    """The rows of a small query, all values as text."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [tuple(_text(value) for value in row) for row in cursor.fetchall()]


def variables(connection: Connection[Any], *names: str) -> dict[str, str]:
    """The global variables of these names, those that this server has."""
    marks = ", ".join(["%s"] * len(names))
    rows = ask(connection, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({marks})", names)
    return {(name or "").lower(): value or "" for name, value in rows}


@contextmanager
def translated(name: str, doing: str) -> Iterator[None]:
    """Turn the driver's errors into Strangler's: `doing` says what was tried, e.g. `reading the catalog`."""
    try:
        yield
    except (pymysql.Error, OSError) as error:
        raise translate(error, name, doing) from error


def translate(error: Exception, name: str, doing: str) -> StranglerError:
    """The driver's error in Strangler's words; see `translated`."""
    code, said = reason(error)
    what = f"source {name}: {doing} failed"
    if code in _LOST and not any(sign in said for sign in _PASSING):
        return SourceLost(
            f"source {name}: changes may be missing since the last position that is remembered", why=said
        )
    if code in _FORBIDDEN:
        return SourceError(what, why=said, do="grant the privilege to the user of the source's url")
    if code in _TRANSIENT or code in _LOST or isinstance(error, OSError) or not code:
        return Unavailable(what, why=said, do="see whether the server is up; this is tried again by itself")
    return SourceError(what, why=said)


def reason(error: Exception) -> tuple[int, str]:
    """The server's error number (0: none) and its words."""
    if isinstance(error, pymysql.Error) and len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error)


def _refused(error: Exception, address: Address, name: str) -> StranglerError:
    code, said = reason(error)
    what = f"source {name}: can't connect to {display(address.url)}"
    if code == ER.ACCESS_DENIED_ERROR:
        return SourceError(what, why=said, do="correct user and password in the source's url")
    if code == ER.DBACCESS_DENIED_ERROR:
        return SourceError(
            what, why=said, do=f"GRANT SELECT ON `{address.database}`.* TO the user of the source's url"
        )
    if code == ER.BAD_DB_ERROR:
        return SourceError(what, why=said, do="correct the database in the source's url, or create it")
    if code and code not in _TRANSIENT:
        return SourceError(what, why=said)
    return Unavailable(
        what, why=said, do="check host and port in the source's url, and whether the server is up"
    )


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)
