"""The stream: reads a replication connection, keeps it alive, and confirms only what was acknowledged.

Two things would end the connection or fill the server's disk: silence, and confirmations that don't come. A reader
that is busy for minutes calls neither `read` nor anything else, so a thread beside it reports for it once a second.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from struct import Struct
from typing import Any, Final

import psycopg
from psycopg import pq

from strangler.changes import Position, Transaction
from strangler.errors import SourceLost, StranglerError, Unavailable
from strangler_connectors.postgres.connection import translated
from strangler_connectors.postgres.decoder import EPOCH, Decoder
from strangler_connectors.postgres.positions import confirmed, position
from strangler_connectors.postgres.rows import PADDING

REPORT_INTERVAL: Final = 1.0
"""Seconds between two reports to the server, and least between two heartbeats that only a keepalive stands for."""

_DATA: Final = ord("w")
_KEEPALIVE: Final = Struct(">xqqB")
_REPORT: Final = Struct(">cqqqqB")


class PostgresStream:
    """See `ChangeStream`. `look` sees whether the capture is still whole, every `heartbeat` seconds; after as long a silence it is
    asked to make the server write a heartbeat, too."""

    def __init__(
        self,
        name: str,
        connection: psycopg.Connection[Any],
        decoder: Decoder,
        after: Position,
        heartbeat: float,
        look: Callable[[bool], None],
    ) -> None:
        self._name, self._connection, self._decoder = name, connection, decoder
        self._heartbeat, self._look = heartbeat, look
        self._last, self._acknowledged = after, after
        self._arrived = self._confirmed = 0
        self._quiet: Transaction | None = None
        self._quiet_due = self._heard = self._looked = self._beaten = self._reported = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection.pgconn.socket, selectors.EVENT_READ)
        self._using = threading.Lock()
        self._closed = threading.Event()
        self._reporter = threading.Thread(target=self._report_always, name=f"report {name}", daemon=True)
        self._reporter.start()

    def read(self, wait: float) -> Transaction | None:
        deadline = time.monotonic() + wait
        with self._using, translated(self._name, "reading the replication stream"):
            while True:
                self._look_when_due(time.monotonic())
                transaction = self._receive()
                if transaction is not None:
                    self._last = transaction.position
                    self._heard = time.monotonic()
                    return transaction
                now = time.monotonic()
                if now >= deadline:
                    return None
                self._report_when_due(now)
                self._selector.select(min(deadline - now, REPORT_INTERVAL, self._heartbeat))

    def acknowledge(self, position: Position) -> None:
        # Invariant 1: nothing else ever moves what is confirmed to the server.
        self._acknowledged = max(self._acknowledged, position)

    def behind(self) -> int | None:
        """None: the server tells how many bytes wait, and only when asked."""
        return None

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._reporter.join()
        with suppress(psycopg.Error):  # When the server is gone, what wasn't confirmed is read again.
            self._report()
        self._selector.close()
        self._connection.close()

    def __enter__(self) -> PostgresStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _receive(self) -> Transaction | None:
        """The next transaction of what has arrived; a heartbeat only when nothing else has."""
        pgconn = self._connection.pgconn
        get, feed, join, last = pgconn.get_copy_data, self._decoder.feed, b"".join, self._last
        fresh = False
        while True:
            size, view = get(1)
            if size > 0:
                fresh = False
                message = join((view, PADDING))
                if message[0] != _DATA:
                    self._keepalive(message)
                    continue
                transaction = feed(message)
                if transaction is not None and transaction.position > last:
                    if (
                        transaction.changes and transaction.changes[0].position <= last
                    ):  # Begun before, in an earlier part.
                        rest = [change for change in transaction.changes if change.position > last]
                        transaction = transaction._replace(changes=rest)
                    if transaction.changes or transaction.altered or self._quiet_for_long():
                        self._quiet = None
                        return transaction
                    self._quiet, self._quiet_due = transaction, 0.0
            elif size < 0:
                raise self._ended()
            elif fresh:
                return self._take_quiet()
            else:
                pgconn.consume_input()
                fresh = True

    def _keepalive(self, message: bytes) -> None:
        """The server has sent all that committed before `end`, unless it is in the middle of a transaction."""
        end, clock, wants_reply = _KEEPALIVE.unpack_from(message)
        self._arrived = max(self._arrived, end)
        if wants_reply:
            self._report()
        here = position(end, 0)
        if self._decoder.inside or here <= (self._quiet.position if self._quiet else self._last):
            return
        if self._quiet is None:
            self._quiet_due = self._heard + REPORT_INTERVAL
        self._quiet = Transaction(here, "", clock / 1e6 + EPOCH, ())

    def _look_when_due(self, now: float) -> None:
        silent = now - max(self._heard, self._beaten) >= self._heartbeat
        if silent:
            self._beaten = now
        if silent or now - self._looked >= self._heartbeat:
            self._looked = now
            try:
                self._look(silent)
            except Unavailable:
                if silent:
                    raise
                # A server without a connection to spare: this stream has one, and what it brings is worth more than the look.

    def _quiet_for_long(self) -> bool:
        return time.monotonic() - self._heard > REPORT_INTERVAL

    def _take_quiet(self) -> Transaction | None:
        if self._quiet is None or time.monotonic() < self._quiet_due:
            return None
        taken, self._quiet = self._quiet, None
        return taken

    def _report_always(self) -> None:
        while not self._closed.wait(REPORT_INTERVAL):
            # While `read` runs it reports by itself.
            if self._using.acquire(blocking=False):
                try:
                    self._report()
                except psycopg.Error:
                    return  # The next `read` meets the same and says so.
                finally:
                    self._using.release()

    def _report_when_due(self, now: float) -> None:
        if now - self._reported >= REPORT_INTERVAL:
            self._report()

    def _report(self) -> None:
        self._reported = time.monotonic()
        # A server that shuts down waits for its streams: for what is confirmed, or where nothing is said of that, for
        # what has arrived. So a confirmation is said once; a slow reader doesn't keep the ERP's server from stopping.
        here = confirmed(self._acknowledged)
        flush = here if here > self._confirmed else 0
        self._confirmed = max(self._confirmed, here)
        micros = int((time.time() - EPOCH) * 1e6)
        pgconn = self._connection.pgconn
        pgconn.put_copy_data(_REPORT.pack(b"r", max(self._arrived, here), flush, flush, micros, 0))
        pgconn.flush()

    def _ended(self) -> StranglerError:
        result = self._connection.pgconn.get_result()
        state = result.error_field(pq.DiagnosticField.SQLSTATE) if result else None
        said = result.error_message.decode(errors="replace").strip() if result else ""
        if state == b"42704":
            return SourceLost(f"source {self._name}: its publication is no longer there", why=said)
        return Unavailable(f"source {self._name}: the server ended the stream", why=said)
