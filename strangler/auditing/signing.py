"""Signing: a detached signature of a bundle's manifest, by a key that its user keeps.

The manifest has the hash of the last entry, so its signature stands for all of them. Ed25519: whoever has the public key checks it
with OpenSSL (docs/ledger.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from strangler.errors import StranglerError

if TYPE_CHECKING:
    from strangler.auditing.bundle import Sign

MAKE = "make one: openssl genpkey -algorithm ed25519 -out audit.pem"


def signer(path: Path) -> Sign:
    """Signs by the private key in the PEM file. Raises StranglerError."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise StranglerError(
            "signing needs a library that isn't installed",
            why=str(error),
            do="pip install 'strangler[encryption]'",
        ) from error
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise StranglerError(
            f"the key {path} can't be read", why=error.strerror or str(error), do=MAKE
        ) from error
    except (ValueError, TypeError) as error:
        why = "it is encrypted, or no private key in PEM"
        raise StranglerError(f"the key {path} can't be used", why=why, do=MAKE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StranglerError(f"the key {path} can't be used", why="it isn't one of Ed25519", do=MAKE)
    return key.sign
