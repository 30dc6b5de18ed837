"""Plugins: find what implements a port by entry point, and load only the one that is asked for."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Literal

from strangler.errors import StranglerError

Group = Literal[
    "connectors",
    "registrars",
    "writers",
    "stores",
    "logs",
    "protocols",
    "sessions",
    "checkers",
    "dataplanes",
    "gates",
]


def names(group: Group) -> list[str]:
    """The kinds that are installed, sorted."""
    return sorted({point.name for point in _installed(tuple(sys.path)).select(group=f"strangler.{group}")})


def load(group: Group, kind: str) -> Any:
    """The object that the entry point names. A missing kind or a missing library is an error that says what to install."""
    for point in _installed(tuple(sys.path)).select(group=f"strangler.{group}", name=kind):
        try:
            return point.load()
        except ImportError as error:
            raise StranglerError(
                f"the {kind} plugin of strangler.{group} can't be loaded",
                why=str(error),
                do=f"pip install 'strangler[{kind}]', or the library it names",
            ) from error
    raise StranglerError(
        f"there is no {kind!r} in strangler.{group}",
        why=f"installed are: {', '.join(names(group)) or 'none'}",
        do="correct `kind:` or install the package that provides it",
    )


@cache
def _installed(path: tuple[str, ...]) -> Any:
    """All entry points that are found on `sys.path`. Each look reads what every installed package says of itself, so one has to do."""
    return entry_points()
