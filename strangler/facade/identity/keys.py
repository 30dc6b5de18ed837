"""Keys: what an issuer publishes (JSON Web Key Set, RFC 7517), as far as tokens may be checked by it.

A key is held for one algorithm each. So what a token says of its own algorithm only picks among what is allowed, and no
public key is ever taken for a shared secret.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

SMALLEST: Final = 2048
"""Fewest bits of an RSA key."""

_FAMILIES: Final = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("EdDSA",)}
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}


class Keys(NamedTuple):
    """(kid, algorithm) → the public key, and in words what was passed over."""

    held: Mapping[tuple[str, str], Any] = {}
    passed_over: tuple[str, ...] = ()

    def find(self, kid: str | None, algorithm: str) -> Any:
        """The key; without a `kid` the only one that there is for the algorithm. None: there is none."""
        if kid is not None:
            return self.held.get((kid, algorithm))
        fitting = [key for (_, each), key in self.held.items() if each == algorithm]
        return fitting[0] if len(fitting) == 1 else None


def read_keys(text: bytes | str, algorithms: Collection[str]) -> Keys:
    """The keys of a JWKS document that fit the algorithms. Raises ValueError for what isn't one, or has none that fits."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("isn't JSON") from error
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("has no list of keys")
    held: dict[tuple[str, str], Any] = {}
    passed_over = []
    for number, each in enumerate(listed):
        try:
            held = {**_read(each, algorithms), **held}
        except (TypeError, ValueError) as error:
            passed_over.append(f"key {_name(each, number)}: {error}")
    if not held:
        why = f" ({'; '.join(passed_over)})" if passed_over else ""
        raise ValueError(f"has no key for {', '.join(algorithms)}{why}")
    return Keys(held, tuple(passed_over))


def _read(jwk: Any, algorithms: Collection[str]) -> dict[tuple[str, str], Any]:
    if not isinstance(jwk, dict):
        raise ValueError("isn't an object")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise ValueError("isn't for signatures")
    fitting = [each for each in algorithms if _fits(jwk, each)]
    if not fitting:
        raise ValueError("is for none of the algorithms")
    key = _public(jwk, fitting[0])
    return {(str(jwk.get("kid", "")), each): key for each in fitting}


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    if jwk.get("alg", algorithm) != algorithm:
        return False
    if not algorithm.startswith(_FAMILIES.get(str(jwk.get("kty")), ("-",))):
        return False
    return algorithm not in _CURVES or jwk.get("crv") == _CURVES[algorithm]


def _public(jwk: Mapping[str, Any], algorithm: str) -> Any:
    """Raises ValueError for one that can't be read or is too weak; a private part is left aside."""
    import jwt  # an extra, and only for those who check tokens

    public = {
        name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")
    }
    try:
        key = jwt.PyJWK(public, algorithm).key
    except (jwt.PyJWTError, TypeError, ValueError, KeyError) as error:
        raise ValueError("can't be read") from error
    if jwk["kty"] == "RSA" and key.key_size < SMALLEST:
        raise ValueError(f"has {key.key_size} bits, fewer than {SMALLEST}")
    return key


def _name(jwk: Any, number: int) -> str:
    kid = jwk.get("kid") if isinstance(jwk, dict) else None
    return repr(kid) if isinstance(kid, str) else f"number {number + 1}"
