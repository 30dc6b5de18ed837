"""The command line: one root group, its commands loaded when they run, and one place where an error becomes words.

Exit codes: 0 done; 1 tried without success, or the state refuses it; 2 wrong usage, wrong configuration, or what is
needed isn't there; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Any, Final

import click

from strangler import __version__
from strangler.cli.application import Application
from strangler.cli.lazy import Lazy, LazyGroup
from strangler.collector import collect_late
from strangler.errors import ConfigurationError, Problem, StranglerError

INTERRUPTED: Final = 130
"""The exit code of a command that was ended by Ctrl-C, as shells count it."""

PREPARE, MOVE, LOOK, RUN = "Prepare", "Move a function", "Look and check", "Run"

COMMANDS: Final[dict[str, Lazy]] = {
    "init": Lazy(
        "strangler.cli.init:command", PREPARE, "Write a starter configuration from a live legacy database."
    ),
    "config": Lazy("strangler.cli.config:group", PREPARE, "Check the configuration; print its JSON Schema."),
    "doctor": Lazy(
        "strangler.cli.doctor:command",
        PREPARE,
        "Say what is missing to run, and the statement that mends it.",
    ),
    "connect": Lazy(
        "strangler.cli.connect:group", PREPARE, "Register connectors with Kafka Connect; show how they are."
    ),
    "db": Lazy("strangler.cli.db:group", PREPARE, "Upgrade or inspect the control store."),
    "run": Lazy("strangler.cli.run:run", RUN, "Run worker and facade together, in one process."),
    "worker": Lazy("strangler.cli.run:worker", RUN, "Run the sync: capture, backfill, delivery."),
    "facade": Lazy("strangler.cli.facade:command", RUN, "Run the HTTP front that callers use."),
    "facades": Lazy("strangler.cli.facades:group", RUN, "Show the facades, and forget one that has ended."),
    "comparer": Lazy("strangler.cli.facade:comparer", RUN, "Compare what another proxy mirrors."),
    "access": Lazy("strangler.cli.access:group", RUN, "Give and take access: who may decide, and as what."),
    "stages": Lazy("strangler.cli.cutover:stages", MOVE, "Explain the stages, and what each means."),
    "status": Lazy("strangler.cli.cutover:status", MOVE, "Show where every function stands."),
    "cohorts": Lazy(
        "strangler.cli.cutover:cohorts", MOVE, "List the cohorts of a function that move on their own."
    ),
    "plan": Lazy(
        "strangler.cli.cutover:plan", MOVE, "Show what the next move needs and does; change nothing."
    ),
    "advance": Lazy("strangler.cli.cutover:advance", MOVE, "Move a function forward when its gates pass."),
    "rollback": Lazy("strangler.cli.cutover:rollback", MOVE, "Move a function back."),
    "approve": Lazy("strangler.cli.approve:command", MOVE, "Say yes to a step that waits for approval."),
    "freezes": Lazy("strangler.cli.approve:freezes", MOVE, "Show when nothing moves forwards."),
    "hold": Lazy("strangler.cli.cutover:hold", MOVE, "Keep a function from advancing, with a reason."),
    "release": Lazy("strangler.cli.cutover:release", MOVE, "Lift a hold."),
    "separate": Lazy("strangler.cli.cutover:separate", MOVE, "Let a cohort move on its own."),
    "rejoin": Lazy("strangler.cli.cutover:rejoin", MOVE, "Let a cohort move with all the others again."),
    "backfill": Lazy(
        "strangler.cli.backfill:command", LOOK, "Watch a function's backfill, or ask for another one."
    ),
    "snapshot": Lazy(
        "strangler.cli.rebuild:snapshot",
        LOOK,
        "Copy what a store holds, for a later rebuild; list the copies.",
    ),
    "rebuild": Lazy("strangler.cli.rebuild:rebuild", LOOK, "Make a store anew from a snapshot and the log."),
    "reconcile": Lazy(
        "strangler.cli.reconcile:group", LOOK, "Compare legacy and store; show what differs, now and before."
    ),
    "quality": Lazy(
        "strangler.cli.quality:group", LOOK, "Check the data of legacy, store or events; list what fails."
    ),
    "shadow": Lazy(
        "strangler.cli.shadow:command",
        LOOK,
        "Show how the answers of both sides compare, and why not.",
    ),
    "keys": Lazy(
        "strangler.cli.keys:command", LOOK, "Show which legacy key and which new key belong together."
    ),
    "quarantine": Lazy(
        "strangler.cli.quarantine:group", LOOK, "List, retry or drop what couldn't be translated."
    ),
    "conflicts": Lazy(
        "strangler.cli.conflicts:group", LOOK, "List and decide what couldn't return to legacy."
    ),
    "rehearse": Lazy(
        "strangler.cli.rehearse:command", MOVE, "Try the way back of a function; writes to neither side."
    ),
    "late-writes": Lazy(
        "strangler.cli.late_writes:group", LOOK, "List what legacy still writes of what new owns; accept it."
    ),
    "log": Lazy("strangler.cli.log:group", LOOK, "Show what the event log holds."),
    "source": Lazy(
        "strangler.cli.source:group",
        LOOK,
        "List the sources; accept an altered one; reset a lost one.",
    ),
    "route": Lazy("strangler.cli.route:group", LOOK, "Say who answers a request; replay an access log."),
    "mapping": Lazy(
        "strangler.cli.mapping:group",
        LOOK,
        "Show what a changed mapping would do; write one as SQL.",
    ),
    "export": Lazy(
        "strangler.cli.export:group",
        LOOK,
        "Write the contracts of the events, or routes for a proxy.",
    ),
    "ledger": Lazy(
        "strangler.cli.ledger:group",
        LOOK,
        "Show every decision; verify that none was changed; export them.",
    ),
    "report": Lazy(
        "strangler.cli.report:command", LOOK, "Write the progress report as HTML, Markdown or JSON."
    ),
}


class Worded(click.ClickException):
    """A `StranglerError` on its way to the terminal: what, why and what to do, coloured on a terminal."""

    def __init__(self, error: StranglerError) -> None:
        super().__init__(str(error))
        self.error = error
        self.exit_code = int(error.exit_code)  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        out = file or sys.stderr
        if isinstance(self.error, ConfigurationError):
            for problem in self.error.problems:
                click.echo(_problem(problem), file=out)
            count = len(self.error.problems)
            click.echo(
                click.style(f"{count} problem{'s' if count != 1 else ''}", fg="red", bold=True), file=out
            )
            return
        click.echo(click.style("error: ", fg="red", bold=True) + self.error.what, file=out)
        for label, text in (("why", self.error.why), ("do", self.error.do)):
            if text:
                click.echo(
                    click.style(f"  {label + ':':<5}", bold=True) + text.replace("\n", "\n       "), file=out
                )


def _problem(problem: Problem) -> str:
    """`str(problem)` in colours: the place, the key path, and what mends it stand out."""
    text = str(problem)
    if problem.path:
        text = text.replace(f": {problem.path}: ", f": {click.style(problem.path, bold=True)}: ", 1)
    return text.replace("\n    fix: ", f"\n    {click.style('fix:', fg='green', bold=True)} ")


class Root(LazyGroup):
    """Turns what commands raise and return into messages and exit codes; a returned `ExitCode` is its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Bytes that are no text reach Python as halves of surrogate pairs, which nothing can store or print."""
        for argument in args:
            if any("\ud800" <= each <= "\udfff" for each in argument):
                raise click.UsageError(f"the argument {argument!r} isn't text in UTF-8", ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
        except StranglerError as error:
            raise Worded(error) from error
        except KeyboardInterrupt as interrupted:
            for each in ("interrupted", *getattr(interrupted, "__notes__", ())):
                click.echo(each, err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        if isinstance(result, int) and result:
            raise click.exceptions.Exit(int(result))
        return result


@click.group(
    cls=Root,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "--version", prog_name="strangler", message="%(prog)s %(version)s")
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default="strangler.yaml",
    envvar="STRANGLER_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.pass_context
def root(ctx: click.Context, path: Path) -> None:
    """Leave a legacy ERP one business function at a time."""
    application = Application(path)
    ctx.obj = application
    ctx.call_on_close(application.close)


def main() -> None:
    """The console script."""
    collect_late()
    root(prog_name="strangler")
