"""The options of a debezium source: `options:` in its section of the configuration, with every default filled in."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from strangler.settings import Source


class Options(BaseModel):
    """What a debezium source was told. `read` makes one; nothing here is None that has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """The name of the source, as its opener was given it."""
    url: SecretStr
    """SQLAlchemy URL of the legacy database."""
    kafka: str
    """Bootstrap servers, `host:port,host:port`."""
    connect: str | None = None
    """Kafka Connect's REST URL; None: the connector is somebody else's, and is only read."""
    connector: str
    """The connector's name; default `strangler_<source>`."""
    topic_prefix: str
    """Debezium's `topic.prefix`; default the connector's name."""
    group: str
    """The consumer group; default the connector's name."""
    connect_to: str
    """`host:port` of the legacy database as Connect sees it; default that of the url."""
    client: dict[str, Any] = {}
    """Security settings of the Kafka client, by kafka-python's names."""
    config: dict[str, str] = {}
    """Debezium properties that go before what is rendered."""
    keys: dict[str, tuple[str, ...]] = {}
    """Table → the columns that identify its rows, for tables without a primary key."""

    @property
    def topic(self) -> str:
        """The one topic of a connector that we register: rows, transaction marks and heartbeats, in order."""
        return f"{self.topic_prefix}.changes"

    @property
    def slot(self) -> str:
        """The name of PostgreSQL's slot and publication."""
        raise NotImplementedError


def read(name: str, settings: Source) -> Options:
    """The options of the source called `name`. Raises SourceError that names an unknown option and the nearest known."""
    raise NotImplementedError
