"""The dump: a connection over which the server sends its binlog, as to a replica.

The driver connects and logs in; what comes after that is read from its socket here, in large pieces, because
the driver has no way to ask whether something has come already. The connection holds a named lock of the server for as
long as it lives, so that only one stream reads for a source at a time, however the process ends.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from struct import Struct
from typing import Any, Final, NoReturn

import pymysql
from pymysql.connections import Connection
from pymysql.constants.COMMAND import COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID
from pymysql.err import raise_mysql_exception

from strangler.errors import Unavailable
from strangler_connectors.mysql.connection import Address, ask, open_connection, translated
from strangler_connectors.mysql.gtids import GtidSet, encode_set

HEARTBEAT: Final = 0.5
"""Seconds of an idle binlog after which the server says that it is still there: then all that was logged has come. It also
bounds how long the server takes to notice that a reader has died."""

_RELEASE: Final = 2
"""Seconds to wait for the lock: a stream that was just closed, or died, gives it back within a heartbeat."""

_RECEIVE: Final = 1 << 18
_FIRST_EVENT: Final = 4
_THROUGH_GTID: Final = 0x04
_PACKET: Final = Struct("<I")
_LARGEST: Final = 0xFFFFFF
_OK, _ERROR = 0x00, 0xFF
_HEAD: Final = 4
_DUMP: Final = Struct("<BIHI")
_DUMP_GTID: Final = Struct("<BHIIQI")


class Dump:
    """An open dump. `take` gives the events; `close` ends it at the server, too."""

    def __init__(self, address: Address, name: str, server_id: int, lock: str = "") -> None:
        """Connect as the replica `server_id`, holding `lock` (none if empty). Raises Unavailable when somebody else holds it."""
        self._address, self._name, self._server_id = address, name, server_id
        self._connection: Connection[Any] = open_connection(address, name)
        self._data, self._offset, self._needed = b"", 0, _HEAD
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._split: list[bytes] = []
        try:
            with translated(name, "opening the binlog"):
                self._introduce()
                if lock and ask(self._connection, "SELECT GET_LOCK(%s, %s)", (lock, _RELEASE))[0][0] != "1":
                    raise Unavailable(
                        f"source {name}: another stream is reading it",
                        why=f"the lock {lock} is held by connection {self._holder(lock)}",
                        do="only one stream may read a source: end the other one",
                    )
        except BaseException:
            self._connection.close()
            raise

    def begin_after(self, gtids: str) -> None:
        """Ask a MariaDB for everything behind a list of GTIDs; the empty one stands before everything."""
        with translated(self._name, "opening the binlog"):
            ask(self._connection, "SET @slave_connect_state = %s", (gtids,))
            ask(self._connection, "SET @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0")
            self._send(_DUMP.pack(COM_BINLOG_DUMP, _FIRST_EVENT, 0, self._server_id))

    def begin_without(self, executed: GtidSet) -> None:
        """Ask a MySQL for everything that isn't in the set."""
        known = encode_set(executed)
        head = _DUMP_GTID.pack(
            COM_BINLOG_DUMP_GTID, _THROUGH_GTID, self._server_id, 0, _FIRST_EVENT, len(known)
        )
        with translated(self._name, "opening the binlog"):
            self._send(head + known)

    def take(self, wait: float) -> bytes | None:
        """The next event, without the byte that says that it is one; None when none came for `wait` seconds.

        Raises Unavailable when the connection is lost, and SourceLost when the server no longer has what was asked for.
        """
        while True:
            event = self._buffered()
            if event is not None:
                return event
            if not self._receive(wait):
                return None

    def close(self) -> None:
        """End the dump. The server would notice by itself at its next heartbeat; told so, it frees the lock at once."""
        thread = self._connection.thread_id()
        with suppress(pymysql.Error, OSError):
            self._connection._force_close()
        with suppress(Exception):
            killer = open_connection(self._address, self._name)
            try:
                ask(killer, f"KILL CONNECTION {int(thread)}")
            finally:
                killer.close()

    def _introduce(self) -> None:
        """What a replica says of itself before it asks: MySQL and MariaDB listen to different names of the same thing."""
        nanoseconds = int(HEARTBEAT * 1e9)
        for statement in (
            "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum",
            f"SET @master_heartbeat_period = {nanoseconds}, @source_heartbeat_period = {nanoseconds}",
            # 4: understands GTIDs; otherwise a MariaDB takes them out.
            "SET @mariadb_slave_capability = 4",
        ):
            ask(self._connection, statement)

    def _holder(self, lock: str) -> str:
        return ask(self._connection, "SELECT IS_USED_LOCK(%s)", (lock,))[0][0] or "nobody any more"

    def _send(self, command: bytes) -> None:
        self._connection._write_bytes(_PACKET.pack(len(command)) + command)
        self._socket: socket.socket = self._connection._sock

    def _buffered(self) -> bytes | None:
        """The next event of what has been received; None when it isn't there whole yet."""
        data, offset = self._data, self._offset
        while len(data) >= offset + _HEAD:
            size = data[offset] | data[offset + 1] << 8 | data[offset + 2] << 16
            start, end = offset + _HEAD, offset + _HEAD + size
            if len(data) < end:
                self._needed = end - offset
                return None
            self._offset = offset = end
            if size < _LARGEST and not self._split:
                return data[start + 1 : end] if data[start] == _OK else self._ended(data[start:end])
            # An event of 16 MB and more comes in several packets, of which the last is shorter.
            self._split.append(data[start:end])
            if size < _LARGEST:
                event, self._split = b"".join(self._split), []
                return event[1:]
        self._needed = _HEAD
        return None

    def _receive(self, wait: float) -> bool:
        """Read what has come, waiting for it up to `wait` seconds; False when nothing has."""
        try:
            self._socket.settimeout(max(wait, 0.0))
            received = self._socket.recv(_RECEIVE)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise Unavailable(
                f"source {self._name}: the connection to the server is lost", why=str(error)
            ) from error
        if not received:
            raise Unavailable(
                f"source {self._name}: the server ended the stream", do="this is tried again by itself"
            )
        self._pieces.append(received)
        self._waiting += len(received)
        rest = len(self._data) - self._offset
        if rest + self._waiting >= self._needed:
            self._data = b"".join((self._data[self._offset :], *self._pieces))
            self._offset = self._waiting = 0
            self._pieces.clear()
        return True

    def _ended(self, packet: bytes) -> NoReturn:
        """What isn't an event: an error, or the end of a dump that waits for nothing."""
        if packet[0] != _ERROR:
            raise Unavailable(
                f"source {self._name}: the server ended the stream", do="this is tried again by itself"
            )
        with translated(self._name, "reading the binlog"):
            raise_mysql_exception(packet)
        raise AssertionError("an error packet raises")
