"""Surrogates: new keys that are computed from the legacy ones, the same in every run, in every execution and for whoever refers to them.

A surrogate is a UUID of version 8 (RFC 9562): the SHA-256 of a text, in which the nibbles of version and variant are set to 8, so that
120 bits of the hash are in it. The text is a list of SQL literals, `'party','7','O''Neil'`: the surrogate's name and the canonical texts
of the values. So nothing runs together, and two kinds of things never share a key.
"""

from __future__ import annotations

import hashlib

from strangler.mapping.canonical import quoted_text


def surrogate(name: str, *values: str) -> str:
    """The surrogate of the values, given as their canonical texts."""
    written = ",".join([quoted_text(each) for each in (name, *values)])
    digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
