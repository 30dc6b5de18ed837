"""Connections to a PostgreSQL source, and its errors in Strangler's words.

The driver is psycopg 3. psycopg2's replication cursor can't be used here: on a keepalive it confirms by itself what
the client hasn't confirmed, whenever the last message carried an older LSN than the last confirmation, as the
changes of a long transaction do. Then transactions that are only in memory count as durable, against invariant 1. psycopg 3
has no replication cursor but gives libpq's own calls, so that what is confirmed is ours to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from strangler.errors import SourceError, StranglerError, Unavailable
from strangler.urls import display

SESSION: Final = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
"""What a value looks like as text mustn't depend on the server's, database's or role's settings; nor may a limit
that was made for the ERP's users end a backfill."""

_DRIVER: Final = re.compile(r"^postgres(ql)?(\+\w+)?://")

_CONNECT_TIMEOUT: Final = "10"

# libpq gives no SQLSTATE for a failed connection, only the server's text.
_REFUSALS: Final = (
    ("password authentication failed", "correct user and password in the source's url"),
    ("no password supplied", "put the password into the source's url"),
    ("no pg_hba.conf entry", "allow this host and user in the server's pg_hba.conf"),
    ('database "', "correct the database in the source's url, or create it"),
    ('role "', "correct the user in the source's url, or create the role"),
    ("permission denied for database", "GRANT CONNECT ON DATABASE … TO the user of the source's url"),
)

_REPLICATION: Final = 'ALTER ROLE "{role}" REPLICATION'


def open_connection(
    url: str, name: str, *, replication: bool = False, session: Mapping[str, str] | None = None
) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect in autocommit with the settings of `SESSION` and `session`. `name` is that of the source, for errors.

    Raises Unavailable where trying again may help, SourceError for what has to be corrected.
    """
    options = " ".join(f"-c {key}={value}" for key, value in (SESSION | dict(session or {})).items())
    given: dict[str, Any]
    try:
        given = dict(conninfo_to_dict(_DRIVER.sub("postgresql://", url)))
    except psycopg.ProgrammingError:
        # The driver's text may quote a part of the URL, and so of the password.
        raise SourceError(
            f"source {name}: the url isn't a PostgreSQL URL",
            do="write postgresql://user:password@host:5432/database, special characters in it percent-encoded",
        ) from None
    given["options"] = f"{given.get('options') or ''} {options}".strip()
    given.setdefault("connect_timeout", _CONNECT_TIMEOUT)
    given |= {"application_name": f"strangler {name}", "client_encoding": "UTF8"}
    if replication:
        given["replication"] = "database"
    try:
        return psycopg.connect(make_conninfo(**given), autocommit=True)
    except psycopg.OperationalError as error:
        raise _refused(url, name, str(error), str(given.get("user", ""))) from None


@contextmanager
def translated(name: str, doing: str) -> Iterator[None]:
    """Turn the driver's errors into Strangler's: `doing` says what was tried, e.g. `creating the slot`."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, name, doing) from error


def translate(error: psycopg.Error, name: str, doing: str) -> StranglerError:
    """The driver's error in Strangler's words; see `translated`."""
    state = error.sqlstate or ""
    said = (error.diag.message_primary or str(error)).strip()
    what = f"source {name}: {doing} failed"
    if state == "42501":
        return SourceError(what, why=said, do="grant the privilege to the user of the source's url")
    if state == "55006":
        return Unavailable(what, why=said, do="only one stream may read a slot: end the other one")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Unavailable(what, why=said, do="see whether the server is up; this is tried again by itself")
    return SourceError(what, why=said)


def _refused(url: str, name: str, said: str, role: str) -> StranglerError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    why = lines[0].removeprefix("connection failed: ") if lines else "no answer"
    what = f"source {name}: can't connect to {display(url)}"
    if "permission denied to start WAL sender" in said:
        return SourceError(what, why=why, do=_REPLICATION.format(role=role))
    for sign, cure in _REFUSALS:
        if sign in said and "the database system is" not in said:
            return SourceError(what, why=why, do=cure)
    return Unavailable(
        what, why=why, do="check host and port in the source's url, and whether the server is up"
    )
