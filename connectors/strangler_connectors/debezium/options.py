"""The options of a debezium source: `options:` in its section of the configuration, with every default filled in."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from strangler.errors import SourceError
from strangler.names import as_name, nearest
from strangler.settings import Source
from strangler_connectors import replicas
from strangler_connectors.databases import address

_NAME: Final = r"^[A-Za-z0-9._-]{1,200}$"
_SERVER: Final = re.compile(r"(?:[^\s,:\[\]]+|\[[^\s,\]]+\])(?::\d{1,5})?")


class Options(BaseModel):
    """What a debezium source was told. `read` makes one; nothing here is None that has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="The name of the source, as its opener was given it.")
    url: SecretStr = Field(description="SQLAlchemy URL of the legacy database.")
    outage: float = Field(
        description="Seconds that capture is to survive without a reader (`outage` of the source)."
    )
    kafka: str = Field(description="Bootstrap servers, `host:port,host:port`.", min_length=1)
    connect: str | None = Field(
        None,
        description="Kafka Connect's REST URL; without one the connector is somebody else's and is only read.",
        pattern=r"^https?://\S+$",
    )
    connector: str = Field(description="The connector's name; default `strangler_<source>`.", pattern=_NAME)
    topic_prefix: str = Field(
        description="Debezium's `topic.prefix`; default the connector's name.", pattern=_NAME
    )
    group: str = Field(description="The consumer group; default the connector's name.", min_length=1)
    connect_to: str = Field(
        description="`host:port` of the legacy database as Connect sees it; default that of the url.",
        pattern=r"^\S+:\d+$",
    )
    client: dict[str, Any] = Field(
        default_factory=dict, description="Security settings of the Kafka client, by kafka-python's names."
    )
    config: dict[str, str] = Field(
        default_factory=dict, description="Debezium properties that go before what is rendered."
    )
    keys: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Table → the columns that identify its rows, for tables without a primary key.",
    )

    @field_validator("kafka")
    @classmethod
    def _names_servers(cls, value: str) -> str:
        if not all(_SERVER.fullmatch(server.strip()) for server in value.split(",") if server.strip()):
            raise ValueError("it isn't a list of servers as host:port,host:port")
        return value

    @field_validator("config", mode="before")
    @classmethod
    def _as_properties(cls, value: Any) -> Any:
        """YAML has numbers and booleans where Java's properties have text. Nothing is no text, and is refused."""
        if not isinstance(value, dict):
            return value
        return {key: _as_text(each) for key, each in value.items()}

    @property
    def topic(self) -> str:
        """The one topic of a connector that we register: rows, transaction marks and heartbeats, in order."""
        return f"{self.topic_prefix}.changes"

    @property
    def slot(self) -> str:
        """The name of PostgreSQL's slot and publication: at most 63 lower-case letters, digits and underscores."""
        given = self.config.get("slot.name")
        if given:
            return given
        name = as_name(self.connector)
        if name == self.connector:
            return name
        # Names are cut and their case is lost, so that two connectors could come to mean one slot.
        return f"{name}_{hashlib.sha256(self.connector.encode()).hexdigest()[:8]}"


CHOICES: Final = ("kafka", "connect", "connector", "topic_prefix", "group", "connect_to", "client", "config", "keys")  # fmt: skip
"""The options that a user may write."""


def read(name: str, settings: Source) -> Options:
    """The options of the source called `name`. Raises SourceError that names an unknown option and the nearest known."""
    replicas.refuse(name, settings)
    given = dict(settings.options)
    _refuse_unknown(name, given)
    if not given.get("kafka"):
        raise SourceError(
            f"source {name}: the option `kafka` is missing",
            why="changes that Debezium reads come through Kafka",
            do="write the bootstrap servers: options: {kafka: 'host:9092'}",
        )
    connector = str(given.get("connector") or f"strangler_{name}")
    defaults = {
        "connector": connector,
        "topic_prefix": connector,
        "group": connector,
        "connect_to": str(address.parse(name, settings.url.get_secret_value())),
    }
    fixed = {"source": name, "url": settings.url, "outage": settings.outage.total_seconds()}
    try:
        return Options.model_validate(defaults | {k: v for k, v in given.items() if v is not None} | fixed)
    except ValidationError as error:
        # Never the value: it may hold a password.
        wrong = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        raise SourceError(
            f"source {name}: an option can't be used",
            why="; ".join(wrong),
            do="correct it: docs/sources.md has the options, with examples",
        ) from None


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _refuse_unknown(name: str, given: dict[str, Any]) -> None:
    for option in given:
        if option not in CHOICES:
            meant = nearest(option, CHOICES)
            raise SourceError(
                f"source {name}: a debezium source has no option {option!r}",
                why=f"there are: {', '.join(CHOICES)}",
                do=f"did you mean {meant!r}?" if meant else "Debezium's own properties go into `config`",
            )
