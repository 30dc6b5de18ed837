"""Where a database is and who asks, read from its SQLAlchemy URL. Connects nowhere and needs no driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.engine import make_url

from strangler import urls
from strangler.errors import SourceError

PORTS: Final = {
    "postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521, "db2": 50000,
}  # fmt: skip
"""Where a database listens when the URL doesn't say."""

_KINDS: Final = {"ibm_db_sa": "db2"}
"""URL schemes that are called otherwise than what they lead to."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in its parts. `kind` as in `Database.kind`; `database` is Oracle's service where the URL names one."""

    kind: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(name: str, url: str) -> Address:
    """The parts of `url`. `name` is that of the source, for the SourceError that is raised where it is no URL."""
    kind = urls.kind(url)
    try:
        parsed = make_url(url)
        port = parsed.port or PORTS.get(_KINDS.get(kind, kind), 0)
    except Exception:  # noqa: BLE001  # SQLAlchemy's parser fails in several ways; its text may quote the password.
        raise SourceError(
            f"source {name}: the url isn't a database URL: {urls.display(url)}",
            do="write dialect://user:password@host:port/database, special characters in it percent-encoded",
        ) from None
    return Address(
        kind=_KINDS.get(kind, kind),
        host=parsed.host or "localhost",
        port=port,
        user=parsed.username or "",
        password=str(parsed.password or ""),
        database=str(parsed.query.get("service_name") or parsed.database or ""),
    )
