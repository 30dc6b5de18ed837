"""Troubles: what Debezium's stack traces mean, and what to do about it. Pure.

A trace names the wrapper first and the reason last, behind `Caused by:`; the reason is what a person needs to see. Known
reasons are told in words; of an unknown one the line itself.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Trouble(NamedTuple):
    """Why a connector failed. `passing`: another start may well succeed. `lost`: the log no longer has what is to be read next."""

    why: str
    do: str
    passing: bool = False
    lost: bool = False


class _Known(NamedTuple):
    sign: re.Pattern[str]
    why: str
    do: str
    passing: bool = False
    lost: bool = False


def _known(sign: str, why: str, do: str, **kind: bool) -> _Known:
    return _Known(re.compile(sign, re.IGNORECASE), why, do, **kind)


_RESET: Final = "strangler source reset <source>: a new capture is made, and everything is filled again"
_TRY: Final = "it is started again by itself; see whether the database is up"

KNOWN: Final = (
    _known(
        r"replication slot \"?([^\"\s]+)\"? is active for PID (\d+)|slot .*already active",
        "the replication slot is in use by another reader",
        "end the other reader, or SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots",
        passing=True,
    ),
    _known(
        r"can no longer (get changes|be accessed)|requested WAL segment|has been invalidated|wal_status.*lost"
        r"|slot.*(does not exist|doesn't exist)|saved offset is before replication slot|slot.*ahead of.*offset"
        r"|offset.*slot.*(mismatch|recreated)",
        "the replication slot no longer has what is to be read next",
        _RESET,
        lost=True,
    ),
    _known(
        r"publication \"?[^\"]*\"? does not exist|Publication autocreation is disabled",
        "the publication isn't there",
        "strangler connect apply makes it anew where nothing is lost",
    ),
    _known(
        r"wal_level|logical decoding requires",
        "the server doesn't write its log for logical decoding",
        "ALTER SYSTEM SET wal_level = 'logical', then restart PostgreSQL",
    ),
    _known(
        r"all replication slots are in use|max_replication_slots",
        "all replication slots are in use",
        "ALTER SYSTEM SET max_replication_slots = …, then restart PostgreSQL; or drop a slot that nobody reads",
    ),
    _known(
        r"remaining connection slots are reserved|too many (clients|connections)|max_wal_senders",
        "the database takes no more connections",
        "raise its limit of connections (PostgreSQL: max_connections, max_wal_senders), or close some",
        passing=True,
    ),
    _known(
        r"trying to read (binlog|change stream|redo log).*no longer available|no longer available on the server",
        "the server no longer has what is to be read next",
        _RESET,
        lost=True,
    ),
    _known(
        r"purged (the )?(required )?binary log|Could not find first log file"
        r"|master has purged|GTIDs that the (slave|replica) requires|could not find GTID state",
        "the server has thrown away the binlog that is to be read next",
        _RESET,
        lost=True,
    ),
    _known(
        r"ORA-01291|ORA-00308|online or archive logs|offset SCN .* (no longer|not) ",
        "the server has thrown away the redo logs that are to be read next",
        _RESET,
        lost=True,
    ),
    _known(
        r"password authentication failed|Access denied for user|Login failed for user|ORA-01017|pg_hba\.conf",
        "the database refuses the connector's user",
        "correct user and password in the source's url (or in `config`), then strangler connect apply",
    ),
    _known(
        r"permission denied|must be (superuser|owner)|REPLICATION (SLAVE|CLIENT)|need \(at least one of\) the"
        r"|ORA-01031|command denied|permission was denied",
        "the connector's user lacks a privilege",
        "grant it; strangler connect plan names what is missing",
    ),
    _known(
        r"binlog_format|not configured to use a ROW|binlog_row_image",
        "the server doesn't write whole rows into its binlog",
        "SET GLOBAL binlog_format = 'ROW', binlog_row_image = 'FULL', and the same in the server's configuration",
    ),
    _known(
        r"(same|duplicate) server_(uu)?id|server_uuid/server_id",
        "another replica of the server has the same server id",
        "give this one an id of its own: options: {config: {database.server.id: '…'}}",
    ),
    _known(
        r"whose schema isn't known to this connector|schema (history|is not known)|db history topic is missing"
        r"|database schema history was not found",
        "the history of the tables' definitions doesn't know a table",
        "strangler connect snapshot reads a table; where the history topic is gone: " + _RESET,
    ),
    _known(
        r"(failed to find any class|no class found|ClassNotFoundException).*(connector|Connector)",
        "Kafka Connect doesn't have this connector",
        "install Debezium's plugin of that class into Connect's plugin.path on every worker",
    ),
    _known(
        r"RecordTooLargeException|MessageSizeTooLarge|larger than the max",
        "a row is larger than Kafka takes",
        "raise message.max.bytes of the topic, and producer.override.max.request.size in `config`",
    ),
    _known(
        r"(Topic|Cluster|Group)AuthorizationException|not authorized to access",
        "Kafka Connect may not write to the topics",
        "grant its principal WRITE and CREATE on the topics that begin with the topic prefix",
    ),
    _known(
        r"UnknownHostException|Name or service not known|Unknown host",
        "Kafka Connect doesn't know the database's host name",
        "say how Connect reaches it: options: {connect_to: 'host:port'}",
    ),
    _known(
        r"Connection refused|connection attempt failed|Connection to \S+ refused|Communications link failure|Failed to connect"
        r"|Connection reset|SocketException|EOFException|Connection timed out|SQLRecoverableException"
        r"|terminating connection|the database system is (starting up|shutting down|in recovery)"
        r"|server closed the connection|Database connection failed|Couldn't obtain encoding",
        "Kafka Connect can't reach the database, or lost it",
        _TRY + ", and whether Connect reaches it at the option `connect_to`",
        passing=True,
    ),
    _known(
        r"TimeoutException|Producer is closed|NotLeaderOrFollower|DisconnectException",
        "Kafka didn't answer the connector in time",
        "it is started again by itself; see whether the broker is up",
        passing=True,
    ),
)  # fmt: skip
"""Searched in this order, the reason that stands last in the trace before the ones that wrap it."""

_FRAME: Final = re.compile(r"^\s*(at\s|\.\.\. \d+ )")
_CLASS: Final = re.compile(r"^(?:Caused by: )?(?:[a-z][\w$]*\.)+([A-Z][\w$]*)(?::\s*|$)")


def explain(trace: str) -> Trouble:
    """The trouble that a stack trace tells of."""
    said = reasons(trace)
    for line in reversed(said):
        for known in KNOWN:
            if known.sign.search(line):
                return Trouble(f"{known.why}: {_short(line)}", known.do, known.passing, known.lost)
    # Another start loses nothing, and many a reason that isn't known here passes.
    if not said:
        return Trouble("Kafka Connect gives no reason", "look into the log of its worker", passing=True)
    cure = "look into the log of the worker; a corrected configuration: strangler connect apply"
    return Trouble(_short(said[-1]), cure, passing=True)


def reasons(trace: str) -> list[str]:
    """What each exception of the trace says, outermost first, without Java's frames and packages."""
    said: list[str] = []
    for line in trace.splitlines():
        if not line.strip() or _FRAME.match(line):
            continue
        if _CLASS.match(line) or not said:
            said.append(_CLASS.sub(_class_name, line).strip())
        else:
            said[-1] += f" {line.strip()}"
    return [each for each in said if each]


def _class_name(match: re.Match[str]) -> str:
    """The exception's class where it says something by itself; a wrapper's name doesn't."""
    name = match.group(1)
    return "" if name in _WRAPPERS and not match.group(0).rstrip().endswith(name) else f"{name}: "


_WRAPPERS: Final = frozenset(
    {
        "ConnectException",
        "DebeziumException",
        "RetriableException",
        "RuntimeException",
        "SQLException",
        "PSQLException",
    }
)


def _short(line: str) -> str:
    """Debezium puts whole structures into the middle of a sentence; what matters stands at its ends."""
    return line if len(line) <= 240 else f"{line[:110].rstrip()} … {line[-120:].lstrip()}"
