"""The worker: a thread for each source that reads it, the filling of the stores beside it, and threads that keep the schedules and look at
the guards and the numbers.

The stores are filled in threads of this process, or apart, in a process for each source: two cores then do what one
would, for Python runs one thread at a time.

Several workers may run, on several hosts. One reads a source, the others wait to take over from it. All take part in filling
the stores where the log can be shared; otherwise the one that reads does it alone.

Parts may start in any order and fail at any time: each thread is kept going by `Keeper`, which tries again with growing
pauses and tells the control store what is wrong meanwhile. Nothing is kept in memory that isn't durable elsewhere, so a
kill is as good as a stop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from functools import partial

from strangler import assembly
from strangler.apart import fill_apart
from strangler.boundary import Boundary
from strangler.control import backfills, effects, returning, sources
from strangler.control.store import Control
from strangler.cutover.guarding import Guarding
from strangler.cutover.outside import outside
from strangler.cutover.recovery import recover
from strangler.errors import SourceError, StranglerError, Unavailable
from strangler.filling import Filling
from strangler.keeper import Bell, Keeper
from strangler.mapping import EntityMapping
from strangler.mirror import Mirror
from strangler.mirror.file import MirrorFile
from strangler.numbering.watching import Watching
from strangler.returning.running import Returning
from strangler.schedules.timekeeper import Timekeeper
from strangler.settings import Settings
from strangler.sync.following import Following, followed
from strangler.sync.schema import Schema
from strangler.sync.stream import Stream

logger = logging.getLogger("strangler.worker")

READ_WITHIN = 5.0
"""Seconds within which a source that is read is heard of again; whoever reads it says so twice a second."""

RECOVER_EVERY = 2.0
"""Seconds between two looks for a switch of owners that was abandoned: writers wait behind its fence."""


class Worker:
    """Moves everything that the configuration names. `start`, then `stop`; both return soon."""

    def __init__(self, settings: Settings, control: Control, *, apart: bool = False) -> None:
        """`apart`: fill the stores in processes of their own."""
        self._settings, self._control, self._apart = settings, control, apart
        self._keeper = Keeper()
        self._timekeeper = Timekeeper(settings, control)
        self._grown = Bell()
        self._captured = {name: threading.Event() for name in settings.sources}
        """Per source: set once this process captures all the tables that this configuration names."""

    def start(self) -> None:
        self._keeper.keep("recovery", self._recover, lambda error: None)
        self._keeper.keep("schedules", partial(self._timekeeper.run, self._keeper.stop), lambda error: None)
        self._keeper.keep("effects", self._follow, lambda error: None)
        guarding = Guarding(self._settings, self._control)
        self._keeper.keep("guards", partial(guarding.run, self._keeper.stop), lambda error: None)
        counting = Watching(self._settings, self._control)
        self._keeper.keep("numbers", partial(counting.run, self._keeper.stop), lambda error: None)
        for function, section in self._settings.functions.items():
            if section.return_ is not None:
                feed = Returning(self._settings, self._control, function)
                failed = partial(self._return_failed, function)
                self._keeper.keep(f"returning {function}", partial(feed.run, self._keeper.stop), failed)
        for name in self._settings.sources:
            self._keeper.keep(f"source {name}", partial(self._read, name), partial(self._source_failed, name))
            captured = partial(self._keeper.waits_for, self._captured[name])
            if self._apart:
                filling = partial(
                    fill_apart, self._settings, name, self._keeper.stop, self._captured[name], self._grown
                )
                self._keeper.keep(f"filling from {name}", filling, lambda error: None)
            else:
                Filling(self._settings, self._control, name, self._keeper, self._grown, captured).start()

    def stop(self, timeout: float = 20.0) -> None:
        """Let every thread finish what it has in hand, and wait for it."""
        self._keeper.stop.set()
        self._grown.ring()
        self._keeper.join(timeout)
        self._timekeeper.close()

    def _recover(self) -> None:
        """Invariant 6: a switch whose process is gone is undone or finished, without a hand."""
        reach = partial(outside, self._settings, self._control)
        while True:
            for ended in recover(self._control, reach, actor="worker"):
                logger.warning(ended)
            if self._keeper.stop.wait(RECOVER_EVERY):
                return

    def _follow(self) -> None:
        """Compare what new services foretold of writes with the events of the sources that this process reads."""
        functions = followed(self._settings)
        if not functions:
            effects.forget(self._control, time.time())  # Nobody compares them any more.
            self._keeper.stop.wait()
            return
        with closing(assembly.log(self._settings)) as log:
            following = Following(self._settings, functions, log, self._control)
            following.run(self._keeper.stop, lambda source: self._captured[source].is_set())

    def _read(self, name: str) -> None:
        """A source's thread: capture, translate, append."""
        functions = assembly.functions_of(self._settings, name)
        schema = Schema(name, self._settings, self._control)
        with closing(assembly.source(self._settings, name)) as legacy:
            # Before the mappings are compiled: that one doesn't fit any more is the lesser part of the news.
            schema.require_known(legacy.describe(schema.tables))
            mappings = [m for each in functions for m in assembly.mappings(self._settings, each, legacy)]
        marks = assembly.marks(self._settings, name)
        with (
            closing(self._mirror(name, mappings))
            if any(m.mirrored for m in mappings)
            else nullcontext() as mirror,
            closing(assembly.source(self._settings, name, assembly.captured(mappings) | marks)) as source,
            closing(assembly.log(self._settings)) as log,
        ):
            boundary = Boundary(mappings, mirror=mirror)
            batch = self._settings.sync.batch
            most = {each: self._settings.functions[each].quarantine.max_keys for each in functions}
            captured = partial(self._capture_made, name)
            stream = Stream(
                name,
                source,
                schema,
                boundary,
                log,
                self._control,
                batch,
                most,
                self._grown.ring,
                captured,
                assembly.asked(self._settings, name),
            )
            stream.run(self._keeper.stop)

    def _mirror(self, source: str, mappings: Sequence[EntityMapping]) -> Mirror:
        """What the source's entities of several tables are made from."""
        path = self._settings.sources[source].mirror
        assert path is not None, "configuration.load fills the default in"
        return Mirror(MirrorFile(path), mappings)

    def _capture_made(self, source: str) -> None:
        """All mapped tables are captured from now on, and no others: what was taken out is filled anew if it comes back."""
        functions = self._settings.functions.items()
        backfills.forget_others(
            self._control, {(name, entity) for name, section in functions for entity in section.entities}
        )
        self._captured[source].set()

    def _return_failed(self, function: str, error: StranglerError) -> None:
        returning.fail(self._control, function, error.what)

    def _source_failed(self, name: str, error: StranglerError) -> None:
        """Note what is wrong; what only a person can mend, with why and what to do.

        That another worker reads the source is no failure: this one waits to take over.
        """
        if isinstance(error, Unavailable) and not self._captured[name].is_set() and self._is_read(name):
            return
        cure = f" ({error.why}); do: {error.do}" if isinstance(error, SourceError) else ""
        sources.fail(self._control, name, error.what + cure)

    def _is_read(self, source: str) -> bool:
        record = sources.get(self._control, source)
        return record is not None and time.time() - record.seen_at < READ_WITHIN
