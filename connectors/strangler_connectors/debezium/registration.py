"""Registration: what has to stand in the legacy database and in Kafka Connect for changes to come, made and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strangler_connectors.databases import Database
from strangler_connectors.debezium.options import Options


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a connector; `state` is Connect's: RUNNING, FAILED, PAUSED, UNASSIGNED, …; `trace` Java's, or empty."""

    id: int
    state: str
    worker: str
    trace: str


@dataclass(frozen=True, slots=True)
class State:
    """A connector as Connect sees it now."""

    connector: str
    state: str
    worker: str
    trace: str
    tasks: tuple[Task, ...]

    @property
    def running(self) -> bool:
        """Whether the connector and at least one task run, and none has failed."""
        return self.state == "RUNNING" and bool(self.tasks) and all(t.state == "RUNNING" for t in self.tasks)


def ensure(
    options: Options,
    database: Database,
    tables: Mapping[str, Sequence[str]],
    heartbeat: float,
    timeout: float = 60.0,
) -> str:
    """Make everything that is missing so that the changes of `tables` (with these columns) come; idempotent.

    In this order: what the database lacks is refused (SourceError, nothing was made); heartbeat and signal table;
    slot and publication; the connector, registered or brought up to date, started again if it had failed; then waits
    up to `timeout` seconds until its task runs, else raises with Debezium's reason in words. `heartbeat`: seconds
    between two of Debezium's. Without `options.connect` only the tables in the database are made.

    Returns the identity of the capture in the database (`Database.capture`), empty where it has none.
    """
    raise NotImplementedError


def remove(options: Options, database: Database) -> None:
    """Remove the connector with its offsets, slot and publication, and our tables. Idempotent."""
    raise NotImplementedError


def state(options: Options) -> State | None:
    """The connector as Connect sees it; None if none is registered, or `options.connect` isn't set.

    Raises Unavailable when Connect doesn't answer.
    """
    raise NotImplementedError


def require_running(options: Options) -> None:
    """Raise for a connector that is gone (SourceError) or has failed, with Debezium's reason in words."""
    raise NotImplementedError
