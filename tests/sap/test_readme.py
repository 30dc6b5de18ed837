"""What the example's README says to run is run, word for word but for the numbers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from strangler import assembly
from strangler.configuration import load
from strangler.testing.postgres import Server

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "examples" / "sap" / "strangler.yaml"
README = CONFIGURATION.with_name("README.md").read_text()
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PATIENCE = 240.0
"""Seconds for all of it on a busy machine."""


@pytest.mark.nightly
@pytest.mark.slow
def test_the_commands_of_the_readme(postgres: Server, postgres_url: str, tmp_path: Path) -> None:
    urls = {"SAP_DATABASE_URL": postgres_url}
    for variable in ("CUSTOMERS_DATABASE_URL", "ORDERS_DATABASE_URL"):
        postgres.drop_database(variable.lower())
        urls[variable] = postgres.create_database(variable.lower())
    environment = {**urls, "SAP_DATA": str(tmp_path / "data"), "CONSOLE_PORT": "0"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    commands = COMMANDS.replace("1000000", "1000").replace("--steps 500", "--steps 40")
    assert commands != COMMANDS
    output = tmp_path / "output"
    with output.open("wb") as sink:
        shell = subprocess.Popen(
            ["bash", "-euc", commands],
            cwd=ROOT,
            env={**os.environ, **environment, "PATH": path},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            with closing(assembly.source(load(CONFIGURATION, environment), "ecc")) as source:
                source.drop()
    told = output.read_text()
    assert code == 0, told
    assert "with 1,000 lines in" in told
    assert re.findall(r"^(\w+): clean, 0 of", told, re.MULTILINE) == ["customers", "orders"]
    assert re.search(r"\bOrder(Placed|Changed|Blocked|Released|Deleted)\b", told)
