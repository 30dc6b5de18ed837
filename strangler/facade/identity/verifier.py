"""Verifier: whether a caller's token is good, and who the caller is by it.

What is checked follows RFC 8725: the algorithm is one of the configured, whatever the token says; issuer and audience are the
configured; it has an end. A token that was good is found again in a dictionary until it ends, or until the issuer changes its keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from strangler.facade.identity import claims
from strangler.facade.identity.issuer import Issuer
from strangler.facade.identity.refusal import Unauthenticated
from strangler.identity import Identity
from strangler.settings import EdgeIdentity

KNOWN: Final = 10_000
"""Most tokens that are remembered; beyond them the oldest is forgotten."""

LONGEST: Final = 16_384
"""Most characters of a token; those of issuers have some hundreds."""

WORDS: Final = {
    "ExpiredSignatureError": "the token has expired",
    "ImmatureSignatureError": "the token isn't valid yet",
    "InvalidSignatureError": "the token's signature isn't the issuer's",
    "InvalidAudienceError": "the token is for somebody else",
    "InvalidIssuerError": "the token is from another issuer",
    "InvalidAlgorithmError": "the token is signed with an algorithm that isn't accepted here",
}
"""What PyJWT's errors mean; a claim that is missing is named."""


class Verifier:
    """Checks tokens of one issuer. Belongs to the event loop's thread; nothing in it waits."""

    def __init__(self, section: EdgeIdentity, issuer: Issuer, clock: Callable[[], float] = time.time) -> None:
        self._section, self._issuer, self._clock = section, issuer, clock
        self._header, self._require = section.header.lower(), section.mode == "require"
        self._leeway = section.leeway.total_seconds()
        self._known: dict[str, Identity] = {}
        self.grants = section.grants
        issuer.on_change = self._known.clear

    def check(self, headers: Mapping[str, str]) -> Identity | None:
        """Who the caller is; None for one without a token, where that may be. Raises Unauthenticated, and Refusal with 503 while the
        issuer's keys aren't known. `headers` by lower-case name."""
        given = headers.get(self._header)
        if given is not None:
            known = self._known.get(given)
            if known is not None and self._clock() < known.until:
                return known
            token = self._token(given)
            if token is not None:
                return self._keep(given, self.read(token))
        if self._require:
            raise Unauthenticated("the call has no bearer token, and needs one", "")
        return None

    def read(self, token: str) -> Identity:
        """Who a token says that its bearer is. Raises as `check` does."""
        import jwt  # an extra, and only for those who check tokens

        try:
            kid, algorithm = self._named(jwt.get_unverified_header(token))
            return self._identity(
                jwt.decode(
                    token,
                    self._issuer.find(kid, algorithm),
                    algorithms=[algorithm],
                    audience=self._section.audience,
                    issuer=self._section.issuer,
                    leeway=self._leeway,
                    options={"require": ["exp", "iss", "aud"]},
                )
            )
        except jwt.MissingRequiredClaimError as error:
            raise Unauthenticated(f"the token has no claim {error.claim!r}") from error
        except (jwt.InvalidTokenError, RecursionError) as error:
            words = WORDS.get(type(error).__name__, "the token can't be read as a signed JWT")
            raise Unauthenticated(words) from error

    def _token(self, given: str) -> str | None:
        """The token in the header; None for what is none, like the credentials of an ERP."""
        scheme, _, rest = given.partition(" ")
        if scheme.lower() != "bearer":
            if self._header == "authorization":
                return None
            rest = given
        token = rest.strip()
        if not token.isascii() or not 0 < len(token) <= LONGEST or any(sign in token for sign in ", \t"):
            raise Unauthenticated("what the call has as its token can't be one", "invalid_request")
        if self._section.opaque and not self._require and token.count(".") != 2:
            return None
        return token

    def _named(self, header: Mapping[str, Any]) -> tuple[str | None, str]:
        """The key and the algorithm that a token names, when they may be named."""
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._section.algorithms:
            raise Unauthenticated(WORDS["InvalidAlgorithmError"])
        if "crit" in header or not isinstance(kid, str | None):
            raise Unauthenticated("the token asks for something that isn't understood here")
        wanted = self._section.type
        if (
            wanted is not None
            and str(header.get("typ", "")).lower().removeprefix("application/") != wanted.lower()
        ):
            raise Unauthenticated(f"the token isn't of the type {wanted}")
        return kid, algorithm

    def _identity(self, payload: Mapping[str, Any]) -> Identity:
        section = self._section
        for name, values in section.required.items():
            if not claims.has(payload, name, values):
                raise Unauthenticated(f"the token's claim {name!r} isn't as it must be here")
        found = claims.flat(payload)
        if not found.get(section.subject):
            raise Unauthenticated(f"the token has no claim {section.subject!r}")
        roles = claims.listed(payload, section.roles)
        return Identity(found[section.subject], found, roles, int(payload["exp"]) + self._leeway)

    def _keep(self, given: str, identity: Identity) -> Identity:
        if len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        self._known[given] = identity
        return identity
