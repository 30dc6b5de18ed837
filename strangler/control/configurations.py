"""Which configuration was in force when: each change of it is put on the ledger when a process begins to act by it (invariant 8).

A ledger has no secrets and shouldn't grow by a configuration at every start: an entry has a digest of each section, and says which
differ from those of the entry before. Whoever keeps the file under version control finds the one that gives the same digests.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import BaseModel, SecretStr

from strangler import __version__, urls
from strangler.control import ledger
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.settings import Settings

APPLIED: Final = "configuration applied"

_BY_NAME: Final = ("functions", "sources", "stores")
"""Sections of which each part is told apart."""


def digests(settings: Settings) -> dict[str, str]:
    """Section → a digest of what it says, with its defaults: `cutover`, `functions.party`. Passwords and the folders in which files
    lie have no part in it."""
    said: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        said |= (
            {f"{name}.{part}": each for part, each in value.items()} if name in _BY_NAME else {name: value}
        )
    return {path: _digest(value) for path, value in sorted(said.items())}


def note_applied(control: Control, settings: Settings, *, actor: str, at: float) -> ledger.Entry | None:
    """Put on the ledger that `actor` goes by this configuration from now on; None, and nothing, when it did so already."""
    sections = digests(settings)
    now = {"software": __version__, "sections": sections}
    with control.begin() as connection:
        lock_decisions(connection)
        last = ledger.entries(control, actor=actor, kind=APPLIED, limit=1)
        before: dict[str, Any] = last[0].body if last else {"software": "", "sections": {}}
        if {name: before[name] for name in now} == now:
            return None
        body = now | {"changed": _differing(before["sections"], sections)}
        return ledger.append(control, actor=actor, kind=APPLIED, function="", body=body, at=at)


def _differing(before: dict[str, str], now: dict[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _digest(value: Any) -> str:
    text = orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(text).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """What JSON has no word for. A path by its last part: where the folder lies is no matter of the configuration."""
    if isinstance(value, BaseModel):
        return dict(value)
    if isinstance(value, SecretStr):
        shown = value.get_secret_value()
        return urls.display(shown) if "://" in shown else ""
    if isinstance(value, Path):
        return value.name
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)
