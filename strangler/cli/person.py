"""Who a command is given by, where a name that anybody may write isn't enough: the owner of an access token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from strangler.errors import Refused
from strangler.roles import Action, allows, needed

if TYPE_CHECKING:
    from strangler.cli.application import Application
    from strangler.control.access_tokens import Account

by_token = click.option(
    "--token",
    envvar="STRANGLER_TOKEN",
    show_envvar=True,
    metavar="TOKEN",
    help="Your access token, from `strangler access add`; best in the variable.",
)


def person(application: Application, token: str | None, action: Action) -> Account:
    """Whose token it is. Raises Refused when it is nobody's, or its role may not do that."""
    from strangler.control import access_tokens

    if not token:
        raise Refused(
            f"nobody knows who would {action}",
            why="that takes an access token",
            do=f"strangler access add NAME --role {needed(action).split()[0]}, then STRANGLER_TOKEN=… before the command",
        )
    account = access_tokens.account(application.control, token, time.time())
    if account is None:
        raise Refused(
            "the access token isn't good", why="it is unknown, ended or revoked", do="strangler access list"
        )
    if not any(allows(role, action) for role in account.roles):
        roles = ", ".join(account.roles)
        raise Refused(
            f"{account.name} may not {action}",
            why=f"the role of the token is {roles}",
            do=f"ask somebody who is {needed(action)}",
        )
    return account
