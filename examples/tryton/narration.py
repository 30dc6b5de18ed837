"""What the demo shows in the terminal: chapters, sentences, and the commands that a user would type with what they answer."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from strangler.durations import format_duration
from strangler.errors import StranglerError

AGAIN: Final = 0.5
"""Seconds between two looks at the gates."""


PLAIN: Final = 130
"""Columns where there is no terminal: enough for the tables."""

SHOWN: Final = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0"}
"""Lets commands colour their answers as on a terminal, but without moving pictures."""


class Unexpected(StranglerError):
    """A command answered otherwise than the demo has to expect; the demo ends here."""


class Narrator:
    """Tells the story, and types the commands. `environment` is added to what the commands inherit."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = Console(highlight=False)
        self.console = found if found.is_terminal else Console(highlight=False, width=PLAIN)
        self.environment = dict(environment or {})
        self._began = time.monotonic()
        self._chapter = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        self._chapter += 1
        heading = f"[bold]{self._chapter}  {title}[/]  [dim]{format_duration(self.elapsed)}[/]"
        self.console.print()
        self.console.print(Rule(heading, align="left", style="cyan"))

    def say(self, text: str) -> None:
        self.console.print(Padding(text, (0, 0, 0, 3)))

    def done(self, text: str) -> None:
        self.console.print(Padding(f"[green]✓[/] {text}", (0, 0, 0, 3)))

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show that something takes its time, and afterwards how long it took."""
        started = time.monotonic()
        with self.console.status(f"[cyan]{what} …"):
            yield
        self.done(f"{what} [dim]{format_duration(time.monotonic() - started)}[/]")

    def type(self, *arguments: str, expect: int = 0) -> str:
        """Type a `strangler` command, show it with its answer, and give the answer. Raises Unexpected for another exit code."""
        self._prompt(arguments)
        code, answer = self._run(arguments)
        self._answer(answer)
        if code != expect:
            raise _unexpected(arguments, code, expect, answer)
        return answer

    def type_when_allowed(self, *arguments: str, allowed: Callable[[], bool], within: float = 120) -> str:
        """Wait up to `within` seconds until `allowed()`, then type the command. Raises Unexpected."""
        deadline = time.monotonic() + within
        with self.console.status("[cyan]the gates gather evidence …"):
            while not allowed() and time.monotonic() < deadline:
                time.sleep(AGAIN)
        return self.type(*arguments)

    def _run(self, arguments: tuple[str, ...]) -> tuple[int, str]:
        result = subprocess.run(
            [*strangler(), *arguments],
            env={**os.environ, **self.environment, **SHOWN, "COLUMNS": str(max(60, self.console.width - 6))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout.rstrip()

    def _prompt(self, arguments: tuple[str, ...]) -> None:
        self.console.print()
        self.console.print(
            Padding(Text(f"$ strangler {shlex.join(arguments)}", style="bold yellow"), (0, 0, 0, 3))
        )

    def _answer(self, answer: str) -> None:
        if answer:
            self.console.print(Padding(Text.from_ansi(answer), (0, 0, 0, 5)))


def strangler() -> list[str]:
    """The command `strangler` of the environment that runs us, whatever the PATH is."""
    return [sys.executable, str(Path(sys.executable).with_name("strangler"))]


def _unexpected(arguments: tuple[str, ...], code: int, expected: int, answer: str) -> Unexpected:
    what = f"`strangler {shlex.join(arguments)}` ended with {code}, not with {expected}"
    return Unexpected(what, why=answer[-1500:])
