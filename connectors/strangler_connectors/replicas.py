"""Replicas: which connectors can't read one in place of the legacy database."""

from __future__ import annotations

from strangler.errors import SourceError
from strangler.settings import Source


def refuse(name: str, settings: Source) -> None:
    """Raise SourceError where the source, of a kind that reads no replica, names one."""
    if settings.replica is not None:
        raise SourceError(
            f"source {name}: a source of kind {settings.kind} reads no replica",
            why="only kinds postgres and mysql can wait until one has what is to be read from it",
            do="remove `replica`",
        )
