"""The Java archives of Kafka, Kafka Connect and its connectors: what deploy/kafka/pom.xml names, fetched once by Maven.

They are kept outside of the checkout, in a folder named after the pom's content: fresh clones and processes that
run at the same time share it, and a changed pom gets one of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strangler.errors import StranglerError, Unavailable

DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "kafka"
POM: Final = DEPLOY / "pom.xml"


@dataclass(frozen=True, slots=True)
class Jars:
    """Where they are: `server` for the classpath of Kafka and Kafka Connect, `plugins` with a folder per connector."""

    server: Path
    plugins: Path


def resolve() -> Jars:
    """Fetch the archives unless they are there already; at most one process does, the others wait for it.

    Takes about a minute the first time. Raises StranglerError where the checkout or Maven is missing, Unavailable
    with Maven's words where it fails.
    """
    if not POM.exists():
        raise StranglerError(
            "a private Kafka needs a checkout of Strangler",
            why=f"{POM} isn't there: it is not part of the installed package",
            do="run from a checkout, or name a standing broker in STRANGLER_TEST_KAFKA",
        )
    home = fetched(POM)
    return Jars(home / "server", home / "plugins")


def fetched(pom: Path) -> Path:
    """The folder with what `pom` puts into `${to}` in the phase process-resources. Fetched and raised as by `resolve`."""
    home = _cache() / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with locked(home.with_suffix(".lock")):
            if not home.exists():
                _fetch(pom, home)
    return home


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that all processes of this machine see. It goes with its holder, however that ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(pom: Path, home: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise StranglerError(
            "there is no Maven here", why="it fetches what runs on Java", do="apt-get install maven"
        )
    # Beside its place, then moved: a folder with that name is complete.
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="fetching-") as folder:
        result = subprocess.run(
            [maven, "--quiet", "--batch-mode", f"--file={pom}", "process-resources", f"-Dto={folder}/jars"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if result.returncode:
            raise Unavailable(f"Maven can't fetch what {pom} names", why=result.stdout.strip()[-3000:])
        Path(folder, "jars").rename(home)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strangler" / "kafka"
