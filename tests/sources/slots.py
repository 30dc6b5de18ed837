"""Replication slots of PostgreSQL, taken away from under whoever reads them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

PATIENCE = 30.0


def drop_slot(execute: Callable[[str, list[Any]], Any], slot: str) -> None:
    """Drop it. Whoever read it lets go of it a moment after it was stopped or closed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            execute("SELECT pg_drop_replication_slot(%s)", [slot])
            return
        except psycopg.errors.ObjectInUse:
            assert time.monotonic() < deadline, "the slot stays in use"
