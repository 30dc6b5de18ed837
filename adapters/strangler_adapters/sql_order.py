"""What a batch of events comes to: which of them decide, and in which order they must be written. Pure.

A store writes set-wise, and a set can't hold two rows of one key. So the events of one key are reduced to those that decide,
without knowing what the store holds: a later whole row or removal makes all before it void, a partial one doesn't.
What remains is written in rounds, each with at most one event of a key.
"""

from __future__ import annotations

from collections.abc import Sequence

from strangler.aggregates import Whole
from strangler.events import Effect, Event


def rounds(events: Sequence[Event], is_whole: Whole) -> list[list[Event]]:
    """The events of one entity as rounds; writing these in turn leaves what writing all events in order would."""
    if len({event.key for event in events}) == len(events):
        return [list(events)] if events else []
    chains: dict[str, list[Event]] = {}
    for event in events:
        chain = chains.setdefault(event.key, [])
        if chain:
            _extend(chain, event, is_whole)
        else:
            chain.append(event)
    depth = max(map(len, chains.values()), default=0)
    return [[chain[n] for chain in chains.values() if n < len(chain)] for n in range(depth)]


def is_partial(event: Event, is_whole: Whole) -> bool:
    """Whether something was left out, so that the event says less than the whole row, or than the whole aggregate."""
    return event.effect is Effect.UPSERT and not is_whole(event.data)


def _extend(chain: list[Event], event: Event, is_whole: Whole) -> None:
    last = chain[-1]
    if event.position <= max(each.position for each in chain):
        # Invariant 3: void behind what is newer. But a partial event may be waiting for the very row that this one brings.
        if is_partial(last, is_whole):
            chain.append(event)
        return
    if not is_partial(event, is_whole):
        chain.clear()
    elif is_partial(last, is_whole) and last.data.keys() == event.data.keys():
        chain.pop()
    chain.append(event)
