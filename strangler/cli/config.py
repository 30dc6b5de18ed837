"""`strangler config`: check the configuration, also against the live legacy databases; print its JSON Schema."""

from __future__ import annotations

import json

import click

from strangler.cli.application import Application, pass_application


@click.group()
def group() -> None:
    """Check the configuration; print its JSON Schema."""


@group.command()
@click.option("--offline", is_flag=True, help="Look at the file only; connect to nothing.")
@pass_application
def check(application: Application, offline: bool) -> None:
    """Name everything that is wrong, all of it at once."""
    settings = application.settings
    click.echo(f"{application.path}: ok ({len(settings.functions)})")


@group.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from strangler.configuration import reference

    click.echo(json.dumps(reference.schema(), indent=2, ensure_ascii=False))
