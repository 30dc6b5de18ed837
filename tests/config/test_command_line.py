"""The command line: quick, complete, and in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from strangler.cli.lazy import Lazy
from strangler.cli.main import COMMANDS, INTERRUPTED, root
from strangler.errors import ExitCode, Refused, StranglerError, Unavailable

HEAVY = ("sqlalchemy", "pydantic", "sqlglot", "alembic", "rich", "aiohttp", "yaml", "psycopg2")


def test_help_imports_nothing_heavy_and_takes_less_than_half_a_second() -> None:
    program = (
        "import sys, time; from strangler.cli.main import root;"
        "root(['--help'], standalone_mode=False);"
        f"print([m for m in {HEAVY!r} if m in sys.modules], time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded, seconds = done.stderr.splitlines()[-1].rsplit(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 0.5
    for name, entry in COMMANDS.items():
        assert name in done.stdout
        assert entry.summary in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_where_the_table_says_and_explains_itself(name: str) -> None:
    command = COMMANDS[name].load()
    assert (command.help or "").strip()
    assert all(
        isinstance(p, click.Argument) or p.help
        for p in command.params
        if isinstance(p, click.Option | click.Argument)
    )
    result = CliRunner().invoke(root, [name, "--help"])
    assert result.exit_code == 0, result.output


def failing(error: BaseException | None, value: object = None) -> Lazy:
    @click.command()
    def command() -> object:
        if error is not None:
            raise error
        return value

    place = f"{__name__}:_command"
    globals()["_command"] = command
    return Lazy(place, "Test", "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Refused("no", why="because", do="wait"), 1, "error: no\n  why: because\n  do:  wait\n"),
        (Unavailable("the database doesn't answer"), 2, "error: the database doesn't answer\n"),
        (StranglerError("two\nlines", why="a\nb"), 2, "error: two\nlines\n  why: a\n       b\n"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted\n"),
    ],
)
def test_an_error_becomes_words_and_an_exit_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(root.lazy, "fail", failing(error))
    result = CliRunner().invoke(root, ["fail"])
    assert (result.exit_code, result.stderr) == (code, said)


@pytest.mark.parametrize(
    ("value", "code"), [(None, 0), (ExitCode.OK, 0), (ExitCode.FAILED, 1), (ExitCode.UNUSABLE, 2)]
)
def test_a_returned_exit_code_is_the_exit_code(
    value: object, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(root.lazy, "fail", failing(None, value))
    assert CliRunner().invoke(root, ["fail"]).exit_code == code


def test_the_console_script_is_plain_without_a_terminal(tmp_path: Path) -> None:
    strangler = Path(sys.executable).with_name("strangler")
    environment = {key: value for key, value in os.environ.items() if key != "STRANGLER_CONFIG"}
    done = subprocess.run(
        [strangler, "config", "check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no configuration at strangler.yaml\n")
    assert "\x1b" not in done.stdout + done.stderr


def test_the_version() -> None:
    from strangler import __version__

    assert CliRunner().invoke(root, ["--version"]).output == f"strangler {__version__}\n"


def test_a_function_that_is_not_there(tmp_path: Path) -> None:
    from strangler.cli.application import Application

    path = tmp_path / "strangler.yaml"
    path.write_text(
        "sources: {erp: {kind: sqlite, url: 'sqlite:///l.db'}}\nstores: {new: {url: 'sqlite:///n.db'}}\n"
        "functions: {party: {source: erp, store: new, entities: {party: {table: t, key: id, fields: {id: id}}}}}\n"
    )
    with pytest.raises(StranglerError, match="there is no function 'pary'") as caught:
        Application(path).function("pary")
    assert caught.value.do == "did you mean 'party'?"


def test_an_argument_that_is_no_text_is_refused_in_words() -> None:
    result = CliRunner().invoke(root, ["hold", "party", "--reason", "closed \udcff"])
    assert result.exit_code == ExitCode.UNUSABLE
    assert r"'closed \udcff' isn't text in UTF-8" in result.output
