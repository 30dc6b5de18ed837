"""Overriding: a tester's header that says which side answers a read. Pure."""

from __future__ import annotations

import hmac
from typing import Final

from strangler.cutover.stages import Side, Stage
from strangler.routing.asked import Asked, Who
from strangler.routing.scope import texts
from strangler.settings import Overrides

HEEDED: Final = frozenset((Stage.SYNCING, Stage.SHADOW, Stage.CANARY, Stage.LIVE))
"""The stages in which both sides have data to answer from: before them the store is empty, after them legacy is switched off."""


class Overriding:
    """Who may say which side answers, and how. `own_headers` are nothing for either side."""

    def __init__(self, section: Overrides) -> None:
        self._header, self._token_header = section.header.lower(), section.token_header.lower()
        self._tokens = [each.token.get_secret_value().encode() for each in section.allow if each.token]
        self._roles = frozenset(each.role for each in section.allow if each.role)
        self._claims = [(each.claim, frozenset(each.values)) for each in section.allow if each.claim]
        self.own_headers = frozenset((self._header, self._token_header))

    def side(self, asked: Asked, who: Who) -> Side | None:
        """The side that the request asks for, if it may; None where it says nothing."""
        wished = asked.headers.get(self._header)
        if wished is None or wished not in _SIDES:
            return None
        return Side(wished) if self._allowed(asked, who) else None

    def _allowed(self, asked: Asked, who: Who) -> bool:
        given = asked.headers.get(self._token_header, "").encode(errors="surrogateescape")
        # Each is compared, and in constant time: how long it takes says nothing of any.
        known = [hmac.compare_digest(token, given) for token in self._tokens]
        by_role = not self._roles.isdisjoint(who.roles)
        return any(known) or by_role or any(_has(who, claim, values) for claim, values in self._claims)


_SIDES: Final = frozenset(side.value for side in Side)


def _has(who: Who, claim: str, values: frozenset[str]) -> bool:
    found = frozenset(texts(who.claims.get(claim)))
    return bool(found & values if values else found)
