"""The scene: a Tryton with two companies, the three services, and Strangler between them and whoever calls."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import psycopg
from click.testing import CliRunner

from examples.tryton import erp, processes
from examples.tryton.cutover import founding
from examples.tryton.cutover.founding import Clerk
from examples.tryton.erp import Tryton
from examples.tryton.rpc import Session
from strangler.cli.main import root
from strangler.configuration import load
from strangler.settings import Settings
from strangler.testing.postgres import Server
from tests.chaos.victims import STRANGLER

ROOT: Final = Path(__file__).resolve().parents[3]
CONFIGURATION: Final = Path(founding.__file__).with_name("strangler.yaml")
MOVED: Final = ("party", "product", "sale")
STORES: Final = {
    "party": "party_service",
    "product": "product_service",
    "sale": "sale_service",
    "ledger": "ledger_service",
}
FOUNDED: Final = "tryton_founded"
PASSWORD: Final = "long-enough-4711"
"""Of everybody in the private Tryton, which is reached from this machine only."""

Tell = Callable[[str], Any]
"""Tells whoever watches what is done now."""


@dataclass(frozen=True)
class Scene:
    """`stores` are the URLs of the stores by what they are for."""

    home: Path
    tryton: Tryton
    stores: dict[str, str]
    services: dict[str, str]
    facade_port: int = field(default_factory=processes.free_port)
    console_port: int = field(default_factory=processes.free_port)

    @property
    def url(self) -> str:
        """The database's, behind the facade: all that a client is told."""
        return f"http://127.0.0.1:{self.facade_port}/{erp.DATABASE}"

    @property
    def clerks(self) -> list[Clerk]:
        return founding.clerks(PASSWORD)

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the configuration takes from outside."""
        return {
            "STRANGLER_CONFIG": str(CONFIGURATION),
            "CUTOVER_DATA": str(self.home / "strangler"),
            "TRYTON_DATABASE_URL": self.tryton.database_url,
            "TRYTON_URL": self.tryton.base_url,
            "FACADE_PORT": str(self.facade_port),
            "CONSOLE_PORT": str(self.console_port),
            **{f"{name.upper()}_DATABASE_URL": url for name, url in self.stores.items()},
            **{f"{name.upper()}_SERVICE_URL": url for name, url in self.services.items()},
        }

    @cached_property
    def settings(self) -> Settings:
        return load(CONFIGURATION, {**os.environ, **self.environment})

    def session(self, clerk: Clerk, url: str = "") -> Session:
        """A session of the clerk's: at Tryton itself, around the facade, unless another `url` is named."""
        session = Session(url or self.tryton.url)
        session.login(clerk.login, clerk.password)
        session.context = session.model("res.user.get_preferences", True)
        return session

    def strangler(self, *words: str, expect: int = 0) -> str:
        """What the command line says. Raises AssertionError for another exit code."""
        # In this process: what a command loads and compiles would else be most of the story's time.
        answer = CliRunner().invoke(root, words, env={**self.environment, "COLUMNS": "140"})
        said = answer.output.strip()
        assert answer.exit_code == expect, (
            f"`strangler {' '.join(words)}` ended with {answer.exit_code}:\n{said}"
        )
        return said

    def standing(self, function: str, cohort: str | None = None) -> dict[str, Any]:
        """A function, or a cohort of it, as `status` tells programs: its stage, its gates, and more."""
        which = () if cohort is None else ("--cohort", cohort)
        found = json.loads(self.strangler("status", "--json", *which))
        (one,) = (each for each in found if each["function"] == function)
        return dict(one)


@contextmanager
def scene(server: Server, home: Path, tell: Tell) -> Iterator[Scene]:
    """All of it, running. Where `server` has a Tryton that was founded before, that one is taken."""
    _founded(server, home, tell)
    tell("starting Tryton, three services, and `strangler run`")
    with ExitStack() as stack:
        server.drop_database(erp.DATABASE)
        with psycopg.connect(server.create_database(erp.DATABASE, FOUNDED)) as connection:
            connection.execute(founding.NOTICES)
        tryton = stack.enter_context(erp.served(server, home, PASSWORD, founding.SETTINGS))
        stores = {name: _fresh(server, database) for name, database in STORES.items()}
        ports = {name: processes.free_port() for name in MOVED}
        services = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        made = Scene(home, tryton, stores, services)
        for name, port in ports.items():
            stack.enter_context(_service(made, name, port))
        made.strangler("config", "check")
        stack.enter_context(_strangler(made))
        yield made


def _founded(server: Server, home: Path, tell: Tell) -> None:
    with psycopg.connect(server.url()) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (FOUNDED,)).fetchone():
            return
    tell("installing Tryton with its sales, and founding two companies: two to three minutes")
    server.drop_database(erp.DATABASE)
    server.create_database(erp.DATABASE)
    erp.install(server, home, PASSWORD, founding.MODULES)
    with erp.served(server, home, PASSWORD, founding.SETTINGS) as tryton:
        session = tryton.session()
        founding.found(session, PASSWORD)
        session.close()
    server.create_database(FOUNDED, erp.DATABASE)


def _fresh(server: Server, database: str) -> str:
    server.drop_database(database)
    return server.create_database(database)


def _service(made: Scene, name: str, port: int) -> Any:
    return processes.running(
        f"the service {name}",
        [sys.executable, "-m", "examples.tryton.cutover.services", name, "--port", str(port)],
        log=made.home / f"{name}.log",
        env={"SERVICE_DATABASE_URL": made.stores[name], "PYTHONPATH": str(ROOT)},
        ready=lambda: processes.listens(port),
    )


def _strangler(made: Scene) -> Any:
    return processes.running(
        "strangler run",
        [str(STRANGLER), "run"],
        log=made.home / "strangler.log",
        env=made.environment,
        ready=lambda: processes.answers(f"http://127.0.0.1:{made.facade_port}/healthz"),
    )
