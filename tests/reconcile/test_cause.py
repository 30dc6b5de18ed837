"""Where a difference comes from, by what is known of the key: a line of the table for each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.changes import ORIGIN, Position
from strangler.cutover.stages import Side
from strangler.reconcile.cause import Filled, Known, Told, judge
from strangler.reconcile.explanation import Cause, Pattern
from strangler.reconcile.narrow import Kind

C, K = Cause, Kind


def at(number: int) -> Position:
    return Position(f"{number:03d}")


def told(position: int, says: str, mapping: str = "m2") -> Told:
    """The last event: `legacy` says what legacy has, `other` something else, `removed`, `nothing` of what differs."""
    return Told(at(position), mapping, says == "removed", {"legacy": True, "nothing": None}.get(says, False))


REMOVED_AS_LEGACY = Told(at(50), "m2", True, True)

KNOWN = Known(
    kind=Kind.DIFFERENT,
    written_at=at(10),
    told=None,
    searched=ORIGIN,
    filled=Filled(at(10), "m2"),
    mapping="m2",
    owner=Side.LEGACY,
    switched=None,
    compared=at(90),
)
"""A row that a backfill wrote, with nothing in the log."""

NEW: dict[str, Any] = {"owner": Side.NEW, "switched": at(40), "compared": None}

CASES: list[tuple[Cause, str, dict[str, Any]]] = [
    (C.QUARANTINED, "waits in quarantine", {"waits": True, "written_at": None, "told": told(50, "legacy")}),
    (C.LATE_WRITE, "after new became the owner at 040", {**NEW, "told": told(50, "legacy")}),
    (C.LATE_WRITE, "wrote it at 041", {**NEW, "told": told(41, "other"), "written_at": None}),
    (C.STORE_WRITE, "as its owner", {**NEW, "told": told(40, "legacy"), "written_at": None}),
    (C.STORE_WRITE, "as its owner", {**NEW, "kind": K.EXTRA, "written_at": None}),
    (C.STORE_WRITE, "removed", {**NEW, "told": told(40, "legacy"), "kind": K.MISSING, "written_at": None}),
    (C.UNKNOWN, "compare again", {"told": told(91, "other")}),
    (C.RESURRECTED, "somebody else", {"kind": K.EXTRA, "told": REMOVED_AS_LEGACY, "written_at": None}),
    (C.RESURRECTED, "with position 010", {"kind": K.EXTRA, "told": REMOVED_AS_LEGACY}),
    (C.EVENT_LOST, "filled at 060", {"kind": K.EXTRA, "told": REMOVED_AS_LEGACY, "written_at": at(60)}),
    (C.STORE_WRITE, "somebody else did", {"written_at": None}),
    (C.STORE_WRITE, "somebody else did", {"written_at": None, "told": told(50, "legacy")}),
    (C.STORE_WRITE, "somebody else did", {"written_at": None, "kind": K.EXTRA, "told": told(50, "other")}),
    (C.STORE_WRITE, "somebody else did", {"written_at": None, "searched": None}),
    (C.STORE_WRITE, "changed it since", {"written_at": at(50), "told": told(50, "legacy")}),
    (C.NOT_APPLIED, "hasn't come to it", {"filled": Filled(at(60), "m3", True)}),
    (
        C.NOT_APPLIED,
        "hasn't come to it",
        {"filled": Filled(ORIGIN, "", True), "told": told(10, "other", "m1")},
    ),
    (
        C.NOT_APPLIED,
        "hasn't come to it",
        {"filled": Filled(at(60), "m2", True), "kind": K.MISSING, "written_at": None},
    ),
    (C.EVENT_LOST, "no event of it since", {"filled": Filled(at(60), "m2", True), "written_at": at(60)}),
    (
        C.EVENT_LOST,
        "doesn't say",
        {"filled": Filled(at(60), "m2", True), "written_at": at(70), "told": told(70, "other")},
    ),
    (C.MAPPING_VERSION, "by mapping m1, and now it is m2", {"filled": Filled(at(10), "m1")}),
    (C.MAPPING_VERSION, "fill it again", {"written_at": at(50), "told": told(50, "other", "m1")}),
    (C.EVENT_LOST, "no event of it since", {"filled": Filled(at(9), "m1")}),
    (C.EVENT_LOST, "no event of it since", {"filled": Filled(at(10), "")}),
    (C.EVENT_LOST, "doesn't say what legacy has", {"written_at": at(50), "told": told(50, "other")}),
    (C.EVENT_LOST, "doesn't say what legacy has", {"told": told(50, "other", "m1")}),
    (C.NOT_APPLIED, "still at 010", {"told": told(50, "legacy")}),
    (C.NOT_APPLIED, "wasn't applied", {"told": told(50, "legacy"), "kind": K.MISSING, "written_at": None}),
    (C.NOT_APPLIED, "still at 010", {"told": told(50, "legacy"), "compared": None}),
    (C.UNKNOWN, "on its way", {"told": told(50, "other"), "compared": None}),
    (C.UNKNOWN, "on its way", {"compared": None}),
    (C.EVENT_LOST, "filled at 060", {"told": told(50, "legacy"), "written_at": at(60)}),
    (
        C.EVENT_LOST,
        "legacy has it again",
        {"told": told(50, "removed"), "kind": K.MISSING, "written_at": None},
    ),
    (C.EVENT_LOST, "legacy has it again", {"told": told(50, "removed")}),
    (C.EVENT_LOST, "doesn't remove it", {"told": told(50, "other"), "kind": K.EXTRA}),
    (C.EVENT_LOST, "no event of it", {"kind": K.MISSING, "written_at": None}),
    (C.EVENT_LOST, "since", {"searched": at(10)}),
    (C.UNKNOWN, "after 011", {"searched": at(11)}),
    (C.UNKNOWN, "after 001", {"searched": at(1), "kind": K.MISSING, "written_at": None}),
    (C.UNKNOWN, "older ones", {"searched": None}),
    (C.UNKNOWN, "says nothing of what differs", {"told": told(50, "nothing")}),
    (C.UNKNOWN, "couldn't be read: gone", {"searched": None, "unread": "gone"}),
    (C.UNKNOWN, "couldn't be read: gone", {"searched": None, "unread": "gone", "compared": None}),
    (C.STORE_WRITE, "somebody else did", {"written_at": None, "searched": None, "unread": "gone"}),
]


@pytest.mark.parametrize(("cause", "words", "changed"), CASES)
def test_what_is_known_has_its_cause(cause: Cause, words: str, changed: dict[str, Any]) -> None:
    found = judge(replace(KNOWN, **changed))
    assert found.cause is cause
    assert words in found.words


@pytest.mark.parametrize("told", [*Pattern, *Cause], ids=lambda each: f"{type(each).__name__} {each}")
def test_the_page_says_what_each_pattern_and_cause_means(told: Pattern | Cause) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text()
    section = page.partition("## Why a key differs")[2].partition("\n## ")[0]
    assert f"| {told} |" in section or f"*{told}*" in section
