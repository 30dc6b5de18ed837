"""The ledger: a chain that grows at its end only, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable

import pytest
from sqlalchemy import text

from strangler.control import ledger, schema
from strangler.control.store import Control
from strangler.errors import StoreError

TAMPERING = [
    ("UPDATE ledger SET body = '[7]' WHERE seq = 2", "entry 2 was changed"),
    ("UPDATE ledger SET actor = 'nobody' WHERE seq = 3", "entry 3 was changed"),
    ("UPDATE ledger SET at = 2.5 WHERE seq = 1", "entry 1 was changed"),
    ("DELETE FROM ledger WHERE seq = 2", "entry 2 is missing"),
    ("DELETE FROM ledger WHERE seq = 1", "entry 1 is missing"),
]

WRITER = """
import sys
from strangler.control import ledger
from strangler.control.store import Control
with Control.open(sys.argv[1]) as control:
    for number in range(10):
        ledger.append(control, actor=sys.argv[2], kind="advanced", function="party", body={"n": number}, at=1.0)
"""


def append(control: Control, number: int, actor: str = "eva@host") -> ledger.Entry:
    body = {"n": number, "ü": "Łódź\n", "share": 0.1}
    return ledger.append(control, actor=actor, kind="advance", function="party", body=body, at=1_764_500_000)


def unguard(control: Control) -> None:
    """As somebody does who owns the table."""
    of = " ON ledger" if control.engine.dialect.name == "postgresql" else ""
    with control.begin() as connection:
        for name in ("ledger_at_the_end", "ledger_unchanged", "ledger_kept"):
            connection.execute(text(f"DROP TRIGGER {name}{of}"))


def test_invariant_8_every_decision_is_chained_by_hash(control: Control) -> None:
    written = [append(control, number) for number in range(3)]
    assert ledger.entries(control) == written
    assert ledger.entries(control, limit=2) == written[1:]
    assert ledger.entries(control, function="sale") == ledger.entries(control, actor="bob") == []
    assert ledger.entries(control, since=1_764_500_000.5) == []
    assert ledger.get(control, 2) == written[1]
    assert written[0].previous == ledger.GENESIS
    assert [entry.previous for entry in written[1:]] == [entry.hash for entry in written[:2]]
    assert ledger.verify(control) == ledger.Verification(3, written[-1].hash, None)


@pytest.mark.parametrize(("tampering", "problem"), TAMPERING)
def test_invariant_8_who_changes_the_ledger_is_found(control: Control, tampering: str, problem: str) -> None:
    for number in range(4):
        append(control, number)
    unguard(control)
    with control.begin() as connection:
        connection.execute(text(tampering))
    found = ledger.verify(control).problem
    assert found is not None
    assert problem in found


@pytest.mark.parametrize(
    "statement",
    [
        *(statement for statement, _ in TAMPERING),
        "DELETE FROM ledger",
        "INSERT INTO ledger SELECT 9, at, actor, kind, function, body, 'p', hash FROM ledger WHERE seq = 1",
        "INSERT INTO ledger SELECT 5, at, actor, kind, function, body, previous, hash FROM ledger WHERE seq = 2",
    ],
)
def test_invariant_8_the_database_takes_nothing_but_a_new_entry_at_the_end(
    control: Control, statement: str
) -> None:
    written = [append(control, number) for number in range(4)]
    with pytest.raises(StoreError), control.begin() as connection:
        connection.execute(text(statement))
    assert ledger.entries(control) == written
    append(control, 4)
    assert ledger.verify(control).entries == 5


def test_invariant_8_postgresql_doesnt_empty_the_ledger(postgres_url: str) -> None:
    with Control.open(postgres_url) as control:
        append(control, 1)
        with pytest.raises(StoreError, match="append-only"), control.begin() as connection:
            connection.execute(text("TRUNCATE ledger"))
        assert len(ledger.entries(control)) == 1


def test_a_ledger_that_the_database_no_longer_guards_is_told(control: Control) -> None:
    assert schema.check(control) == []
    unguard(control)
    assert len(schema.check(control)) == 3
    assert "trigger ledger_at_the_end is missing" in schema.check(control)[0]


def test_a_trigger_that_is_switched_off_counts_as_missing(postgres_url: str) -> None:
    with Control.open(postgres_url) as control:
        with control.begin() as connection:
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ledger_kept"))
        assert "ledger_kept" in schema.check(control)[0]


def test_a_hash_that_was_noted_is_looked_for(control: Control) -> None:
    noted = [append(control, number).hash for number in range(3)][1]
    found = ledger.verify(control, [noted, "f" * 64])
    assert (found.problem, found.seen) == (None, {noted: 2, "f" * 64: None})
    unguard(control)
    with control.begin() as connection:
        connection.execute(text("DELETE FROM ledger WHERE seq > 1"))
    cut = ledger.verify(control, [noted])
    assert (cut.entries, cut.problem, cut.seen) == (1, None, {noted: None})


def test_entries_written_at_once_make_one_chain(control: Control) -> None:
    threads = [threading.Thread(target=append, args=(control, n)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.verify(control).entries == 8
    assert ledger.verify(control).problem is None


def test_invariant_8_processes_that_write_at_once_never_fork_the_chain(postgres_url: str) -> None:
    with Control.open(postgres_url) as control:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, postgres_url, name], stderr=subprocess.PIPE)
            for name in ("one", "two")
        ]
        assert [(each.communicate(timeout=60)[1], each.returncode) for each in writers] == [(b"", 0)] * 2
        assert (ledger.verify(control).entries, ledger.verify(control).problem) == (20, None)
        assert [len(ledger.entries(control, actor=name)) for name in ("one", "two")] == [10, 10]


def peak(work: Callable[[], object]) -> int:
    """Bytes that it takes at most."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def test_a_long_ledger_is_followed_in_little_memory(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "AT_ONCE", 10)
    with control.begin():
        for number in range(40):
            ledger.append(
                control, actor="a", kind="b", function="", body={"n": str(number) * 100_000}, at=1.0
            )
    ledger.verify(control)  # What is made once has no part in it.
    assert peak(lambda: ledger.verify(control)) < peak(lambda: ledger.entries(control)) / 2
