"""Why a key differs, as far as its values and the event log tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strangler.changes import Position


class Pattern(StrEnum):
    """What the two sides of a difference look like beside each other (`strangler.reconcile.patterns`); `VALUE` is any other
    difference."""

    VALUE = "value"
    ROUNDING = "rounding"
    TIME_ZONE = "time zone"
    PADDING = "padding"
    CASE = "case"
    ENCODING = "encoding"
    TRUNCATED = "truncated"
    BLANK = "blank"
    SWAPPED = "swapped"
    MISSING = "missing"
    EXTRA = "extra"
    DUPLICATE = "duplicate"
    """Only in the store, with the fields of another key."""


class Cause(StrEnum):
    """Where it comes from (`strangler.reconcile.cause` decides)."""

    QUARANTINED = "in quarantine"
    """A change of it waits in quarantine since it was compared."""
    LATE_WRITE = "late legacy write"
    """Legacy was written after new became the owner."""
    RESURRECTED = "removed, and back"
    """The log's last event removed the key, and the store has it."""
    STORE_WRITE = "write in the store"
    """Somebody other than delivery wrote the store's row."""
    MAPPING_VERSION = "mapping version"
    """The row was made by another version of the mapping."""
    NOT_APPLIED = "not applied"
    """The log's last event says what legacy has, and the store doesn't have it."""
    EVENT_LOST = "event lost"
    """Nothing in the log says what legacy has."""
    UNKNOWN = "unknown"
    """Nothing tells, or not all of it could be looked at."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a key differs. `patterns`: field → what its two values look like beside each other; of a key that one side lacks, one
    pattern under the name of no field (""). `event` is the id of the last event of the key in the log, `position` its position, `mapping`
    the version that made it; None where the log has none. `twin` is the key in legacy of which a duplicate is one. `words` say
    it to people, without any value.
    """

    cause: Cause
    patterns: dict[str, Pattern]
    words: str
    event: str | None = None
    position: Position | None = None
    mapping: str | None = None
    twin: str | None = None

    @property
    def pattern(self) -> Pattern:
        """The one pattern of all fields; `VALUE` where they differ in more than one way."""
        found = set(self.patterns.values())
        return found.pop() if len(found) == 1 else Pattern.VALUE
