"""`strangler config`: check the configuration, also against the live legacy databases; print its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ConfigurationError
from strangler.urls import display

if TYPE_CHECKING:
    from strangler.configuration.document import Document
    from strangler.inspection import Inspection
    from strangler.mapping import EntityMapping
    from strangler.settings import Settings


@click.group()
def group() -> None:
    """Check the configuration; print its JSON Schema."""


@group.command()
@click.option("--offline", is_flag=True, help="Look at the file only; connect to nothing.")
@pass_application
def check(application: Application, offline: bool) -> None:
    """Name everything that is wrong, all of it at once.

    Tables and mappings are checked against the legacy databases too, unless --offline is given. Nothing is changed.
    """
    from strangler import configuration

    settings, document = configuration.load_with_lines(application.path)
    inspection = None
    from strangler.facade import translations

    _, wrong = translations.read(settings)
    if offline:
        from strangler import python_functions

        _, found = python_functions.read(settings)
    else:
        from strangler.inspection import inspect

        inspection = inspect(settings)
        found = [*inspection.unreached, *inspection.findings]
    if found or wrong:
        raise ConfigurationError(configuration.problems(application.path, document, [*found, *wrong]))
    _print(application, settings, inspection)
    _warn(application, settings, document)
    _conclude(application, inspection)


@group.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from strangler.configuration import reference

    click.echo(json.dumps(reference.schema(), indent=2, ensure_ascii=False))


def _print(application: Application, settings: Settings, inspection: Inspection | None) -> None:
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from strangler.settings import ended_rules, ended_tolerances

    console = Console(soft_wrap=True, highlight=False)
    grid = Table(
        "function",
        "entity",
        "legacy table",
        "key",
        "fields",
        "routes",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for name, function in settings.functions.items():
        for index, (entity_name, entity) in enumerate(function.entities.items()):
            first = index == 0
            grid.add_row(
                name if first else "",
                entity_name,
                f"{function.source}: {entity.table}",
                ", ".join(entity.key),
                str(len(entity.fields)),
                str(len(function.routes)) if first else "",
            )
    console.print(grid)
    console.print()
    for name, source in settings.sources.items():
        state = "not asked (--offline)" if inspection is None else "reached; tables and mappings fit"
        console.print(Text(f"source {name}: {display(source.url.get_secret_value())}, {state}"))
    for name, store in settings.stores.items():
        console.print(Text(f"store {name}: {display(store.url.get_secret_value())}"))
    for mapping, why in inspection.by_row if inspection else ():
        shape = mapping.shape
        console.print(Text(f"{shape.function}.{shape.entity} is backfilled and reconciled row by row: {why}"))
    for words in _without_way_back(settings, inspection.mappings if inspection else ()):
        console.print(Text.assemble(("! ", "bold yellow"), words))
    today = datetime.now(UTC).date()
    for name, function in settings.functions.items():
        for words in ended_tolerances(function, today):
            console.print(Text.assemble(("! ", "bold yellow"), f"{name}.{words}"))
        for words in ended_rules(function.shadow.rules, today):
            console.print(Text.assemble(("! ", "bold yellow"), f"{name}: {words}"))
    for words in ended_rules(settings.facade.shadow.rules if settings.facade else [], today):
        console.print(Text.assemble(("! ", "bold yellow"), f"facade: {words}"))


def _without_way_back(settings: Settings, mappings: Sequence[EntityMapping]) -> Iterator[str]:
    """The fields that a rollback would lose, of functions of which what new writes returns."""
    from strangler.cli.returning import lost

    for part in (part for mapping in mappings for part in mapping.parts()):
        if settings.functions[part.shape.function].return_ is not None:
            for field, why in lost(part):
                name = f"{part.shape.function}.{part.shape.entity}.{field}"
                yield f"{name} has no way back, and would be lost by a rollback: {why}"


def _warn(application: Application, settings: Settings, document: Document) -> None:
    """What is no mistake, but may not be meant."""
    from strangler import configuration
    from strangler.configuration.routed import loose_ends

    for problem in configuration.problems(application.path, document, loose_ends(settings)):
        click.echo(click.style("! ", fg="yellow", bold=True) + str(problem))


def _conclude(application: Application, inspection: Inspection | None) -> None:
    told = "" if inspection else ", as far as the file itself tells"
    click.echo(click.style(f"{application.path} is fine{told}", fg="green", bold=True))
