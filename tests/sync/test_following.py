"""Effects of writes, whole: a legacy ERP and a new service behind a facade, and a worker that derives events from what legacy did."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
import yaml

from strangler import assembly
from strangler.configuration import load
from strangler.control import comparisons, effects, sources, standings
from strangler.control.effects import Effects
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.facade.declared import ASKED, HEADER
from strangler.facade.parts import Parts
from strangler.facade.server import Facade
from strangler.settings import Settings
from strangler.sync import following
from strangler.worker import Worker
from tests.facade.conftest import Running, applied, fronting, serving
from tests.facade.conftest import until as true

CREATE = (
    "CREATE TABLE partner (id INTEGER PRIMARY KEY, name TEXT, credit NUMERIC(10, 2))",
    "CREATE TABLE journal (id INTEGER PRIMARY KEY, note TEXT)",
)

Execute = Callable[..., None]


class Service:
    """A side that takes `PUT /partners/{id}` and carries it out by `execute`, or, of a dry run, says `foretold` of it."""

    def __init__(self, execute: Execute | None = None) -> None:
        self.execute, self.foretold = execute, list[dict[str, Any]]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        asked = ASKED in [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        head, said = [(b"content-type", b"application/json")], b"{}"
        if asked:
            word = b"understood" if scope["method"] == "OPTIONS" else b"done"
            head, said = [*head, (HEADER.encode(), word)], json.dumps(self.foretold).encode()
        elif self.execute is not None and scope["method"] == "PUT":
            await asyncio.to_thread(self.execute, *json.loads(body))
        head.append((b"content-length", str(len(said)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": said})


class Estate:
    """Everything, running. `write` is a caller's write: the statements that legacy carries out for it, in one transaction."""

    def __init__(self, kind: str, facade: Running, control: Control, new: Service) -> None:
        self.kind, self.facade, self.control, self.new = kind, facade, control, new

    async def write(self, *statements: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{self.facade.url}/partners/7", json=statements) as answer,
        ):
            assert answer.status == 200

    async def judged(self, **figures: int) -> None:
        """Wait until this is what came of the writes."""
        async with asyncio.timeout(20):
            while True:
                found = await asyncio.to_thread(effects.sums, self.control, "partners")
                if replace(found, last_minute=0) == Effects(**figures):
                    return
                assert found.total <= sum(figures.values()), found
                await asyncio.sleep(0.05)


def configuration(home: Path, kind: str, url: str, legacy: str, new: str) -> Settings:
    fields = {"id": "id", "name": {"value": "name", "sensitive": True}, "credit": "credit"}
    document = {
        "sources": {"erp": {"kind": kind, "url": url}},
        "stores": {"service": {"url": f"sqlite:///{home}/service.db"}},
        "facade": {"legacy": legacy, "shadow": {"noise": 0, "settle": "1s"}},
        "functions": {
            "partners": {
                "source": "erp",
                "store": "service",
                "service": {"url": new},
                "entities": {
                    "partner": {"table": "partner", "key": "id", "fields": fields},
                    "journal": {"table": "journal", "key": "id", "fields": {"id": "id", "note": "note"}},
                },
                "routes": [{"kind": "write", "match": {"path": "/partners/{id}", "method": ["PUT"]}}],
                "shadow": {"writes": True},
            }
        },
    }
    path = home / "strangler.yaml"
    path.write_text(yaml.safe_dump(document))
    return load(path)


def sqlite(path: Path) -> Execute:
    def execute(*statements: str) -> None:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return execute


def postgres(url: str) -> Execute:
    def execute(*statements: str) -> None:
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    return execute


@pytest.fixture(params=["sqlite", "postgres"])
async def estate(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Estate]:
    # One clock here: what is missing is known sooner.
    monkeypatch.setattr(sources, "CLOCKS", 0.0)
    monkeypatch.setattr(sources, "SILENCE", 1.0)
    monkeypatch.setattr(following, "CLOCKS", 0.2)
    kind = request.param
    url = f"sqlite:///{tmp_path}/legacy.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    execute = sqlite(tmp_path / "legacy.db") if kind == "sqlite" else postgres(url)
    execute(*CREATE)
    new = Service()
    async with serving(Service(execute)) as legacy_side, serving(new) as new_side:
        settings = configuration(tmp_path, kind, url, legacy_side.url, new_side.url)
        with assembly.control(settings) as control:
            worker = Worker(settings, control)
            await asyncio.to_thread(worker.start)
            try:
                standing = standings.of(control, "partners")
                moved = standings.change(control, standing, replace(standing, stage=Stage.SHADOW), at=1.0)
                async with fronting(Facade(Parts(settings, lambda: control))) as facade:
                    await applied(facade, moved.generation)
                    await true(lambda: worker._captured["erp"].is_set())
                    # The follower has to be at the end of the log before the first write.
                    await asyncio.sleep(3 * following.LOOK_AROUND)
                    yield Estate(kind, facade, control, new)
            finally:
                await asyncio.to_thread(worker.stop)
                with closing(assembly.source(settings, "erp")) as source:
                    source.drop()


def told(type: str, key: Any, **data: Any) -> dict[str, Any]:
    return {"type": type, "key": key, "data": data}


async def test_what_new_foretells_is_held_to_what_sync_derives(estate: Estate) -> None:
    whole = {"id": 7, "name": "a", "credit": "12.5"}
    estate.new.foretold = [told("PartnerCreated", 7, **whole)]
    await estate.write("INSERT INTO partner VALUES (7, 'a', 12.50)")
    await estate.judged(matched=1)
    # A key that it would only make up then, and another name than legacy writes.
    estate.new.foretold = [told("PartnerCreated", None, name="canary", credit=None)]
    await estate.write("INSERT INTO partner VALUES (8, 'b', NULL)")
    await estate.judged(matched=1, mismatched=1)
    # Two events of one transaction; new knows of one.
    estate.new.foretold = [told("PartnerRemoved", 7)]
    await estate.write("DELETE FROM partner WHERE id = 7", "INSERT INTO journal VALUES (1, 'gone')")
    # SQLite's journal tells no transactions.
    more = {"unexpected": 1} if estate.kind == "postgres" else {"matched": 2}
    await estate.judged(**{"matched": 1, "mismatched": 1, **more})
    samples = comparisons.mismatches(estate.control, "partners", kind="write")
    [sample] = [each for each in samples if each.differences[0]["path"] == "PartnerCreated.name"]
    assert sample.request.startswith("PUT /partners/7")
    assert "canary" not in str(samples), "the name is sensitive"


async def test_nothing_is_missing_before_it_cant_come_any_more(estate: Estate) -> None:
    estate.new.foretold = [told("PartnerRemoved", 99)]
    began = time.time()
    await estate.write("INSERT INTO partner VALUES (9, 'x', NULL)")
    await estate.judged(missing=1)
    assert time.time() - began > 1.0
    assert effects.places(estate.control, "partners") == [effects.Place("PartnerRemoved", "extra", 1)]
