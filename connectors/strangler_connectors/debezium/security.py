"""The security settings of the Kafka client, judged before it connects.

Of a protocol that there isn't and of a file that can't be read kafka-python says no more than that no broker answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from strangler.errors import SourceError

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

_FILES: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")


def require_usable(source: str, client: Mapping[str, Any]) -> None:
    """Raise SourceError for settings with which no broker could be reached. Opens the files that are named."""
    protocol = client.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise SourceError(
            f"source {source}: options.client.security_protocol can't be {protocol!r}",
            why="Kafka has no such protocol",
            do=f"write one of {', '.join(PROTOCOLS)}",
        )
    if protocol.startswith("SASL") and not client.get("sasl_mechanism"):
        raise SourceError(
            f"source {source}: options.client.sasl_mechanism is missing",
            why=f"security_protocol is {protocol}",
            do="write the mechanism that the broker is set to, for example SCRAM-SHA-512",
        )
    for name in _FILES:
        if client.get(name) is not None:
            _require_readable(source, name, client[name])


def _require_readable(source: str, name: str, path: object) -> None:
    try:
        with open(str(path), "rb"):
            pass
    except OSError as error:
        raise SourceError(
            f"source {source}: the file of options.client.{name} can't be read",
            why=str(error),
            do="correct its path, as it is on this machine, or let this user read it",
        ) from error
