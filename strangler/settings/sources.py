"""Databases, sources and the event log: where data comes from and where it goes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

from strangler.settings.section import Duration, Section


class Database(Section):
    """A database, by SQLAlchemy URL. The URL is a secret: it may carry a password and is never printed whole."""

    url: SecretStr = Field(
        description="SQLAlchemy URL, e.g. postgresql://user:${PASSWORD}@host/db or sqlite:///file.db."
    )


class Log(Section):
    """The event log."""

    kind: str = Field("sql", description="Kind of log: an entry point of `strangler.logs`.")
    url: SecretStr | None = Field(
        None,
        description="Where it is; by default SQLite in the data directory. Of kind kafka: kafka://host:9092,host:9092.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this kind of log knows; see its page."
    )


class Source(Section):
    """A legacy database that is read by change data capture."""

    kind: str = Field(
        description="Kind of connector: an entry point of `strangler.connectors` (postgres, mysql, debezium, polling, sqlite)."
    )
    url: SecretStr = Field(description="How to reach the legacy database.")
    admin: SecretStr | None = Field(
        None,
        description="How to reach it with a user that may do what a switch of owners asks of it: create triggers, revoke and grant "
        "privileges, set sequences (`fence`, `numbers`, `retire` of functions). By default `url`.",
    )
    replica: SecretStr | None = Field(
        None,
        description="A replica of it, one server, that backfill and reconciliation read in its place; they wait until it has what they "
        "are to see. Only of kinds postgres and mysql.",
    )
    heartbeat: Duration = Field(
        timedelta(seconds=10),
        description="Longest silence of an idle source before a heartbeat is made, so that lag means something.",
    )
    on_schema_change: Literal["stop", "continue"] = Field(
        "stop",
        description="What to do when a captured table is altered in mid-stream: `stop` until somebody has looked, or `continue` "
        "where no mapping is touched.",
    )
    outage: Duration = Field(
        timedelta(days=1),
        description="Longest outage that capture is to survive; `strangler doctor` says whether the source keeps its log that long.",
    )
    mirror: Path | None = Field(
        None,
        description="File of the mirror, which holds what entities over several tables are made of; by default in the data directory. "
        "Only where an entity has `join` or `children`.",
    )
    state: Path | None = Field(
        None,
        description="File of a connector that has to remember something itself (polling); by default in the data directory.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this kind of connector knows; see its page."
    )
