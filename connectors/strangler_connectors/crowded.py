"""What a hand says that can't be alone (`strangler.ports.Exclusive`)."""

from __future__ import annotations

from strangler.errors import Unavailable


def crowded(name: str, *, why: str, ends: str = "") -> Unavailable:
    """The legacy database of the source `name` is somebody else's now: `why` says whose; `ends`: what ends one that hangs, empty where that
    isn't known."""
    return Unavailable(
        f"source {name}: another process of Strangler is at work in the legacy database",
        why=why,
        do=f"wait for it; one that hangs: {ends}" if ends else "wait for it, or end it if it hangs",
    )
