"""Who a command is given by: the owner of the token that it brings; where nobody has access yet, whoever one says one is.

A token comes from the environment or from a file. Among the arguments of a process everybody on the machine could read it.
"""

from __future__ import annotations

import functools
import getpass
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from strangler.cli.application import Application
from strangler.errors import Refused, StranglerError
from strangler.people import Person, claimed
from strangler.roles import Action, needed

VARIABLE: Final = "STRANGLER_TOKEN"
"""The environment variable with the token, where it isn't in a file."""

_name = click.option(
    "--as",
    "named",
    metavar="NAME",
    help="Who decides, where nobody has access yet; with a token its owner does. [default: user@host]",
)
token_file = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=f"{VARIABLE}_FILE",
    show_envvar=True,
    metavar="FILE",
    help=f"File with your token, where it isn't in the variable {VARIABLE}.",
)


def deciding(
    action: Action, *, when: str = "", proven: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command that decides something the argument `who`, and the options from which that follows.

    `when`: the parameter without which the command decides nothing, so that `who` is only claimed. `proven`: a name alone never is enough.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(*arguments: Any, token_file: Path | None, named: str | None = None, **options: Any) -> Any:
            application = click.get_current_context().find_object(Application)
            assert application is not None
            decides = not when or options[when]
            who = (
                person(application, action, named, token_file, proven=proven) if decides else claimed(user())
            )
            return command(*arguments, who=who, **options)

        return token_file(run if proven else _name(run))

    return decorate


def user() -> str:
    """Whoever the machine says that runs this command."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def person(
    application: Application,
    action: Action,
    named: str | None,
    token_file: Path | None,
    *,
    proven: bool = False,
) -> Person:
    """Who decides. Raises Refused for a bare name where that isn't enough, for a bad token, and for a role that may not do it."""
    from strangler import proof

    settings, control, now = application.settings, application.control, time.time()
    token = _token(token_file)
    if not token:
        if proven or proof.is_needed(settings, control, action, now):
            raise _unproven(action, named)
        return claimed(named or user())
    found = proof.prove(settings, control, token, now)
    if named not in (None, found.name):
        raise Refused(
            f"the token is {found.name}'s, not {named}'s", do="leave --as out: the token says who decides"
        )
    if not found.may(action):
        raise _not_allowed(found, action)
    return found


def brought(application: Application, token_file: Path | None) -> Person | None:
    """Whose token is brought, whatever it may do; None for no token."""
    from strangler import proof

    token = _token(token_file)
    return proof.prove(application.settings, application.control, token, time.time()) if token else None


def _token(path: Path | None) -> str:
    """The token that is brought, of the two places; empty for none. Raises StranglerError for a file that can't be read or is empty."""
    if path is None:
        return os.environ.get(VARIABLE, "").strip()
    try:
        token = path.read_text().strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it isn't text"
        raise StranglerError(
            f"the token in {path} can't be read", why=why, do="strangler access add … > FILE"
        ) from error
    if not token:
        raise StranglerError(f"there is no token in {path}", why="it is empty")
    return token


def _unproven(action: Action, named: str | None) -> Refused:
    name = f"the name {named} is only claimed" if named else "no token was brought"
    role = needed(action).split()[0]
    return Refused(
        f"to {action} takes a token",
        why=f"{name}, and who decides here has to be proven",
        do=f"export {VARIABLE}=…, or --token-file FILE; whoever has none gets one from an admin: strangler access add NAME --role {role}",
    )


def _not_allowed(found: Person, action: Action) -> Refused:
    roles = f"the role {' and '.join(found.roles)}" if found.roles else "no role here"
    return Refused(
        f"{found.name} may not {action}",
        why=f"{found.name} has {roles}, and that needs {needed(action)}",
        do=f"ask somebody who is {needed(action)}; what each may do: strangler access roles",
    )
