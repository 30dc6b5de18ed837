"""Signing: what a new service is told of the caller, in a JWT that it can check without asking anybody.

Short-lived and for one function, so that a service can't use it at another one. By itself a signature serves the calls of one
caller to one function for some seconds; with `per_call` each call has its own, and its trace in it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from strangler.cutover.stages import Side
from strangler.encryption import key_bytes
from strangler.identity import Identity
from strangler.settings import Signing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HEADER: Final = "x-strangler-identity"
"""The header that carries it. What a caller sends under this name goes nowhere."""

KEPT: Final = 10_000
"""Most signatures that are kept to be used again."""


class Signer:
    """Signs identities. `issuer`: who signs, for `iss`. Belongs to the event loop's thread."""

    def __init__(self, section: Signing, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._section, self._issuer, self._clock = section, issuer, clock
        self._lifetime = section.lifetime.total_seconds()
        secret = _bytes(section, section.key)
        self._key: Any = _private(secret) if section.algorithm == "EdDSA" else secret
        self._kept: dict[tuple[Identity, str, Side], tuple[str, float]] = {}

    def sign(self, identity: Identity, function: str, side: Side, trace: str) -> str:
        """The value of the header. `side` answers the caller: legacy where the call is a shadow's. `trace` is a traceparent."""
        now = self._clock()
        if self._section.per_call:
            return self._signed(identity, function, side, now, trace)
        kept = self._kept.get((identity, function, side))
        if kept is not None and now < kept[1]:
            return kept[0]
        signed = self._signed(identity, function, side, now, None)
        if len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[(identity, function, side)] = signed, min(now + self._lifetime / 3, identity.until)
        return signed

    def _signed(self, identity: Identity, function: str, side: Side, now: float, trace: str | None) -> str:
        import jwt  # an extra, and only for those who sign

        told = {name: identity.claims[name] for name in self._section.claims if name in identity.claims}
        payload = {
            "iss": self._issuer,
            "sub": identity.subject,
            "aud": function,
            "iat": int(now),
            "exp": int(min(now + self._lifetime, identity.until)),
            "roles": list(identity.roles),
            "claims": told,
            "side": side.value,
        }
        if trace is not None:
            payload["trace"] = trace.split("-")[1]
        return jwt.encode(payload, self._key, self._section.algorithm, {"kid": self._section.key})


def public_keys(section: Signing) -> dict[str, list[dict[str, str]]]:
    """What services check with, as a JSON Web Key Set; empty for HS256, whose key is nobody else's to see."""
    if section.algorithm != "EdDSA":
        return {"keys": []}
    return {"keys": [_jwk(name, _private(_bytes(section, name))) for name in section.keys]}


def _jwk(name: str, key: Ed25519PrivateKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": name, "x": x}


def _bytes(section: Signing, name: str) -> bytes:
    key = key_bytes(section.keys[name].get_secret_value())
    assert key is not None, "configuration.load has seen to it"
    return key


def _private(secret: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(secret)
