"""What the example's README says to run is run, word for word but for the numbers."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strangler.testing.postgres import Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "examples" / "sap" / "README.md").read_text()
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PATIENCE = 240.0
"""Seconds for all of it on a busy machine."""


@pytest.mark.slow
def test_the_commands_of_the_readme(postgres: Server, tmp_path: Path) -> None:
    names = {"SAP_DATABASE_URL": "readme_ecc", "CUSTOMERS_DATABASE_URL": "readme_customers"}
    names["ORDERS_DATABASE_URL"] = "readme_orders"
    urls = {variable: postgres.create_database(name) for variable, name in names.items()}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    commands = COMMANDS.replace("1000000", "1000").replace("--steps 500", "--steps 40")
    assert commands != COMMANDS
    output = tmp_path / "output"
    with output.open("wb") as sink:
        shell = subprocess.Popen(
            ["bash", "-euc", commands],
            cwd=ROOT,
            env={**os.environ, **urls, "PATH": path, "SAP_DATA": str(tmp_path / "data"), "CONSOLE_PORT": "0"},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    told = output.read_text()
    assert code == 0, told
    assert "with 1,000 lines in" in told
    assert re.findall(r"^(\w+): clean, 0 of", told, re.MULTILINE) == ["customers", "orders"]
    assert re.search(r"\bOrder(Placed|Changed|Blocked|Released|Deleted)\b", told)
    for name in names.values():
        postgres.drop_database(name)
