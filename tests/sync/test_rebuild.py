"""Snapshots and rebuilds: a damaged store is right again, nothing is lost beside a running worker or by a kill."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from strangler.control import backfills, ledger
from strangler.cutover.stages import Stage
from strangler.sync import rebuild as rebuilding_module
from tests.sync.landscape import until
from tests.sync.rebuilding import STEPS, Migration

DAMAGE = (
    "DELETE FROM partner WHERE id BETWEEN 20 AND 39",
    "UPDATE partner SET name = 'Broken', _position = _position || '9' WHERE id BETWEEN 40 AND 49",
    "INSERT INTO partner (id, name, _position) VALUES (9001, 'Nobody', '')",
    "DELETE FROM city",
)
"""Rows that are gone, that are wrong and claim to be newer than anything that comes, and that were never there."""


@pytest.fixture(params=["sqlite", "postgres"])
def migration(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Migration]:
    url = (
        f"sqlite:///{tmp_path}/service.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    migration = Migration(tmp_path, url)
    yield migration
    migration.control.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Migration]:
    migration = Migration(tmp_path, f"sqlite:///{tmp_path}/service.db")
    yield migration
    migration.control.close()


@pytest.fixture(params=["snapshot", "legacy"])
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_invariant_3_a_damaged_store_is_right_again_while_the_worker_streams(
    migration: Migration, base: str
) -> None:
    migration.fill()
    if base == "snapshot":
        migration.done("snapshot", "service")
    migration.damage(*DAMAGE)
    assert not migration.clean()
    stop = threading.Event()

    def edit() -> None:
        number = 1000
        while not stop.is_set():
            number += 1
            migration.write(
                f"INSERT INTO partner VALUES ({number}, 'new')",
                f"UPDATE partner SET name = 'edited {number}' WHERE id = {60 + number % 50}",
                f"DELETE FROM partner WHERE id = {number - 5}",
            )
            stop.wait(0.005)

    with migration.worker():
        editor = threading.Thread(target=edit)
        editor.start()
        try:
            said = migration.done("rebuild", "service")
        finally:
            stop.set()
            editor.join()
        assert "partners.city: 30 added, 0 changed, 0 removed" in said
        migration.write("UPDATE partner SET name = 'afterwards' WHERE id IN (45, 46)")
        until(lambda: migration.names()[45] == "afterwards", "delivery goes on")
        migration.until_clean()
    assert migration.leftovers() == 0
    kinds = [entry.kind for entry in ledger.entries(migration.control, function="partners")]
    assert [kind for kind in kinds if "rebu" in kind] == ["rebuild begun", "store rebuilt"]


def test_what_was_written_since_the_snapshot_comes_from_the_log(migration: Migration) -> None:
    migration.fill()
    migration.done("snapshot", "service")
    with migration.worker():
        migration.write(
            "DELETE FROM partner WHERE id = 100",
            "UPDATE partner SET name = 'since' WHERE id = 101",
            "INSERT INTO partner VALUES (777, 'since')",
        )
        migration.until_clean()
    migration.damage(*DAMAGE, "DELETE FROM partner WHERE id IN (101, 777)")
    assert "22 added, 10 changed, 1 removed" in migration.done("rebuild", "service")
    assert migration.clean()
    assert migration.names()[777] == "since"
    assert 100 not in migration.names()
    assert "0 added, 0 changed, 0 removed" in migration.done("rebuild", "service")


def test_in_a_store_that_is_right_nothing_is_found(migration: Migration, base: str) -> None:
    migration.fill()
    if base == "snapshot":
        migration.done("snapshot", "service")
    before = migration.names()
    said = migration.done("rebuild", "service", *(["--from-legacy"] if base == "legacy" else []))
    assert migration.names() == before
    assert said.count("0 added, 0 changed, 0 removed") == 2


@pytest.mark.parametrize(
    ("base", "step"), [*(("snapshot", step) for step in STEPS), ("legacy", "fill"), ("legacy", "within")]
)
def test_invariant_2_a_rebuild_that_is_killed_leaves_the_store_as_it_is(
    migration: Migration, base: str, step: str
) -> None:
    migration.fill(partners=60)
    migration.done("snapshot", "service")
    migration.damage(*DAMAGE)
    before = migration.names()
    command = [sys.executable, "-m", "tests.sync.rebuilding", str(migration.path), step, base]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout.readline().strip() == step
        process.kill()
        watchdog.cancel()
    assert migration.names() == before
    assert migration.leftovers()
    migration.done("rebuild", "service", *(["--from-legacy"] if base == "legacy" else []))
    assert migration.clean()
    assert migration.leftovers() == 0


def test_invariant_4_rows_that_the_service_wrote_are_given_up_only_when_it_is_said(
    migration: Migration,
) -> None:
    migration.fill(partners=60)
    migration.done("snapshot", "service")
    migration.damage("UPDATE partner SET name = 'Entered' WHERE id = 50")
    assert "--discard-own" in migration.refused("rebuild", "service")
    assert migration.names()[50] == "Entered"
    migration.done("rebuild", "service", "--discard-own")
    assert migration.names()[50] == "partner 50"
    assert migration.clean()


def test_a_snapshot_of_a_row_that_the_service_wrote_is_refused(migration: Migration) -> None:
    migration.fill(partners=20)
    migration.damage("UPDATE partner SET name = 'Entered' WHERE id = 15")
    assert "written by the service itself" in migration.refused("snapshot", "service")
    assert migration.snapshots() == []


def test_a_snapshot_says_what_is_in_it(small: Migration) -> None:
    small.fill(partners=60)
    said = small.done("snapshot", "service")
    [taken] = small.snapshots()
    assert taken.name in said
    assert dict(taken.rows) == {"partner": 59, "city": 30}
    manifest = orjson.loads((taken.folder / "manifest.json").read_bytes())
    assert manifest["shapes"]["city"] == {
        "table": "city", "key": ["code"], "fields": {"code": "text", "people": "decimal"},
    }  # fmt: skip
    assert {mark[0] for mark in manifest["marks"]} == {
        "partners/0", "backfill/partners/partner", "backfill/partners/city",
    }  # fmt: skip
    assert set(taken.mappings) == {"partner", "city"}
    assert taken.folder.stat().st_mode & 0o077 == 0
    removals = [event.key for event in taken.events() if event.effect == "remove"]
    assert removals == ["[11]"]


def test_old_snapshots_are_deleted_and_the_others_listed(small: Migration) -> None:
    small.fill(partners=20)
    assert "there is no snapshot" in small.done("snapshot", "service", "--list")
    for _ in range(3):
        small.done("snapshot", "service")
    names = [each.name for each in small.snapshots()]
    small.done("snapshot", "service", "--keep", "2")
    left = [each.name for each in small.snapshots()]
    assert len(left) == 2
    assert left[0] == names[-1]
    assert all(name in small.done("snapshot", "service", "--list") for name in left)
    listed = orjson.loads(small.done("snapshot", "service", "--json"))
    assert [each["outdated"] for each in listed] == [None, None]
    said = small.done("rebuild", "service", "--snapshot", left[0])
    assert left[0] in said
    assert "there is no snapshot" in small.refused("rebuild", "service", "--snapshot", "20010101")


def test_a_snapshot_that_breaks_off_is_none(small: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    small.fill(partners=20)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("strangler.snapshots.os.fsync", fail)
    assert "no space left" in small.refused("snapshot", "service")
    monkeypatch.undo()
    assert small.snapshots() == []
    assert list((small.settings.data_dir / "snapshots/service/partners").iterdir()) == []


def test_invariant_7_a_snapshot_that_is_not_what_was_written_is_refused(small: Migration) -> None:
    small.fill(partners=20)
    small.done("snapshot", "service")
    [taken] = small.snapshots()
    contents = taken.folder / "contents.jsonl.gz"
    whole = contents.read_bytes()
    contents.write_bytes(whole[:-40] + b"\x00" * 40)
    before = small.names()
    assert "isn't what was written" in small.refused("rebuild", "service")
    contents.unlink()
    assert "can't be read" in small.refused("rebuild", "service")
    assert small.names() == before
    (taken.folder / "manifest.json").write_text("{}")
    assert "can't be read" in small.refused("rebuild", "service")


def test_invariant_7_a_snapshot_of_another_mapping_is_refused(small: Migration) -> None:
    small.fill(partners=20)
    small.done("snapshot", "service")
    small.configure("UPPER(name)")
    said = small.refused("rebuild", "service")
    assert "partner was made by mapping" in said
    assert "--from-legacy" in said


def test_invariant_7_a_snapshot_from_before_another_backfill_is_refused(small: Migration) -> None:
    small.fill(partners=20)
    small.done("snapshot", "service")
    backfills.request(small.control, "partners", "city")
    assert "being filled" in small.refused("rebuild", "service")
    assert "being filled" in small.refused("snapshot", "service")
    with small.worker():
        until(small.filled, "it is filled again")
    assert "filled anew since" in small.refused("rebuild", "service")
    [listed] = orjson.loads(small.done("snapshot", "service", "--json"))
    assert "filled anew" in listed["outdated"]
    small.done("rebuild", "service", "--from-legacy")
    assert small.clean()


def test_invariant_7_events_that_another_mapping_made_are_not_replayed(small: Migration) -> None:
    small.fill(partners=20)
    small.done("snapshot", "service")
    taken = small.settings
    small.configure("UPPER(name)")
    with small.worker():
        small.write("UPDATE partner SET name = 'other' WHERE id = 3")
        until(lambda: small.names().get(3) == "OTHER", "it is delivered by the other mapping")
    # As if the other mapping had never been filled from: only the log tells that it was there.
    for record in backfills.all_backfills(small.control):
        stamp = small.snapshots()[-1].mark(f"backfill/partners/{record.entity}")
        assert stamp
        run = backfills.request(small.control, "partners", record.entity).run
        version = small.snapshots()[-1].mappings[record.entity]
        backfills.begin(
            small.control,
            "partners",
            record.entity,
            run=run,
            stamp=stamp.position,
            estimate=0,
            mapping=version,
        )
        backfills.finish(small.control, "partners", record.entity, run=run)
    small.configure()
    assert small.settings == taken
    before = small.names()
    assert "another mapping made" in small.refused("rebuild", "service")
    assert small.names() == before
    assert small.leftovers() == 0


@pytest.mark.parametrize("command", ["snapshot", "rebuild"])
@pytest.mark.parametrize("stage", [Stage.LEGACY, Stage.LIVE])
def test_invariant_4_what_is_not_filled_from_legacy_is_left_alone(
    small: Migration, command: str, stage: Stage
) -> None:
    small.fill(partners=20)
    small.put(stage)
    assert f"stage {stage}" in small.refused(command, "service")


def test_invariant_4_a_function_that_moves_meanwhile_is_not_rebuilt(
    small: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.fill(partners=20)
    small.done("snapshot", "service")
    small.damage("DELETE FROM partner WHERE id = 5")
    replay = rebuilding_module._Beside._replay

    def and_move(beside: rebuilding_module._Beside) -> None:
        replay(beside)
        small.put(Stage.LIVE)

    monkeypatch.setattr(rebuilding_module._Beside, "_replay", and_move)
    assert "stage live" in small.refused("rebuild", "service")
    assert 5 not in small.names()
    assert small.leftovers() == 0


def test_of_two_rebuilds_at_once_the_older_one_gives_way(
    small: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.fill(partners=20)
    small.done("snapshot", "service")
    small.damage("DELETE FROM partner WHERE id = 5")
    fill = rebuilding_module._Beside.fill_from_snapshot

    def beside_another(*given: object) -> None:
        monkeypatch.undo()
        fill(*given)  # type: ignore[arg-type]
        small.done("rebuild", "service")
        small.damage("DELETE FROM partner WHERE id = 6")

    monkeypatch.setattr(rebuilding_module._Beside, "fill_from_snapshot", beside_another)
    assert "another process" in small.refused("rebuild", "service")
    assert 5 in small.names()
    assert 6 not in small.names()


def test_names_that_are_not_there_are_said_in_words(small: Migration) -> None:
    assert "did you mean 'service'" in small.refused("rebuild", "servise")
    assert "did you mean 'partners'" in small.refused("snapshot", "service", "--function", "partner")
