"""Judging whether an aggregate may be written to legacy, and whether it was. Pure."""

from __future__ import annotations

from strangler.control.conflicts import Conflict
from strangler.mapping import EntityMapping
from strangler.ports import Outgoing
from strangler.rereading import Now
from strangler.returning import comparing


def why_held(mapping: EntityMapping, each: Outgoing, legacy: Now, decided: Conflict | None) -> str:
    """Why it isn't written: legacy is neither what new last saw, nor what it should become, nor what somebody has decided to overwrite.
    Empty: it may be."""
    # Invariant 4
    if legacy.fault:
        return legacy.fault
    if any(comparing.same(mapping, legacy.data, state) for state in (each.before, each.now)):
        return ""
    if decided is not None and decided.legacy == comparing.digest(mapping, legacy.data):
        return ""
    if legacy.data is None:
        return "legacy has removed it"
    if each.before:
        return "legacy has changed it since new last saw it"
    return "legacy has made one of this key"


def amiss(mapping: EntityMapping, each: Outgoing, after: Now) -> str:
    """In what legacy, read after it was written, isn't what new has. Empty: it is."""
    if after.fault or comparing.same(mapping, after.data, each.now):
        return after.fault
    unlike = comparing.unlike(mapping, after.data, each.now)[0]
    return f"legacy would have {unlike.legacy!r} in {unlike.field}, where new has {unlike.new!r}"
