"""Beats: every write of ours to the heartbeat table raises its number by one, so a number left out is a change that was lost.

That is how a log reader shows itself that went on somewhere else than it had stopped: Debezium on a slot or a binlog that
was made anew under the old name.
"""

from __future__ import annotations

from typing import Any

from strangler_connectors.debezium import client
from strangler_connectors.debezium.envelope import Message, RowMessage, Snapshot
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.watermark import HEARTBEAT


class Beats:
    """Counts along. `last` is the number that was seen last, -1 before the first."""

    def __init__(self, options: Options, last: int) -> None:
        self._options = options
        self.last = last

    def see(self, message: Message) -> None:
        """Look at a message; raises SourceLost where a number was left out. What comes twice doesn't matter."""
        row = heartbeat_row(message)
        if row is None or row.get("source") != self._options.source:
            return
        beat = int(row["beat"])
        if beat > self.last + 1 and self.last >= 0:
            why = f"of its heartbeats number {self.last + 1} to {beat - 1} never came"
            raise client.lost(self._options, f"{why}: Debezium went on behind where it had stopped")
        self.last = max(self.last, beat)


def heartbeat_row(message: Message) -> dict[str, Any] | None:
    """The new row of the heartbeat table, names in lower case; None for any other message."""
    if not isinstance(message, RowMessage) or message.after is None or message.snapshot is not Snapshot.NONE:
        return None
    if message.origin.name[1].lower() != HEARTBEAT:
        return None
    return {name.lower(): value for name, value in message.after.items()}
