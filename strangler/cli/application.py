"""What every command stands on: the settings and the control store, each opened when it is first asked for.

A command takes it with `@pass_application`. Nothing heavy is imported here, so that `strangler --help` is quick.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strangler.names import unknown

if TYPE_CHECKING:
    from strangler.control.store import Control
    from strangler.settings import Function, Settings


class Application:
    """One invocation of the command line. `path` is the configuration file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def settings(self) -> Settings:
        """The configuration, checked. Raises ConfigurationError with every problem."""
        from strangler.configuration import load

        return load(self.path)

    @cached_property
    def control(self) -> Control:
        """The control store, migrated to this version."""
        from strangler.assembly import control

        return control(self.settings)

    def function(self, name: str) -> Function:
        """The settings of the function that the user named. Raises StranglerError with the nearest name."""
        found = self.settings.functions.get(name)
        if found is None:
            raise unknown("function", name, list(self.settings.functions), where=f"in {self.path}")
        return found

    def close(self) -> None:
        """Close what was opened."""
        opened = self.__dict__.pop("control", None)
        if opened is not None:
            opened.close()


pass_application = click.make_pass_decorator(Application)
"""Gives a command the `Application` as its first argument."""
