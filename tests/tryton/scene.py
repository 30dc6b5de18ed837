"""The scene: a Tryton that sells, its editor, and Strangler described to move three functions out of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from examples.tryton import erp
from examples.tryton.erp import Tryton
from examples.tryton.rpc import Session
from examples.tryton.whole import company
from strangler.configuration import load
from strangler.settings import Settings
from strangler.testing.postgres import Server
from tests.chaos.victims import STRANGLER, Worker

CONFIGURATION: Final = Path(company.__file__).with_name("strangler.yaml")
FUNCTIONS: Final = ("party", "product", "sale")
MODULES: Final = ("sale",)


@dataclass(frozen=True)
class Scene:
    """`stores` are the URLs of the stores by function."""

    home: Path
    tryton: Tryton
    stores: dict[str, str]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the configuration takes from outside."""
        return {
            "WHOLE_DATA": str(self.home / "strangler"),
            "TRYTON_DATABASE_URL": self.tryton.database_url,
            **{f"{function.upper()}_DATABASE_URL": url for function, url in self.stores.items()},
        }

    @cached_property
    def settings(self) -> Settings:
        return load(CONFIGURATION, {**os.environ, **self.environment})

    def session(self) -> Session:
        """A session of Tryton's that works for the company."""
        session = self.tryton.session()
        company.work_for_company(session)
        return session

    def worker(self) -> Worker:
        return Worker(CONFIGURATION, self.home / "worker.log", self.environment)

    def strangler(self, *words: str) -> str:
        """What the command line says. Raises AssertionError when it doesn't end with 0."""
        answer = subprocess.run(
            [STRANGLER, "-c", CONFIGURATION, *words], env={**os.environ, **self.environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = f"{answer.stdout}\n{answer.stderr}"
        assert answer.returncode == 0, (
            f"`strangler {' '.join(words)}` ended with {answer.returncode}:\n{said}"
        )
        return said


@contextmanager
def scene(server: Server, home: Path) -> Iterator[Scene]:
    """Install Tryton on `server` (about 90 s), found a company, and make a store for each function."""
    stores = {function: server.create_database(f"{function}_service") for function in FUNCTIONS}
    with erp.tryton(server, home, MODULES) as tryton:
        session = tryton.session()
        company.found(session)
        session.close()
        yield Scene(home, tryton, stores)
