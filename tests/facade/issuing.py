"""An issuer of tokens on a real socket, with keys of all kinds: it publishes what it is told to, and counts who asks."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.facade.conftest import Running, Serve

AUDIENCE = "erp"


@cache
def private(algorithm: str, name: str) -> Any:
    """The private key of this name for the algorithm; the same for the whole run."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("ES"):
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
        return ec.generate_private_key(curves[algorithm]())
    return rsa.generate_private_key(65537, 1024 if name == "weak" else 2048)


def family(algorithm: str) -> str:
    """RSA keys are the same for all algorithms of theirs."""
    return "RS256" if algorithm[:2] in ("RS", "PS") else algorithm


def jwk(algorithm: str, name: str, **more: Any) -> dict[str, Any]:
    """The public key as an issuer publishes it."""
    public = private(family(algorithm), name).public_key()
    maker = jwt.get_algorithm_by_name(algorithm)
    return {**json.loads(maker.to_jwk(public)), "kid": name, "use": "sig", **more}


def without_padding(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def token(
    issuer: str,
    *,
    algorithm: str = "RS256",
    name: str = "k1",
    key: Any = None,
    headers: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A signed token; a claim of None is left out."""
    now = int(time.time())
    payload = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "ada",
        "tenant": "acme",
        "iat": now,
        "exp": now + 300,
        **claims,
    }
    return jwt.encode(
        {claim: value for claim, value in payload.items() if value is not None},
        key if key is not None else private(family(algorithm), name),
        algorithm,
        {"kid": name, **(headers or {})},
    )


class Issuer:
    """Serves discovery and keys. `keys` are those that it publishes; while `away`, it answers 503."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys) or [jwk("RS256", "k1")]
        self.asked: list[str] = []
        self.away = False
        self.said: dict[str, Any] = {}
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        body = {"keys": self.keys}
        if scope["path"].startswith("/.well-known/"):
            body = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.said}
        status = 503 if self.away else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    @property
    def fetches(self) -> int:
        """How often its keys were fetched."""
        return self.asked.count("/keys")

    async def begin(self, serve: Serve) -> Running:
        running = await serve(self)
        self.url = running.url
        return running

    def token(self, **how: Any) -> str:
        return token(self.url, **how)
