"""Names of headers: what becomes of each, looked up once per spelling.

Headers go on in the spelling in which they came: an ERP may be older than the rule that it doesn't matter.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple


class Fate(IntEnum):
    """What becomes of a header on its way to an upstream, and back."""

    PASSES = 0
    HOP = 1
    """Belongs to this hop (RFC 9110, section 7.6.1)."""
    OURS = 2
    """The facade writes it itself towards an upstream; what the caller says about it isn't believed."""
    FRAMING = 3
    """Says how long the message is, whose it is, who passed it on and who may; written anew."""
    READ = 4
    """Passes, and the facade reads it."""
    ALIAS = 5
    """Some servers take it for one that says something about this hop or the message's length: `Content_Length`."""


class HeaderName(NamedTuple):
    """A header's name in lower case, and what becomes of it."""

    text: str
    fate: Fate


_FATES: Final = {
    **dict.fromkeys(
        b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer upgrade".split(),
        Fate.HOP,
    ),
    **dict.fromkeys(
        b"forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-server"
        b" x-real-ip x-strangler-shadow x-strangler-dry-run x-strangler-identity traceparent tracestate expect".split(),
        Fate.OURS,
    ),
    **dict.fromkeys(b"content-length transfer-encoding host via max-forwards".split(), Fate.FRAMING),
    b"content-type": Fate.READ,
}

_MOST: Final = 10_000
"""Spellings that are remembered."""


class _Names(dict[bytes, HeaderName]):
    """Spelling on the wire → name. A dict, so that what is known costs no call."""

    def __missing__(self, raw: bytes) -> HeaderName:
        lower = raw.lower()
        fate = _FATES.get(lower, Fate.PASSES)
        if b"_" in lower and _FATES.get(lower.replace(b"_", b"-"), Fate.PASSES) not in (
            Fate.PASSES,
            Fate.READ,
        ):
            fate = Fate.ALIAS
        known = HeaderName(lower.decode("latin-1"), fate)
        if len(self) < _MOST:
            self[raw] = known
        return known


NAMES: Final = _Names()
"""`NAMES[raw]` is the name of a header as it came on the wire."""


def hyphened(name: str) -> str:
    """What servers may take a name for that see no difference between `_` and `-`; in lower case."""
    return name.lower().replace("_", "-")


def claim(name: str) -> str:
    """From now on the facade writes the header of this name itself; returns the name in lower case."""
    lower = name.lower()
    _FATES[lower.encode()] = Fate.OURS
    NAMES.clear()
    return lower
