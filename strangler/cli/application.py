"""What every command stands on: the settings and the control store, each opened when it is first asked for.

A command takes it with `@pass_application`. Nothing heavy is imported here, so that `strangler --help` is quick.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from strangler.cutover.stages import EVERYONE
from strangler.errors import StranglerError
from strangler.names import unknown

if TYPE_CHECKING:
    from strangler.control.store import Control
    from strangler.settings import Function, Settings

LONGEST_COHORT: Final = 64
"""Characters of the name of a cohort; the control store has room for so many."""


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

    def function(self, name: str, cohort: str = EVERYONE) -> Function:
        """The settings of the function that the user named. Raises StranglerError with the nearest name, and when it has no cohorts but
        one is asked for."""
        found = self.settings.functions.get(name)
        if found is None:
            raise unknown("function", name, list(self.settings.functions), where=f"in {self.path}")
        if cohort != EVERYONE:
            _require_cohort(name, found, cohort)
        return found

    def close(self) -> None:
        """Close what was opened."""
        opened = self.__dict__.pop("control", None)
        if opened is not None:
            opened.close()


def _require_cohort(name: str, function: Function, cohort: str) -> None:
    if function.cohorts is None:
        raise StranglerError(
            f"{name} has no cohorts",
            why=f"functions.{name}.cohorts isn't configured, so nothing tells its requests apart",
            do="cohorts: {from: [{header: X-Company}]}; see docs/routing.md",
        )
    if function.cohorts.names and cohort not in function.cohorts.names:
        raise unknown("cohort", cohort, function.cohorts.names, where=f"in functions.{name}.cohorts.names")
    if not 0 < len(cohort) <= LONGEST_COHORT:
        raise StranglerError(
            f"{cohort!r} can't be a cohort", why=f"its name has 1 to {LONGEST_COHORT} characters"
        )


pass_application = click.make_pass_decorator(Application)
"""Gives a command the `Application` as its first argument."""
