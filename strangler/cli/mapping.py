"""`strangler mapping`: what a changed configuration would do to the entities, and what an entity is in SQL, for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ConfigurationError, ExitCode, StranglerError
from strangler.names import unknown

if TYPE_CHECKING:
    from strangler.blast import Name
    from strangler.mapping import EntityMapping
    from strangler.mapping.difference import Mapped
    from strangler.ports import ChangeSource


DIALECTS: Final = ("tsql", "oracle", "postgres", "mysql", "sqlite")
"""In which a mapping is written out, by sqlglot's name."""


@click.group()
def group() -> None:
    """Compare the mappings with those of another configuration; write one out as SQL."""


@group.command()
@click.argument("other", type=click.Path(path_type=Path, dir_okay=False), metavar="OTHER.yaml")
@click.option("--function", metavar="F", help="Only the entities of this function.")
@click.option(
    "--samples", type=click.IntRange(min=0), default=3, show_default=True, metavar="N", help="Samples to show of each field."
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="ROWS", help="Look at so many rows of each entity only."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pass_application
def diff(
    application: Application,
    other: Path,
    function: str | None,
    samples: int,
    limit: int | None,
    as_json: bool,
) -> ExitCode:
    """Show the blast radius of OTHER.yaml.

    Which entities it maps otherwise, how many of them would read differently, by field, and samples.

    The rows are read from the sources of the current configuration, once for both mappings. Nothing is changed.

    Exit code 0: no mapping differs. 1: one does. 2: could not look.
    """
    from strangler import blast
    from strangler.cli import blast_radius
    from strangler.cli.standing import console

    with ExitStack() as stack:
        sources = _sources(application, stack)
        before = _mapped(application, sources, function)
        after = _mapped(Application(other), sources, function)
        if function is not None and not before and not after:
            application.function(function)
        told = stack.enter_context(_progress())
        looking = blast.Looking(samples, limit, told)
        found = list(blast.changes(before, after, lambda source: sources[source].reader(), looking))
    if as_json:
        click.echo(json.dumps(blast_radius.as_json(found, limit), indent=2, ensure_ascii=False))
    elif found:
        console().print(blast_radius.as_tables(found, limit))
    else:
        click.echo("no mapping differs")
    return ExitCode.FAILED if found else ExitCode.OK


@group.command()
@click.argument("entity", metavar="FUNCTION.ENTITY")
@click.option(
    "--dialect",
    type=click.Choice(DIALECTS),
    help="Of which database; without it, that of the entity's source.",
)
@pass_application
def sql(application: Application, entity: str, dialect: str | None) -> ExitCode:
    """Print FUNCTION.ENTITY as a SELECT in the new shape.

    Below it, as comments, what can't be said in the dialect and why, and what holds of all that it says.

    In PostgreSQL, MySQL and SQLite it is what backfill asks. In T-SQL and Oracle it is for people only: for a view, an ETL job, a check
    in a data warehouse. The legacy tables are looked at, nothing is changed.

    Exit code 0: all is said. 1: something can't be. 2: could not look.
    """
    from strangler.cli import written_sql
    from strangler.mapping.written import written_out

    mapping, own = _mapping(application, entity)
    spoken = dialect or own
    if spoken not in DIALECTS:
        raise StranglerError(
            f"mappings aren't written out in {spoken}",
            why=f"that is the dialect of the source of {entity}",
            do=f"name another: --dialect {'|'.join(DIALECTS)}",
        )
    found = written_out(mapping.plan, spoken)
    click.echo(written_sql.as_text(entity, spoken, found))
    return ExitCode.FAILED if found.unsaid else ExitCode.OK


def _mapping(application: Application, entity: str) -> tuple[EntityMapping, str]:
    """The compiled entity, and the dialect of its source. Raises ConfigurationError with all that is wrong with the source's."""
    from strangler import assembly, configuration
    from strangler.inspection import Inspection, inspect_source

    settings, document = configuration.load_with_lines(application.path)
    function, _, name = entity.partition(".")
    known = application.function(function)
    if name not in known.entities:
        raise unknown("entity", name, list(known.entities), where=f"in {function}")
    inspection = Inspection()
    with closing(assembly.source(settings, known.source)) as source:
        inspect_source(settings, known.source, source, inspection)
        if inspection.findings:
            raise ConfigurationError(configuration.problems(application.path, document, inspection.findings))
        with closing(source.reader()) as reader:
            dialect = reader.dialect
    shapes = {(each.shape.function, each.shape.entity): each for each in inspection.mappings}
    return shapes[function, name], dialect


def _sources(application: Application, stack: ExitStack) -> dict[str, ChangeSource]:
    """The sources of the current configuration; from these the rows are read, whichever mapping sees them."""
    from strangler import assembly

    settings = application.settings
    return {name: stack.enter_context(closing(assembly.source(settings, name))) for name in settings.sources}


def _mapped(
    application: Application, sources: dict[str, ChangeSource], function: str | None
) -> dict[Name, Mapped]:
    """The compiled entities of the configuration. Raises ConfigurationError with all that is wrong."""
    from strangler import blast, configuration
    from strangler.inspection import Inspection, inspect_source

    settings, document = configuration.load_with_lines(application.path)
    if strange := sorted(settings.sources.keys() - sources.keys()):
        raise StranglerError(
            f"{application.path} has the source {', '.join(strange)}, which the current configuration doesn't have",
            why="the rows are read from the current sources",
            do="name its sources as the current configuration does",
        )
    inspection = Inspection()
    for name in settings.sources:
        inspect_source(settings, name, sources[name], inspection)
    if inspection.findings:
        raise ConfigurationError(configuration.problems(application.path, document, inspection.findings))
    found = blast.mapped(settings, inspection.mappings)
    return {name: each for name, each in found.items() if function in (None, name.function)}


@contextmanager
def _progress() -> Iterator[Callable[[Name, int], None]]:
    """How many rows were read, on a terminal; nothing where there is none."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the legacy tables")
        yield lambda name, rows: progress.update(task, description=f"{name.entity}: {rows:,} rows read")
