"""Opening the control store, its transactions, and its errors."""

from __future__ import annotations

import threading
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from strangler.control import schema, traffic
from strangler.control.store import Control
from strangler.errors import StoreError, Unavailable
from strangler.testing.postgres import server


def test_opening_makes_directories_and_tables_that_are_as_the_program_wants_them(control: Control) -> None:
    assert schema.current(control) == schema.wanted()
    assert schema.check(control) == []


def test_the_wanted_revision_is_the_head_of_alembics_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("strangler_migrations")))
    assert schema.wanted() == ScriptDirectory.from_config(config).get_current_head()


def test_check_names_a_column_that_somebody_removed(control: Control) -> None:
    with control.begin() as connection:
        connection.execute(text("ALTER TABLE facade DROP COLUMN address"))
    assert any("facade" in difference and "address" in difference for difference in schema.check(control))


def test_upgrade_is_done_once_though_many_start_at_once(control_url: str) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            Control.open(control_url).close()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test must see it
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_store_newer_than_the_program_is_refused_and_left_alone(control_url: str) -> None:
    with Control.open(control_url) as control, control.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="9999, which this program doesn't know"):
        Control.open(control_url)
    with Control.open(control_url, upgrade=False) as control:
        assert schema.current(control) == "9999"


def test_a_store_without_tables_says_what_to_do(control_url: str) -> None:
    with (
        Control.open(control_url, upgrade=False) as control,
        pytest.raises(StoreError) as raised,
        control.read() as connection,
    ):
        connection.execute(text("SELECT * FROM standing"))
    assert raised.value.do == "strangler db upgrade"


def test_an_error_undoes_the_whole_transaction_of_all_that_joined(control: Control) -> None:
    def write_and_fail() -> None:
        with control.begin() as outer:
            with control.begin() as inner:
                assert inner is outer
                inner.execute(text("UPDATE generation SET value = 5"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with control.read() as connection:
        assert connection.execute(text("SELECT value FROM generation")).scalar_one() == 0


def test_a_reader_sees_one_state_while_others_write(control: Control) -> None:
    def write() -> None:
        with control.begin() as connection:
            connection.execute(text("UPDATE generation SET value = value + 1"))

    with control.read() as connection:
        first = connection.execute(text("SELECT value FROM generation")).scalar_one()
        writer = threading.Thread(target=write)
        writer.start()
        writer.join()
        assert connection.execute(text("SELECT value FROM generation")).scalar_one() == first
    with control.read() as connection:
        assert connection.execute(text("SELECT value FROM generation")).scalar_one() == first + 1


def test_many_threads_write_without_losing_an_update(control: Control) -> None:
    def write() -> None:
        for _ in range(10):
            with control.begin() as connection:
                connection.execute(text("UPDATE generation SET value = value + 1"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with control.read() as connection:
        assert connection.execute(text("SELECT value FROM generation")).scalar_one() == 40


def test_a_store_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with server(tmp_path / "late") as postgres:
        url = postgres.create_database("control")
        postgres.stop()
        with pytest.raises(Unavailable, match="doesn't answer"):
            Control.open(url)
        starter = threading.Thread(target=postgres.start)
        starter.start()
        with Control.open(url, wait=60) as control:
            assert schema.current(control) == schema.wanted()
        starter.join()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("no url", "can't be read"),
        ("mysql://user:secret@host/db", "can't be kept in mysql"),
        ("sqlite://", "can't be kept in memory"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_in_words(url: str, what: str) -> None:
    with pytest.raises(StoreError, match=what) as raised:
        Control.open(url)
    assert raised.value.do
    assert "secret" not in str(raised.value)


def test_a_password_is_never_in_an_error() -> None:
    with pytest.raises(Unavailable) as raised:
        Control.open("postgresql://somebody:hunter2@127.0.0.1:1/control")
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_no_database_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    path.write_text("minutes of a meeting " * 100)
    with pytest.raises(StoreError, match="can't be one") as error:
        Control.open(f"sqlite:///{path}")
    assert "not a database" in error.value.why
    assert path.read_text().startswith("minutes")


def test_tables_that_are_not_as_they_should_be_are_no_matter_of_the_database(tmp_path: Path) -> None:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        with control.begin() as connection:
            connection.execute(text("ALTER TABLE traffic RENAME COLUMN seconds TO minutes"))
        with pytest.raises(StoreError, match="refused a statement") as refused:
            traffic.sums(control)
    assert "no such column" in str(refused.value.why)
    assert refused.value.do == "strangler db check"
