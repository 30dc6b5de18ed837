"""`strangler route`: who answers a request and why, and what a configuration would send elsewhere than a log says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode, StranglerError

if TYPE_CHECKING:
    from strangler.routing import Asked, Decision, Found, RouteTable, Standings, Values
    from strangler.routing.explanation import Candidate
    from strangler.settings import Facade, Settings

SHOWN: Final = 12
"""Routes that were passed over, of which so many are listed: an ERP may have thousands at one path."""


@click.group()
def group() -> None:
    """Explain who answers a request; replay an access log on a new configuration."""


@group.command()
@click.argument("request")
@click.option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="A header of the request; also Host and Cookie.",
)
@click.option(
    "-d", "--data", metavar="TEXT|@FILE", help="The body; @FILE reads it from a file, @- from the input."
)
@click.option(
    "--caller",
    metavar="TEXT",
    help="What keeps the caller on its side: a value of facade.sticky, or its address. By default what the headers say.",
)
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def explain(
    application: Application,
    request: str,
    headers: tuple[str, ...],
    data: str | None,
    caller: str | None,
    wants_json: bool,
) -> None:
    """Say which function and which side answer REQUEST now, and why: 'POST /parties/7', or a path alone for a GET.

    Nothing is sent. Where functions stand is read from the control store.
    """
    from strangler.routing import BadPath
    from strangler.routing.explanation import candidates

    table = _table(application.settings, application.path)
    asked = _asked(request, headers, data is not None)
    try:
        found = table.find(asked)
        values = _values(
            found, asked, _body(data), _facade(application.settings, application.path).body_prefix
        )
        decision = _decision(application, table, asked, found, values, caller)
        listed = candidates(table, asked, found, values)
    except BadPath as error:
        raise StranglerError(
            f"the facade refuses {request!r} with 400", why=str(error), do="write it as callers must"
        ) from error
    if wants_json:
        click.echo(json.dumps(_explained(decision, listed), indent=2, ensure_ascii=False))
    else:
        _print_decision(decision, listed)


@group.command()
@click.argument("log", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Another configuration, to compare this one with; the log is asked for requests only.",
)
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def replay(application: Application, log: Path, against: Path | None, wants_json: bool) -> ExitCode:
    """Show what the configuration would send elsewhere than the access log LOG says; - for the input, .gz is unpacked.

    Reads the access log of the facade, and the common and combined formats of nginx and Apache. Of a server in front of legacy every
    request counts as answered by legacy. Exit code: 1 when something moves; 2 when nothing does but some of it could not be judged,
    since a log has no bodies, and ours neither queries nor headers.
    """
    from strangler.cli.replayed import Lines, as_json, opened, show
    from strangler.routing.replay import replay_change, replay_log

    table = _table(application.settings, application.path)
    other = _table(_settings(against), against) if against else None
    standings = _standings(application)
    lines = Lines()
    with opened(log) as file:
        requests = lines.read(file)
        done = (
            replay_change(requests, table, other, standings)
            if other
            else replay_log(requests, table, standings)
        )
    if wants_json:
        click.echo(json.dumps(as_json(done, lines), indent=2, ensure_ascii=False))
    else:
        show(done, lines)
    if done.moved:
        return ExitCode.FAILED
    return ExitCode.UNUSABLE if done.unjudged or lines.unread or not done.same else ExitCode.OK


def _settings(path: Path) -> Settings:
    from strangler.configuration import load

    return load(path)


def _table(settings: Settings, path: Path) -> RouteTable:
    from strangler.routing import compile_routes

    return compile_routes(settings.functions, _facade(settings, path))


def _facade(settings: Settings, path: Path) -> Facade:
    if settings.facade is None:
        raise StranglerError(
            f"there is no facade in {path}", do="facade: {legacy: 'http://127.0.0.1:8000'}, and routes"
        )
    return settings.facade


def _standings(application: Application) -> Standings:
    from strangler.control import standings
    from strangler.routing import picture

    snapshot = standings.snapshot(application.control)
    return picture(snapshot.generation, snapshot.standings)


def _asked(request: str, headers: tuple[str, ...], has_body: bool) -> Asked:
    from strangler.routing import Asked

    method, _, target = request.strip().rpartition(" ")
    method = method.strip() or ("POST" if has_body else "GET")
    named: dict[str, str] = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{header!r} is no header", param_hint="-H")
        name, joint = name.strip().lower(), "; " if name.strip().lower() == "cookie" else ", "
        named[name] = f"{named[name]}{joint}{value.strip()}" if name in named else value.strip()
    return Asked(method, target, named)


def _body(data: str | None) -> bytes | None:
    if data is None or not data.startswith("@"):
        return data.encode() if data is not None else None
    try:
        return sys.stdin.buffer.read() if data == "@-" else Path(data[1:]).read_bytes()
    except OSError as error:
        raise click.BadParameter(
            f"{data[1:]} can't be read: {error.strerror or error}", param_hint="--data"
        ) from error


def _values(found: Found, asked: Asked, body: bytes | None, limit: int) -> Values | None:
    """What the body shows of what is wanted; None without a body where one is wanted."""
    from strangler.facade.answers import BadRequest
    from strangler.facade.look import Look

    if body is None or not found.wanted:
        return None if found.wanted else {}
    look = Look(asked, found.wanted, limit)
    try:
        if body:
            look.feed(body[:limit], only=len(body) <= limit)
        if len(body) <= limit:
            look.end()
    except BadRequest as error:
        raise StranglerError("the facade refuses this body with 400", why=error.detail) from error
    return look.values


def _decision(
    application: Application,
    table: RouteTable,
    asked: Asked,
    found: Found,
    values: Values | None,
    caller: str | None,
) -> Decision:
    from strangler.cli.recorded import Recorded
    from strangler.routing import Who, decide

    standings = _standings(application)
    who = Who(caller if caller is not None else table.identify(asked, "127.0.0.1"))
    return decide(table, standings, asked, found, values, who, 0.0, Recorded(application.control))


def _explained(decision: Decision, listed: list[Candidate]) -> dict[str, Any]:
    route = next((each.route for each in listed if not each.why), None)
    return {
        **{name: value for name, value in decision.told().items() if name != "shadow"},
        "shadowed": decision.shadow,
        "route": route.place if route else None,
        "passed_over": [
            {"route": each.route.place, "path": _path(each), "why": each.why} for each in listed if each.why
        ],
    }


def _path(candidate: Candidate) -> str:
    from strangler.routing.paths import written

    return written(candidate.route.template)


def _print_decision(decision: Decision, listed: list[Candidate]) -> None:
    route = next((each for each in listed if not each.why), None)
    side = f"refused with {decision.status}" if decision.status else decision.side.value
    facts = [
        ("function", decision.function or "none"),
        ("route", f"{route.route.place}  {_path(route)}" if route else ""),
        ("kind", decision.kind or ""),
        ("operation", decision.operation or ""),
        ("cohort", decision.cohort or ""),
        ("key", decision.key or ""),
        ("side", f"{side}{', shadowed' if decision.shadow else ''}"),
        ("why", decision.why),
    ]
    for name, value in facts:
        if value:
            click.echo(click.style(f"{name + ':':<11}", bold=True) + value)
    passed = [each for each in listed if each.why]
    if passed:
        click.echo(click.style("passed over:", bold=True))
    for each in passed[:SHOWN]:
        click.echo(f"  {each.route.place}  {_path(each)}: {each.why}")
    if len(passed) > SHOWN:
        click.echo(f"  and {len(passed) - SHOWN} more (--json lists all)")
