"""Recognising what legacy was asked for by its own API, when the source tells it: nothing marks it, so it is known by what it says.

An event of a key that says just the state that was asked for, up to the position by which that had its effect, is our own and goes no
further, as with marked changes (`echo`). What says something else is somebody else's, or isn't what we asked for: it is a late write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from strangler.boundary import Boundary
from strangler.changes import Position
from strangler.control import requested
from strangler.control.requested import Requested
from strangler.control.store import Control
from strangler.events import Effect, Event
from strangler.returning.comparing import digest


class Recognising:
    """Belongs to the stream of one source; `functions` return by an API."""

    def __init__(self, boundary: Boundary, control: Control, functions: Iterable[str]) -> None:
        self._boundary, self._control, self._functions = boundary, control, frozenset(functions)

    def foreign(self, events: Sequence[Event]) -> list[Event]:
        """The events that aren't our own."""
        if not any(event.function in self._functions for event in events):
            return list(events)
        asked: dict[tuple[str, str, str], list[Requested]] = {}
        for each in requested.of(self._control, self._functions):
            asked.setdefault(each[:3], []).append(each)
        return [
            event
            for event in events
            if not any(
                self._says(event, each) for each in asked.get((event.function, event.entity, event.key), ())
            )
        ]

    def passed(self, position: Position) -> None:
        """All up to there was made durable."""
        if self._functions:
            requested.forget(self._control, self._functions, position)

    def _says(self, event: Event, asked: Requested) -> bool:
        mapping = self._boundary.mapping(event.function, event.entity)
        if mapping is None or (asked.until is not None and event.position > asked.until):
            return False
        try:
            state = None if event.effect is Effect.REMOVE else event.data
            return digest(mapping, state) == asked.digest
        except KeyError:  # It says a part only, and so nothing of the whole.
            return False
