"""Limits: sizes and times that both drivers keep, each with its reason."""

from __future__ import annotations

from typing import Final

LARGEST_EVENT: Final = 16 * 1024 * 1024
"""Bytes of the largest record that a topic of ours takes, where it isn't set otherwise. Kafka's own limit is 1 MiB: a long
text exceeds it."""

LARGEST_REQUEST: Final = 64 * 1024 * 1024
"""Bytes that a client sends at most in one request; below the 100 MB that a broker takes (`socket.request.max.bytes`)."""

OVERHEAD: Final = 1024
"""Bytes that the headers of a record, and those of its batch, may take."""

WINDOW: Final = 16 * 1024 * 1024
"""Bytes of an append that are under way at once: more are sent when these are with the broker."""

AHEAD: Final = 8 * 1024 * 1024
"""Bytes of one partition that are read ahead of being asked for."""

READ: Final = 16 * 1024 * 1024
"""Bytes after which a read gives what it has, however few records these are."""

FETCH_WAIT: Final = 0.02
"""Seconds that a broker holds an empty fetch back. Short: a partition that is asked for anew waits until the one before is answered."""

TRANSACTION_WITHIN: Final = 60.0
"""Seconds after which the broker gives up a transaction whose writer is silent; until then readers wait before it, and
so does nobody else: a writer that is started again ends it at once."""

SILENCE: Final = 6.0
"""Seconds without a heartbeat after which a worker counts as gone and others take over its partitions."""

HEARTBEAT_EVERY: Final = 1.5
"""Seconds between two heartbeats: several are lost before a worker counts as gone."""

DIVIDE_WITHIN: Final = 30.0
"""Seconds that a worker may be busy with one batch before others take over its partitions."""

CLOSE_WITHIN: Final = 1.0
"""Seconds for a farewell; a broker that doesn't answer isn't waited for."""
