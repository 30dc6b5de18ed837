"""The scene: a Tryton with a company, and Strangler described to move functions out of it."""

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

FUNCTIONS: Final = ("party", "product", "sale")


@dataclass(frozen=True)
class Play:
    """What is played: a configuration in a folder of the examples, its functions, and the modules of Tryton that they take."""

    configuration: Path
    functions: tuple[str, ...]
    modules: tuple[str, ...]


WHOLE: Final = Play(Path(company.__file__).with_name("strangler.yaml"), FUNCTIONS, ("sale",))


@dataclass(frozen=True)
class Scene:
    """`stores` are the URLs of the stores by function."""

    play: Play
    home: Path
    tryton: Tryton
    stores: dict[str, str]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the configuration takes from outside."""
        return {
            f"{self.play.configuration.parent.name.upper()}_DATA": str(self.home / "strangler"),
            "TRYTON_DATABASE_URL": self.tryton.database_url,
            **{f"{function.upper()}_DATABASE_URL": url for function, url in self.stores.items()},
        }

    @cached_property
    def settings(self) -> Settings:
        return load(self.play.configuration, {**os.environ, **self.environment})

    def session(self) -> Session:
        """A session of Tryton's that works for the company."""
        session = self.tryton.session()
        company.work_for_company(session)
        return session

    def worker(self) -> Worker:
        return Worker(self.play.configuration, self.home / "worker.log", self.environment)

    def strangler(self, *words: str) -> str:
        """What the command line says. Raises AssertionError when it doesn't end with 0."""
        answer = subprocess.run(
            [STRANGLER, "-c", self.play.configuration, *words], env={**os.environ, **self.environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = f"{answer.stdout}\n{answer.stderr}"
        assert answer.returncode == 0, (
            f"`strangler {' '.join(words)}` ended with {answer.returncode}:\n{said}"
        )
        return said


@contextmanager
def scene(server: Server, home: Path, play: Play = WHOLE) -> Iterator[Scene]:
    """Install Tryton on `server` (about 90 s), found a company, and make a store for each function."""
    stores = {function: server.create_database(f"{function}_service") for function in play.functions}
    with erp.tryton(server, home, play.modules) as tryton:
        session = tryton.session()
        company.found(session)
        session.close()
        yield Scene(play, home, tryton, stores)
