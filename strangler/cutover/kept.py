"""What is kept open from before the fence to the end of a switch: source, store and log of a function, connections for reading, and the
mappings, compiled once. Opening and compiling takes longer than what is then asked, and behind the fence writers wait for it.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import cached_property

from strangler import assembly
from strangler.mapping import EntityMapping
from strangler.ports import ChangeSource, EventLog, ServiceStore
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

    @cached_property
    def source(self) -> ChangeSource:
        return self._open.enter_context(closing(assembly.source(self._settings, self._section.source)))

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

    def close(self) -> None:
        self._open.close()
