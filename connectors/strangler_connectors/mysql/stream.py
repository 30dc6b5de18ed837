"""The stream: takes events from a dump, gives transactions, and says at the end of the binlog that nothing came.

Nothing is confirmed to the server: it keeps its binlog for a time of its own (`binlog_expire_logs_seconds`), whoever
reads it. So what was acknowledged can still be read again.
"""

from __future__ import annotations

import time
from typing import Final

from strangler.changes import Position, Transaction
from strangler.errors import SourceLost, Unavailable
from strangler_connectors.mysql import events
from strangler_connectors.mysql.decoder import Decoder
from strangler_connectors.mysql.dump import Dump
from strangler_connectors.mysql.positions import next_heartbeat

QUIET: Final = 1.0
"""Seconds after which it is said how far the reading is, though no captured table was changed on the way."""

SILENCE: Final = 30.0
"""Seconds without a sign of the server, which gives one twice a second, after which the connection counts as lost."""

_BURST: Final = 256
"""Events between two looks at the clock."""

_PATIENCE: Final = 120.0
"""Seconds that the server may take to find the place in its binlog."""


class MySQLStream:
    """See `ChangeStream`. `after` is where the consumer stands; the decoder knows the same."""

    def __init__(self, name: str, dump: Dump, decoder: Decoder, after: Position, heartbeat: float) -> None:
        self._name, self._dump, self._decoder = name, dump, decoder
        self._last, self._heartbeat = after, heartbeat
        self._given = self._heard = time.monotonic()
        self._closed = False

    def reach(self) -> None:
        """Wait until the server has found the place: the first transaction is there, and it is the expected one.

        Raises SourceLost when it isn't, or when the binlog no longer has it.
        """
        beat = b""
        while True:
            event = self._dump.take(_PATIENCE)
            if event is None:
                raise Unavailable(f"source {self._name}: the server doesn't find the place in its binlog")
            self._decoder.feed(event)
            if event[4] in (events.GTID, events.MARIADB_GTID):
                break
            if event[4] in (events.HEARTBEAT, events.HEARTBEAT_2):
                if not self._decoder.expecting:
                    break
                # A MySQL beats once for what it passes over; at the end of its binlog it says the same again and again.
                if event == beat:
                    what = "the binlog ends before the last position that is remembered"
                    raise SourceLost(f"source {self._name}: {what}")
                beat = event
        self._given = self._heard = time.monotonic()

    def read(self, wait: float) -> Transaction | None:
        deadline = time.monotonic() + wait
        patience, before = 0.0, self._decoder.seen
        while True:
            fed = self._feed(patience)
            transaction = self._take_ready()
            if transaction is not None:
                return transaction
            now = time.monotonic()
            late = now >= deadline
            transaction = self._unsaid(now, fed, late and self._decoder.seen > before)
            if transaction is not None or (late and not fed):
                return transaction
            patience = max(0.0, min(deadline - now, QUIET, self._heartbeat))

    def acknowledge(self, position: Position) -> None:
        """Nothing to do; see above."""

    def behind(self) -> int | None:
        """None: the server doesn't say."""
        return None

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._dump.close()

    def __enter__(self) -> MySQLStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _feed(self, patience: float) -> bool:
        """Give the decoder what has come, until a transaction is ready; False when nothing came."""
        take, feed, ready = self._dump.take, self._decoder.feed, self._decoder.ready
        for fed in range(_BURST):
            event = None if ready else take(0.0 if fed else patience)
            if event is None:
                return fed > 0
            feed(event)
            self._heard = time.monotonic()
        return True

    def _take_ready(self) -> Transaction | None:
        ready = self._decoder.ready
        while ready:
            transaction = ready.popleft()
            if transaction.position > self._last:
                self._last, self._given = transaction.position, time.monotonic()
                return transaction
        return None

    def _unsaid(self, now: float, fed: bool, moved: bool) -> Transaction | None:
        """A heartbeat, when one is due: for what was read of other tables (`moved`: the time is up and there is more of it), or
        because nothing came for long."""
        seen, silent = self._decoder.seen, now - self._given
        if seen > self._last and (silent >= min(QUIET, self._heartbeat) or moved):
            return self._beat(seen, self._decoder.second)
        if not fed and now - self._heard > SILENCE:
            raise Unavailable(f"source {self._name}: the server has said nothing for {SILENCE:.0f} s")
        if silent >= self._heartbeat and self._last == seen:
            return self._beat(next_heartbeat(self._last), time.time())
        return None

    def _beat(self, position: Position, at: float) -> Transaction:
        self._last, self._given = position, time.monotonic()
        return Transaction(position, "", at, ())
