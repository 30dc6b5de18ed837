"""What is kept open from before the fence to the end of a switch: source, store and log of a function, connections for reading them, for
changing legacy and store, and for the way back; and the mappings, compiled once. Opening and compiling takes longer than what is then
asked, and behind the fence writers wait for it.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import cached_property

from strangler import assembly
from strangler.errors import Refused
from strangler.mapping import EntityMapping
from strangler.ports import (
    Acting,
    Barrier,
    Barring,
    ChangeSource,
    EventLog,
    Finding,
    Hand,
    LegacyWriter,
    Outbox,
    ServiceStore,
)
from strangler.reconcile.sides import Sides
from strangler.settings import Settings


class Kept:
    """Opens each when it is first asked for. After `close` it opens them anew."""

    def __init__(self, settings: Settings, function: str) -> None:
        self._settings, self._function = settings, function
        self._opened: Opened | None = None

    @property
    def opened(self) -> Opened:
        """What is open now."""
        if self._opened is None:
            self._opened = Opened(self._settings, self._function)
        return self._opened

    def close(self) -> None:
        """Close whatever was opened. Idempotent."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()


class Opened:
    """One function's; to be used in one thread, and no more once it is closed."""

    def __init__(self, settings: Settings, function: str) -> None:
        self._settings, self._function, self._section = settings, function, settings.functions[function]
        self._open = ExitStack()
        self._hands: dict[str, Hand] = {}

    @cached_property
    def source(self) -> ChangeSource:
        return self._open.enter_context(closing(assembly.source(self._settings, self._section.source)))

    @cached_property
    def barrier(self) -> Barrier:
        """What tells how far legacy is: over a connection that stays open, where its kind has that."""
        if not isinstance(self.source, Barring):
            return self.source
        return self._open.enter_context(closing(self.source.barrier()))

    @cached_property
    def store(self) -> ServiceStore:
        return self._open.enter_context(closing(assembly.store(self._settings, self._section.store)))

    @cached_property
    def log(self) -> EventLog:
        return self._open.enter_context(closing(assembly.log(self._settings)))

    @cached_property
    def mappings(self) -> list[EntityMapping]:
        return assembly.mappings(self._settings, self._function, self.source)

    @cached_property
    def sides(self) -> Sides:
        """Legacy and store for reading; each query sees what is committed when it begins."""
        return self._open.enter_context(Sides(self.source.reader, self.store.reader))

    @cached_property
    def writer(self) -> LegacyWriter | None:
        """What brings back to legacy what new wrote; None where legacy is asked by its own API."""
        back = self._section.return_
        if back is None or back.through == "api":
            return None
        return self._open.enter_context(closing(assembly.writer(self._settings, self._function)))

    def examine_way_back(self) -> list[Finding]:
        """What is missing for what new writes to return to legacy. Changes nothing."""
        return assembly.examined_way_back(self._settings, self._function, self.mappings, self.writer)

    @cached_property
    def outbox(self) -> Outbox:
        """What new wrote."""
        shapes = [mapping.shape for mapping in self.mappings]
        return self._open.enter_context(closing(assembly.outbox(self._settings, self._function, shapes)))

    def hand_in(self, source: str) -> Hand:
        """The hand in the legacy database of a source: the function's own, or the one that it had. Raises Refused where its kind has
        none."""
        if source not in self._hands:
            if source not in self._settings.sources:
                raise Refused(
                    f"source {source}, in whose database a fence stands, is no longer configured",
                    do="put it back into the configuration until the fence is lifted",
                )
            opened = self._open.enter_context(closing(assembly.source(self._settings, source)))
            if not isinstance(opened, Acting):
                raise Refused(
                    f"source {source} is of a kind through which nothing can be changed in the legacy database",
                    do="leave `fence`, `numbers` and `retire` out of its functions, and do that by hand",
                )
            self._hands[source] = self._open.enter_context(closing(opened.hand()))
        return self._hands[source]

    @property
    def legacy_hand(self) -> Hand:
        """The hand in legacy; see `hand_in`."""
        return self.hand_in(self._section.source)

    @cached_property
    def store_hand(self) -> Hand:
        """The hand in the store. Raises Refused where its kind has none."""
        if not isinstance(self.store, Acting):
            raise Refused(
                f"store {self._section.store} is of a kind in which no sequence can be set",
                do=f"leave `numbers` out of {self._function}, and set its sequences by hand",
            )
        return self._open.enter_context(closing(self.store.hand()))

    def close(self) -> None:
        self._open.close()
