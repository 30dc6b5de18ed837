"""The running facades, and the generation of standings that each of them applies (invariant 5).

Whoever lets writes through has a line here: facades, code that writes by itself, and those who carry the standings into the configuration
of another proxy."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import asdict, dataclass
from math import inf
from typing import Final

from sqlalchemy import ColumnElement, delete, or_, select, true

from strangler.control import ledger, tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.control.upsert import upsert

FORGOTTEN: Final = "facade forgotten"
"""What a person decides, as it stands on the ledger."""

GONE_AFTER: Final = 15.0
"""Seconds after which a facade that wasn't seen counts as gone. A facade that can't reach the control store for so
long must refuse writes by itself, since nobody waits for it any more."""


def new_id() -> str:
    """A name for something of this process that lives as long as it does; no two are alike."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class FacadeRecord:
    """A facade that applies `generation`, with every write begun under an older one done; seen at `seen_at`.

    `lasts`: it stands for a proxy that goes on passing writes on when nobody speaks for it any more; so it doesn't count as gone when it
    is silent, and switches wait for it until somebody says that it has ended (`forget`). `longest`: seconds that a write which it let
    through may take, and be waited for, until it is over; 0 where that isn't known.
    """

    id: str
    generation: int
    seen_at: float
    address: str
    lasts: bool = False
    longest: float = 0.0

    def silent(self, now: float) -> bool:
        """Whether it wasn't seen for so long that it counts as gone."""
        return self.seen_at < now - GONE_AFTER

    @property
    def over_at(self) -> float:
        """When the last write is over that it may have let through, should nobody hear of it any more; never for one that lasts."""
        return inf if self.lasts else self.seen_at + GONE_AFTER + self.longest


def seen(
    control: Control,
    id: str,
    *,
    generation: int,
    address: str,
    at: float,
    lasts: bool = False,
    longest: float = 0.0,
) -> None:
    """A facade says that it lives and which generation it applies."""
    values = {
        "id": id,
        "generation": generation,
        "seen_at": at,
        "address": address,
        "lasts": lasts,
        "longest": longest,
    }
    with control.begin() as connection:
        upsert(connection, tables.facade, [values])


def live(control: Control, *, now: float, within: float = GONE_AFTER) -> list[FacadeRecord]:
    """The facades seen in the last `within` seconds."""
    return _those(control, tables.facade.c.seen_at >= now - within)


def silent(control: Control, *, now: float, within: float = GONE_AFTER) -> list[FacadeRecord]:
    """Those that weren't seen in the last `within` seconds and haven't said goodbye: killed, or cut off from the control store."""
    return _those(control, tables.facade.c.seen_at < now - within)


def everyone(control: Control) -> list[FacadeRecord]:
    """All that haven't said goodbye and weren't forgotten, as they stand at one moment."""
    return _those(control, true())


def awaited(control: Control, *, now: float) -> list[FacadeRecord]:
    """Those that go on by what they know: all that live, and the silent ones that last. A fence is lifted when they know the new owner."""
    return _those(control, or_(tables.facade.c.seen_at >= now - GONE_AFTER, tables.facade.c.lasts))


def forget(control: Control, id: str) -> bool:
    """A facade stops, with all its requests done. False when there was none of this name."""
    with control.begin() as connection:
        return connection.execute(delete(tables.facade).where(tables.facade.c.id == id)).rowcount > 0


def declare_ended(control: Control, id: str, *, actor: str, at: float) -> bool:
    """A person says that a silent facade has surely ended: from now on no switch waits for it, which goes on the ledger (invariant 8).
    False when there was none of this name."""
    with control.begin() as connection:
        lock_decisions(connection)
        found = [each for each in everyone(control) if each.id == id]
        for each in found:
            ledger.append(control, actor=actor, kind=FORGOTTEN, function="", body=asdict(each), at=at)
        return bool(found) and forget(control, id)


def _those(control: Control, condition: ColumnElement[bool]) -> list[FacadeRecord]:
    query = select(tables.facade).where(condition).order_by("id")
    with control.read() as connection:
        return [FacadeRecord(*row) for row in connection.execute(query)]
