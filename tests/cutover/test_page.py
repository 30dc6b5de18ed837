"""docs/cutover.md: the commands that it names are there, with their options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from strangler.cli.main import root

PAGE = (Path(__file__).parents[2] / "docs" / "cutover.md").read_text()


def commands() -> Iterator[str]:
    """Those in blocks, a line each, and those between backticks."""
    text = re.sub(r"(?ms)^```(?!sh$)\w+$.*?^```$", "", PAGE)
    yield from re.findall(r"(?m)^(?:\$ )?(strangler .*?)(?: *#.*| &)?$", text)
    yield from re.findall(r"`(strangler [^`\n]+)`", text)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_each_command_is_there_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = root
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        if "|" in name:
            assert all(command.get_command(click.Context(command), each) for each in name.split("|")), line
            return
        here = click.Context(command)
        found = command.get_command(here, name) or command.get_command(
            here, "list"
        )  # What a group does that lists.
        assert found is not None, f"there is no {name!r} in: {line}"
        command = found
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    asked = {word.strip("[]").split("=")[0] for word in words if word.strip("[").startswith("--")}
    assert asked <= known, line
