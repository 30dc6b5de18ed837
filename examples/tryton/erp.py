"""The legacy ERP of the example: a real Tryton on a real PostgreSQL, filled through Tryton's own API.

with postgres.server() as database, erp.tryton(database, folder) as tryton:
    erp.seed(tryton, 2_000)
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from examples.tryton import processes
from examples.tryton.rpc import Session
from strangler.errors import Unavailable
from strangler.testing.postgres import Server

DATABASE: Final = "tryton"
USER: Final = "admin"
MODULES: Final = ("ir", "res", "party", "company", "currency", "country", "product")
BULK: Final = 500
"""Parties in one call: Tryton creates some 150 a second, however many there are in a call."""


@dataclass(frozen=True)
class Tryton:
    """A running server. `url` is that of the database (`…/rpc/` follows), `database_url` where its tables are."""

    base_url: str
    database_url: str
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"{self.base_url}/{DATABASE}"

    def session(self) -> Session:
        """A new session of the administrator."""
        session = Session(self.url)
        session.login(self.user, self.password)
        return session


@contextlib.contextmanager
def tryton(server: Server, folder: Path, modules: Sequence[str] = MODULES) -> Iterator[Tryton]:
    """Create the database `tryton` on `server` with its modules (about 25 s; with `sale` 90 s), and run the server until the end.

    `folder` takes the configuration and the logs. Raises Unavailable with the end of the log of what failed.
    """
    password = secrets.token_urlsafe(12)
    server.create_database(DATABASE)
    install(server, folder, password, modules)
    with served(server, folder, password) as running:
        yield running


def install(server: Server, folder: Path, password: str, modules: Sequence[str]) -> None:
    """Fill the database `tryton`, which is there and empty. `password` is that of the administrator."""
    _set_up(folder, _configure(folder, server, processes.free_port()), password, modules)


@contextlib.contextmanager
def served(server: Server, folder: Path, password: str, more: str = "") -> Iterator[Tryton]:
    """Run Tryton on the database `tryton`, which was installed before with this password. `more` is what its configuration has besides."""
    port = processes.free_port()
    configuration = _configure(folder, server, port, more)
    command = [*_program("trytond"), "-c", str(configuration), "-d", DATABASE]
    log = folder / "trytond.log"
    with processes.running("Tryton", command, log=log, ready=lambda: processes.listens(port), within=180):
        yield Tryton(f"http://127.0.0.1:{port}", server.url(DATABASE), USER, password)


def seed(running: Tryton, count: int) -> list[int]:
    """Create `count` parties with their addresses; returns their ids in order. Some have no name, every 17th is inactive."""
    session = running.session()
    ids: list[int] = []
    for start in range(0, count, BULK):
        batch = [party(number) for number in range(start, min(start + BULK, count))]
        ids += session.model("party.party.create", batch)
    # Tryton doesn't let anybody write the name of an inactive party, not even at its creation.
    session.model("party.party.write", ids[16::17], {"active": False})
    session.close()
    return ids


NAMES: Final = (
    "Łódź Tkaniny", "O'Neil & Sons", "Nippon 日本", "Müller GmbH", "Ångström AB", "Ñandú S.A.", "Zażółć gęślą jaźń",
    "Ελλάδα ΑΕ", "Ромашка ООО", "مكتبة النور", "Bäckerei \"Zum Löwen\"", "Smith, Jones; Partners", "100% Coffee ☕",
    "Rocket 🚀 Labs", "C:\\Temp\\Trading", "Two  Blanks Ltd", "Straße & Söhne", "Ĳsselmeer B.V.", "Plain Trading",
    "İstanbul Ticaret",
)  # fmt: skip

STREETS: Final = (
    "1 High Street", "ul. Piotrkowska 12\nm. 4\nklatka B", "Straße des 17. Juni 135\nHinterhaus", "東京都千代田区1-1",
    "P.O. Box 99\n\nAttn: Accounts", "O'Connell St. 5",
)  # fmt: skip


def party(number: int) -> dict[str, Any]:
    """What the party with this number is created from: the same number gives the same party.

    Every 29th has no name (NULL), every 97th an empty one.
    """
    name: str | None = f"{NAMES[number % len(NAMES)]} {number}"
    if number % 29 == 28:
        name = None
    elif number % 97 == 96:
        name = ""
    address = {
        "street_unstructured": STREETS[number % len(STREETS)],
        "city": "Łódź" if number % 2 else "Dún Laoghaire",
    }
    return {"name": name, "addresses": [["create", [address]]]}


def _configure(folder: Path, server: Server, port: int, more: str = "") -> Path:
    configuration = folder / "trytond.conf"
    configuration.touch(mode=0o600)
    uri = server.url("").rstrip("/")
    configuration.write_text(f"[database]\nuri = {uri}\n\n[web]\nlisten = 127.0.0.1:{port}\n{more}")
    return configuration


def _set_up(folder: Path, configuration: Path, password: str, modules: Sequence[str]) -> None:
    passfile = folder / "trytond.pass"
    passfile.touch(mode=0o600)
    passfile.write_text(password)
    command = [
        *_program("trytond-admin"), "-c", str(configuration), "-d", DATABASE, "--email", "admin@example.org",
        "-u", *modules, "--activate-dependencies",
    ]  # fmt: skip
    log = folder / "trytond-admin.log"
    with log.open("wb") as output:
        result = subprocess.run(
            command, env={"TRYTONPASSFILE": str(passfile)}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    passfile.unlink()
    if result.returncode:
        raise Unavailable("Tryton's database can't be set up", why=processes.tail(log), do=f"see {log}")


def _program(name: str) -> list[str]:
    """A console script of the environment that runs us, whatever the PATH is."""
    return [sys.executable, str(Path(sys.executable).with_name(name))]
