"""What in a binlog can't be read, in words: every one is rather refused than guessed or passed over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strangler.errors import SourceError, SourceLost, StranglerError
from strangler_connectors.mysql import events
from strangler_connectors.mysql.statements import Effect

_RESET: Final = "then strangler source reset"

_UNREADABLE: Final = {
    events.ANONYMOUS_GTID: ("transactions without a GTID", "SET PERSIST gtid_mode = ON"),
    events.TAGGED_GTID: ("tagged GTIDs", "let nobody set gtid_next with a tag"),
    events.PAYLOAD: ("compressed transactions", "SET PERSIST binlog_transaction_compression = OFF"),
    events.PARTIAL_UPDATE: ("JSON logged in parts", "SET PERSIST binlog_row_value_options = ''"),
}


def unreadable(kind: int) -> StranglerError:
    """An event of this kind, none of those that are read or mean nothing."""
    if kind == events.INCIDENT:
        return SourceLost("the server says that changes are missing in its binlog (LOST_EVENTS)")
    if kind in events.LOAD_BLOCK:
        do = "SET GLOBAL binlog_format = 'ROW'"
        return SourceLost("the binlog has a LOAD DATA as a statement, without its rows", do=do)
    if kind in _UNREADABLE:
        what, do = _UNREADABLE[kind]
        return SourceError(f"the binlog has {what}, which aren't read here", do=f"{do}; {_RESET}")
    return SourceError(f"the binlog has an event of a kind that is unknown here: {kind}")


def stranger(begun: events.Begun, mariadb: bool) -> SourceError:
    """A transaction of another series of numbers: positions sort only within one."""
    whose = f"replication domain {begun.domain}" if mariadb else f"server {begun.origin}"
    return SourceError(
        f"the binlog has transactions of {whose}, which have numbers of their own",
        why="the order in which they were committed can't be told from their GTIDs",
        do="let all writers use one domain (gtid_domain_id)"
        if mariadb
        else "read the server that they come from",
    )


def unordered(sequence: int, last: int) -> SourceError:
    return SourceError(
        f"the binlog has transaction {sequence} behind {last}",
        why="its GTIDs don't grow: somebody set them by hand, or two servers wrote at once",
        do="see who sets GTIDs; on a MariaDB SET GLOBAL gtid_strict_mode = ON",
    )


def another_binlog(why: str) -> SourceLost:
    return SourceLost("changes may be missing since the last position that is remembered", why=why)


def nameless(table: str) -> SourceError:
    return SourceError(
        f"the binlog doesn't name the columns of table {table}",
        why="when this was written, binlog_row_metadata wasn't FULL",
        do=f"SET GLOBAL binlog_row_metadata = 'FULL', {_RESET}",
    )


def missing_columns(table: str, columns: Iterable[str]) -> SourceError:
    return SourceError(
        f"table {table} has no column {', '.join(sorted(columns))} in a change of the stream",
        why="the ERP's schema isn't, or at that time wasn't yet, as the mapping has it",
        do="bring the mapping in line with the table",
    )


def partial_image() -> SourceError:
    return SourceError(
        "the binlog has rows with a part of their columns only",
        why="a session or the server has set binlog_row_image to MINIMAL or NOBLOB",
        do=f"SET GLOBAL binlog_row_image = 'FULL', and keep sessions from setting it; {_RESET}",
    )


def undone_in_part() -> SourceError:
    """Only what isn't transactional is logged with its undoing, and what stands with it can't be told apart."""
    return SourceError(
        "the binlog has a transaction on captured tables that was undone in part",
        why="it wrote tables with and without transactions",
        do=f"let all of its tables be InnoDB; {_RESET}",
    )


def undecided(sequence: int) -> SourceError:
    return SourceError(
        f"transaction {sequence} is a prepared XA transaction on captured tables",
        why="whether it is committed or undone is said elsewhere in the binlog, which isn't read so",
        do=f"let who writes them commit in one phase; {_RESET}",
    )


def unseen(table: str, effect: Effect) -> SourceLost:
    return SourceLost(f"changes of table {table} are missing in the binlog", why=_UNSEEN[effect])


_UNSEEN: Final = {
    Effect.WRITTEN: "a session logged its statement instead of the rows (binlog_format)",
    Effect.REPLACED: "it was renamed, or rows were moved in or out with a partition, without being logged under its name",
}
