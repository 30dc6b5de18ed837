"""Access: whether what is said of tokens, signing, sessions and the admin API fits together. Pure but for what is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

from strangler import plugins
from strangler.configuration.findings import Finding, Path
from strangler.encryption import key_bytes
from strangler.names import nearest
from strangler.settings import EdgeIdentity, Encryption, Settings, Signing
from strangler.urls import is_trusted_way

LONGEST: Final = 60.0
"""Seconds for which a signed identity may be good at most: it can't be taken back."""


def access(settings: Settings) -> Iterator[Finding]:
    """Everything that is wrong with who gets in, and what is told of them."""
    facade = settings.facade
    if facade is None:
        return
    if facade.identity is not None:
        yield from _identity(facade.identity)
    if facade.signing is not None:
        yield from _signing(facade.signing)
    if (facade.identity or facade.signing) and find_spec("jwt") is None:
        at: Path = ("facade", "identity" if facade.identity else "signing")
        yield Finding(at, "what reads and signs tokens isn't installed", "pip install 'strangler[auth]'")
    if facade.sessions is not None and facade.sessions.kind not in plugins.names("sessions"):
        known = plugins.names("sessions")
        instead = nearest(facade.sessions.kind, known) or f"one of: {', '.join(known)}"
        what = f"there is no {facade.sessions.kind!r} among the installed sessions"
        yield Finding(("facade", "sessions", "kind"), what, instead)


def keys_in_use(at: Path, section: Encryption | Signing) -> Iterator[Finding]:
    """What is wrong with keys of which one is in use. No key is quoted."""
    if section.key not in section.keys:
        meant = nearest(section.key, section.keys) or f"one of: {', '.join(section.keys)}"
        yield Finding((*at, "key"), f"there is no key {section.key!r} among the keys", meant)
    for name, secret in section.keys.items():
        if key_bytes(secret.get_secret_value()) is None:
            what = "isn't 32 bytes in base64"
            yield Finding((*at, "keys", name), what, "what `openssl rand -base64 32` prints")


def _identity(section: EdgeIdentity) -> Iterator[Finding]:
    at: Path = ("facade", "identity")
    if section.jwks_url is not None and section.jwks_file is not None:
        yield Finding((*at, "jwks_file"), "stands beside jwks_url: the keys are in one place", "one of them")
    places = {"jwks_url": section.jwks_url}
    if section.jwks_url is None and section.jwks_file is None:
        places = {"issuer": section.issuer}
    for key, url in places.items():
        if url is not None and not is_trusted_way(url):
            what = "isn't an https URL: keys that came from there could be anybody's"
            yield Finding((*at, key), what, "https://login.example.com/…; http only on this machine")
    if section.opaque and section.mode != "optional":
        yield Finding((*at, "opaque"), "is about mode optional only", "mode: optional")


def _signing(section: Signing) -> Iterator[Finding]:
    at: Path = ("facade", "signing")
    yield from keys_in_use(at, section)
    if not 3 <= section.lifetime.total_seconds() <= LONGEST:
        yield Finding((*at, "lifetime"), "must be from 3 seconds to a minute", "lifetime: 60s")
