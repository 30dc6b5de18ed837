"""Once: one token of the issuer, checked for a command. The facade keeps the issuer's keys; a command fetches them and ends."""

from __future__ import annotations

import asyncio

from strangler.errors import Refused, Unavailable
from strangler.facade.answers import Refusal
from strangler.facade.identity.fetching import fetch
from strangler.facade.identity.issuer import Issuer
from strangler.facade.identity.refusal import Unauthenticated
from strangler.facade.identity.verifier import Verifier
from strangler.identity import Identity
from strangler.settings import EdgeIdentity


def read(section: EdgeIdentity, token: str) -> Identity:
    """Who a token says that its bearer is. Raises Refused for one that isn't good, Unavailable while that can't be told."""
    try:
        return asyncio.run(_read(section, token))
    except Unauthenticated as error:
        do = f"get another one from {section.issuer}"
        raise Refused("the token isn't good", why=error.detail, do=do) from error
    except Refusal as error:
        do = f"try again when {section.issuer} answers, or with an access token"
        raise Unavailable("nobody can tell whose the token is", why=error.detail, do=do) from error


async def _read(section: EdgeIdentity, token: str) -> Identity:
    issuer = Issuer(section, fetch)
    await issuer.fetch()
    return Verifier(section, issuer).read(token)
