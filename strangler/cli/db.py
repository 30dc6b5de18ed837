"""`strangler db`: the tables of the control store.

Every start brings them up to date by itself; this is to look, and to do it at a moment of one's own choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode

if TYPE_CHECKING:
    from strangler.control.store import Control


@click.group()
def group() -> None:
    """Upgrade or inspect the control store."""


@group.command()
@pass_application
def upgrade(application: Application) -> None:
    """Bring the tables of the control store to the revision that this version needs."""
    from strangler.control import schema

    with _as_it_is(application) as control:
        done = schema.upgrade(control)
        state = "upgraded to" if done else "already at"
        click.echo(f"{control.place}: {state} revision {schema.wanted()}")


@group.command()
@pass_application
def current(application: Application) -> None:
    """Show the revision that the control store has."""
    from strangler.control import schema

    with _as_it_is(application) as control:
        revision = schema.current(control) or "none"
        click.echo(f"{control.place}: revision {revision}, this version needs {schema.wanted()}")


@group.command()
@pass_application
def check(application: Application) -> ExitCode:
    """Compare the tables with what this version needs; exit 1 and list what differs."""
    from strangler.control import schema

    with _as_it_is(application) as control:
        differences = schema.check(control)
        for difference in differences:
            click.echo(f"{control.place}: {difference}")
        if not differences:
            click.echo(f"{control.place}: as it must be, revision {schema.wanted()}")
    return ExitCode.FAILED if differences else ExitCode.OK


def _as_it_is(application: Application) -> Control:
    """The control store without the upgrade that every other command begins with."""
    from strangler.control.store import Control

    database = application.settings.control
    assert database is not None, "configuration.load fills the default in"
    return Control.open(database.url.get_secret_value(), upgrade=False)
