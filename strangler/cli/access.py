"""`strangler access`: who may decide by commands and use the admin API, and the keys with which new services check what they are told of a
caller."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strangler.cli import accounts
from strangler.cli.application import Application, pass_application
from strangler.cli.person import brought, deciding, token_file, user
from strangler.errors import Refused
from strangler.people import Person, claimed
from strangler.roles import ALLOWED, Action, Role

if TYPE_CHECKING:
    from rich.table import Table

    from strangler.control.access_tokens import AccessToken

NONE = "nobody has access, so whoever reaches the control store may do everything; begin with: strangler access add NAME --role admin"


class Span(click.ParamType[timedelta | None]):
    """How long something is good: a duration, or `never` for without end."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | None:
        from strangler.durations import parse_duration

        if value is None or isinstance(value, timedelta) or value == "never":
            return None if value == "never" else value
        try:
            span: timedelta = parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} is {error}; or never", param, ctx)
        return span


@click.group()
def group() -> None:
    """Give and take access: to the commands that decide something, and to the facade's admin API.

    A token is shown once, when it is given. What each role may do: strangler access roles. As long as nobody has access, everybody may do
    everything, and the ledger says that names are only claimed.
    """


@group.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(list(Role), case_sensitive=False),
    required=True,
    help="What the token is for.",
)
@click.option(
    "--expires", type=Span(), default="90d", show_default=True,
    help="After how long it ends by itself, so that what is forgotten doesn't stay open; never for without end.",
)  # fmt: skip
@deciding(Action.GRANT)
@pass_application
def add(application: Application, name: str, role: Role, expires: timedelta | None, who: Person) -> None:
    """Give NAME a token of a role. It goes to stdout, and nowhere else; it can't be shown again."""
    from strangler import proof
    from strangler.control import access_tokens
    from strangler.durations import moment

    proof.require_admin(role, who)
    if not 0 < len(name.strip()) <= 64:
        raise click.UsageError("NAME says whose the token is, in at most 64 characters")
    now = time.time()
    until = now + expires.total_seconds() if expires is not None else None
    token = access_tokens.add(
        application.control, name=name.strip(), role=role, expires_at=until, actor=who.actor, at=now
    )
    ends = f"until {moment(until)}" if until is not None else "without end"
    click.echo(f"{name.strip()} has access as {role}, {ends}. The token is shown this once:", err=True)
    click.echo(token)


@group.command("list")
@accounts.TABLE_OR_JSON
@click.option("--all", "everything", is_flag=True, help="Those too that ended or were taken away.")
@pass_application
def list_tokens(application: Application, form: str, everything: bool) -> None:
    """List the tokens: whose, for what, until when, and when they were last used."""
    from strangler.control import access_tokens

    now = time.time()
    found = [
        each
        for each in access_tokens.listed(application.control)
        if everything or each.state(now) == "active"
    ]
    if form == "json":
        click.echo(accounts.as_json([_object(each, now) for each in found]), nl=False)
    elif found:
        accounts.put_table(_table(found, now))
    else:
        click.echo(NONE)


@group.command()
@click.argument("which", metavar="NAME|ID")
@deciding(Action.GRANT)
@pass_application
def revoke(application: Application, which: str, who: Person) -> None:
    """Take access away: all tokens of a NAME, or the one with this ID. Facades notice within a quarter of a minute."""
    from strangler import proof
    from strangler.control import access_tokens

    proof.require_proven(who)
    others = proof.has_admin_groups(application.settings)
    control, now = application.control, time.time()
    for each in access_tokens.revoke(control, which, actor=who.actor, at=now, others=others):
        click.echo(f"token {each.id} of {each.name} ({each.role}) is good no more")


@group.command()
@token_file
@pass_application
def whoami(application: Application, token_file: Path | None) -> None:
    """Say whose token you bring, and what it is good for."""
    found = brought(application, token_file)
    if found is None:
        click.echo(f"you bring no token; where that is enough, the ledger names you {claimed(user()).actor}")
        return
    may = ", ".join(action for action in Action if found.may(action)) or "nothing"
    click.echo(f"{found.actor}: {' and '.join(found.roles) or 'no role here'}; may {may}")


@group.command()
def roles() -> None:
    """Show what each role may do."""
    for role in Role:
        may = ", ".join(action for action, allowed in ALLOWED.items() if role in allowed)
        click.echo(f"{click.style(f'{role:<9}', bold=True)} {may}")


@group.command("keys")
@pass_application
def public_keys(application: Application) -> None:
    """Print the public keys (JWKS) with which new services check X-Strangler-Identity."""
    from strangler.facade.identity.signing import public_keys as published

    facade = application.settings.facade
    if facade is None or facade.signing is None:
        raise Refused(
            "there are no keys to show", why="facade.signing isn't configured", do="see docs/access.md"
        )
    if facade.signing.algorithm == "HS256":
        raise Refused(
            "there is no public key for HS256",
            why="services check it with the secret itself",
            do="algorithm: EdDSA",
        )
    click.echo(accounts.as_json(published(facade.signing)), nl=False)


def _table(found: Sequence[AccessToken], now: float) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("id", no_wrap=True, min_width=8)
    for name in ("name", "role", "state", "given", "by", "until", "last used"):
        table.add_column(name, overflow="fold")
    for each in found:
        table.add_row(
            *map(Text, (each.id, each.name, each.role, each.state(now), _day(each.created_at), each.created_by)),
            _day(each.expires_at) if each.expires_at is not None else "never",
            _day(each.used_at) if each.used_at is not None else "–",
        )  # fmt: skip
    return table


def _day(at: float) -> str:
    from strangler.durations import moment

    return moment(at)[:16].replace("T", " ")


def _object(each: AccessToken, now: float) -> dict[str, Any]:
    from strangler.durations import moment

    times = {"created_at": each.created_at, "expires_at": each.expires_at}
    times |= {"revoked_at": each.revoked_at, "used_at": each.used_at}
    return {
        "id": each.id,
        "name": each.name,
        "role": each.role,
        "state": each.state(now),
        "created_by": each.created_by,
        **{name: moment(at) if at is not None else None for name, at in times.items()},
    }
