"""`strangler export`: the events as contracts, for those who read them (JSON Schema of each, AsyncAPI of the log), and the routes as
configuration of other proxies, or as flags."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strangler.cli import export_flags, export_planes
from strangler.cli.application import Application, pass_application
from strangler.cli.writing import write

if TYPE_CHECKING:
    from strangler.contracts.contract import Contract


@click.group()
def group() -> None:
    """Write the contracts of the events as the mappings make them now, or how functions stand now for another proxy or as flags."""


for _command in (*export_planes.COMMANDS, export_flags.command):
    group.add_command(_command)


@group.command()
@click.option("--function", metavar="F", help="Only the events of this function.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A folder, made when missing: two files for each event type. [default: one document to stdout]",
)
@pass_application
def jsonschema(application: Application, function: str | None, output: Path | None) -> None:
    """Write JSON Schema of each event type.

    One of the whole CloudEvent, and one of its data; each stands alone.
    """
    from strangler.contracts import schemas

    made = _contracts(application, function)
    if output is None:
        click.echo(_json(schemas.document(application.settings.name, made)), nl=False)
        return
    for each in made:
        write(output / f"{each.name}.json", _json(schemas.whole(each)), "the schema")
        write(output / f"{each.name}.data.json", _json(schemas.data(each)), "the schema")
    click.echo(f"the schemas of {len(made)} event types are in {output}", err=True)


@group.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file whose name ends in .yaml, .yml or .json. [default: YAML to stdout]",
)
@pass_application
def asyncapi(application: Application, output: Path | None) -> None:
    """Write AsyncAPI 3.0 of the event log.

    Where each function's events are, in what form they stand there, and what is in them.
    """
    from strangler import assembly
    from strangler.contracts import asyncapi as description

    ending = output.suffix if output else ".yaml"
    if ending not in (".yaml", ".yml", ".json"):
        raise click.BadParameter(
            "the name must end in .yaml, .yml or .json, which says how to write it", param_hint="--output"
        )
    settings = application.settings
    made = _contracts(application, None)
    titles = {name: function.title or name for name, function in settings.functions.items()}
    with closing(assembly.log(settings)) as log:
        document = description.document(settings.name, titles, made, log.address)
    text = _json(document) if ending == ".json" else _yaml(document)
    if output is None:
        click.echo(text, nl=False)
        return
    write(output, text, "the description")
    click.echo(f"the description of the log is in {output}", err=True)


def _contracts(application: Application, function: str | None) -> list[Contract]:
    """Those of one function, or of all."""
    from strangler import assembly
    from strangler.contracts.contract import contracts

    settings = application.settings
    if function is not None:
        application.function(function)
    mappings = []
    for name in [function] if function else settings.functions:
        with closing(assembly.source(settings, settings.functions[name].source)) as legacy:
            mappings += assembly.mappings(settings, name, legacy)
    return contracts(settings.name, mappings)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _yaml(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text
