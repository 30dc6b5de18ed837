"""The pairs of databases, described to Strangler in one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from strangler import urls
from strangler.configuration import load
from strangler.settings import Settings
from tests.faults.legacy import COLUMNS, TABLE

SOURCE, FUNCTION, STORE = "erp", "customers", "service"

ENTITY: Final = {
    "table": TABLE,
    "key": "id",
    "fields": {name: name for name in COLUMNS} | {"code": "LTRIM(code, '0')"},
}

PAIRS: Final = ("postgres-postgres", "mariadb-postgres", "postgres-sqlite")
"""Legacy and store."""


@dataclass(frozen=True)
class Landscape:
    """Two databases by their URLs, and a folder for the rest."""

    home: Path
    legacy: str
    store: str

    @cached_property
    def configuration(self) -> Path:
        """The file that describes it to Strangler."""
        kind = {"mariadb": "mysql", "postgresql": "postgres"}[urls.kind(self.legacy)]
        document: dict[str, Any] = {
            "name": "faults",
            "sources": {SOURCE: {"kind": kind, "url": self.legacy, "heartbeat": "1s"}},
            "stores": {STORE: {"url": self.store}},
            "console": {"port": 0},
            "functions": {FUNCTION: {"source": SOURCE, "store": STORE, "entities": {TABLE: ENTITY}}},
        }
        path = self.home / "strangler.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    @cached_property
    def settings(self) -> Settings:
        return load(self.configuration)
