"""A private PostgreSQL for the example, for who has none at hand: SAP's database and those of the two new services.

    python -m examples.sap.server

Prints the variables that `strangler.yaml` asks for, and stays until Ctrl-C. What is in it stays in build/sap-postgres for the next time.
"""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Final

import click
import psycopg

from strangler.testing.postgres import server

FOLDER: Final = Path(__file__).resolve().parents[2] / "build" / "sap-postgres"
DATABASES: Final = {
    "SAP_DATABASE_URL": "ecc",
    "CUSTOMERS_DATABASE_URL": "customers",
    "ORDERS_DATABASE_URL": "orders",
}
SETTINGS: Final = {"shared_buffers": "256MB", "max_wal_size": "8GB"}
"""Room for a load of some gigabytes without a checkpoint every few seconds."""


def main() -> None:
    """Start it, tell where it is, wait."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with server(FOLDER, **SETTINGS) as running, contextlib.suppress(KeyboardInterrupt):
        with psycopg.connect(running.url()) as connection:
            there = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for variable, name in DATABASES.items():
            url = running.url(name) if name in there else running.create_database(name)
            click.echo(f"export {variable}='{url}'")
        signal.pause()


if __name__ == "__main__":
    main()
