"""Encryption: what is kept of sensitive values can't be read without a key of the configuration.

AES-256-GCM from `cryptography`, each text with a nonce of its own and bound to what it is about, so that it can't be put elsewhere. The
name of the key stands before it: another key may take over, and what was encrypted by the older ones stays readable.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Final

from strangler.errors import StoreError
from strangler.settings import Encryption

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY: Final = 32
"""Bytes of a key."""

NONCE: Final = 12
"""Bytes of a nonce, as the standard has it. They are random, so a key is good for four thousand million values."""


def key_bytes(text: str) -> bytes | None:
    """The key that a text in base64 is; None when it is none."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == KEY else None


class Cipher:
    """Encrypts by the current key, decrypts by any of them. Safe to use from any thread."""

    def __init__(self, section: Encryption) -> None:
        self._current = section.key
        self._keys = {name: _aes(secret.get_secret_value()) for name, secret in section.keys.items()}

    def seal(self, text: str, about: str) -> str:
        """The text, encrypted: `name:base64`. `about`: what it belongs to; to be the same when it is opened."""
        nonce = os.urandom(NONCE)
        sealed = self._keys[self._current].encrypt(nonce, text.encode(), about.encode())
        return f"{self._current}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """The text that was sealed. Raises StoreError."""
        from cryptography.exceptions import InvalidTag

        name, _, body = sealed.partition(":")
        if name not in self._keys:
            raise StoreError(
                f"{about} is encrypted by the key {name!r}, which the configuration doesn't have",
                do="add it to encryption.keys again",
            )
        try:
            raw = base64.b64decode(body)
            return self._keys[name].decrypt(raw[:NONCE], raw[NONCE:], about.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise StoreError(
                f"{about} can't be decrypted by the key {name!r}",
                why="the key is another one, or what was kept was altered",
                do=f"let encryption.keys.{name} be what it was",
            ) from error


def _aes(text: str) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = key_bytes(text)
    assert key is not None, "configuration.load has seen to it"
    return AESGCM(key)
