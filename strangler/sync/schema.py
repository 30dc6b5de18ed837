"""The schema of a source, held against what is remembered of it: whoever reads on does so in a shape that somebody has seen.

What each captured table looks like is remembered in the control store. It is compared when a stream begins, since the ERP may
have been upgraded while nobody read, and whenever the stream names a table that was altered. What fills the stores is compiled for the
same tables, and begins anew when another shape was agreed to.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from strangler.control import ledger, legacy_tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.errors import Unavailable
from strangler.mapping import EntityMapping
from strangler.settings import Settings
from strangler.shapes import Table
from strangler.sync.alterations import Alteration, alteration, stop, uses

logger = logging.getLogger("strangler.sync.schema")

ACCEPTED: Final = "schema accepted"
"""The kind of the decision on the ledger: of a user, or of the policy `continue`."""


class Schema:
    """The tables of the source `name` that the configuration captures."""

    def __init__(self, name: str, settings: Settings, control: Control) -> None:
        self._name, self._control = name, control
        self._policy = settings.sources[name].on_schema_change
        self._uses = uses(settings, name)

    @property
    def tables(self) -> list[str]:
        """The tables that mappings name, as configured."""
        return sorted({use.table for use in self._uses})

    def compare(self, now: Mapping[str, Table]) -> Alteration:
        """What is different from what is remembered; of a table that is new to the configuration nothing is."""
        remembered = legacy_tables.remembered(self._control, self._name)
        return alteration(
            {name: remembered[name] for name in self.tables if name in remembered}, now, self._uses
        )

    def require_known(self, now: Mapping[str, Table]) -> None:
        """Raise SourceError where the policy doesn't let the source be read with the tables as they are `now`."""
        found = self.compare(now)
        if not found.differences:
            return
        if error := stop(self._name, found, self._policy):
            raise error
        logger.warning("altered, read on", extra={"source": self._name, "what": found.words})
        self.accept(now, found, actor="worker", at=time.time())

    def begin(self, now: Mapping[str, Table]) -> None:
        """A stream begins: `require_known`, and remember the tables that are new to the configuration."""
        self.require_known(now)
        remembered = legacy_tables.remembered(self._control, self._name)
        legacy_tables.remember(
            self._control, self._name, [now[name] for name in now if name not in remembered]
        )
        legacy_tables.keep(self._control, self._name, self.tables)

    def accept(self, now: Mapping[str, Table], found: Alteration, *, actor: str, at: float) -> None:
        """Remember the tables as they are now, and put that on the ledger (invariant 8)."""
        body = {"source": self._name, "altered": found.words, "touches": list(found.touched)}
        with self._control.begin() as connection:
            lock_decisions(connection)
            legacy_tables.remember(self._control, self._name, now.values())
            ledger.append(self._control, actor=actor, kind=ACCEPTED, function="", body=body, at=at)


class Agreed:
    """What was agreed to when mappings were about to be compiled; to be made before their tables are described."""

    def __init__(self, name: str, control: Control) -> None:
        self._name, self._control = name, control
        self._tables = legacy_tables.remembered(control, name)

    def require_same(self, mappings: Sequence[EntityMapping]) -> None:
        """Raise Unavailable where another shape of what these mappings use was agreed to meanwhile: who tries again compiles
        for that one."""
        before, self._tables = self._tables, legacy_tables.remembered(self._control, self._name)
        for name, columns in ((name, used) for mapping in mappings for name, used in mapping.reads().items()):
            old, new = before.get(name), self._tables.get(name)
            if old and new and _used(old, columns) != _used(new, columns):
                raise Unavailable(f"{name} was altered: its mappings are compiled anew")


def _used(table: Table, columns: Collection[str]) -> object:
    return table.key, [table.column(name) for name in sorted(columns)]
