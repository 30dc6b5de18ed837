"""`strangler keys`: which legacy key and which new one belong together."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode
from strangler.names import unknown


@click.command()
@click.argument("entity", metavar="FUNCTION.ENTITY")
@click.argument("values", nargs=-1, required=True, metavar="VALUE…")
@click.option(
    "--legacy", "direction", flag_value="legacy", help="The values are a legacy key, column by column."
)
@click.option("--new", "direction", flag_value="new", help="The value is a new key.")
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def command(
    application: Application, entity: str, values: tuple[str, ...], direction: str | None, wants_json: bool
) -> ExitCode:
    """Show the legacy key and the new key of one entity whose key is a SURROGATE.

    From the store; a new key is computed too, so that it is known before its row is there. A value that begins with a minus
    stands behind `--`.

    Exit code 0: the store has the row. 1: it doesn't.
    """
    from strangler import assembly
    from strangler.cross_reference import CrossReference

    if direction is None:
        raise click.UsageError("say with --legacy or --new which key this is")
    if direction == "new" and len(values) > 1:
        raise click.UsageError("--new takes one UUID")
    name, _, called = entity.partition(".")
    section = application.function(name)
    if called not in section.entities:
        raise unknown("entity", called, list(section.entities), where=f"in function {name}")
    settings = application.settings
    with ExitStack() as stack:
        source = stack.enter_context(closing(assembly.source(settings, section.source)))
        mappings = assembly.mappings(settings, name, source)
        reference = CrossReference(next(each for each in mappings if each.shape.entity == called))
        store = stack.enter_context(closing(assembly.store(settings, section.store)))
        side = stack.enter_context(closing(store.reader()))
        pair = (
            reference.of_legacy(side, values) if direction == "legacy" else reference.of_new(side, values[0])
        )
    if wants_json:
        click.echo(json.dumps({"legacy": pair.legacy or None, "new": pair.new, "stored": pair.stored}))
    else:
        click.echo("legacy  " + (", ".join(f"{k} = {v}" for k, v in pair.legacy.items()) or "not known"))
        click.echo(f"new     {pair.new}")
        if not pair.stored:
            told = "computed; " if pair.legacy else ""
            click.echo(f"        {told}the store has no row with this key")
    return ExitCode.OK if pair.stored else ExitCode.FAILED
