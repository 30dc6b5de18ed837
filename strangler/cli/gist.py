"""What an entry of the ledger says, on a line: the move, whose it is, and its own words where it has some, otherwise its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from strangler.cutover.stages import EVERYONE, Stage
from strangler.cutover.steps import Target
from strangler.durations import moment

LONGEST: Final = 200
"""Characters that are shown; the whole is shown by the entry's number."""

_OWN: Final = ("what", "reason", "why")
"""Where an entry has its own words."""

_TOLD: Final = frozenset(("cohort", "before", "after", "gates", "sections", *_OWN))


def gist(body: Mapping[str, Any]) -> str:
    """An entry's body in a line, cut where it is longer than `LONGEST`."""
    own = [str(body[name]) for name in _OWN if body.get(name)]
    told = "; ".join((*_move(body), *(own or _figures(body)), *_gates(body)))
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def _move(body: Mapping[str, Any]) -> Iterator[str]:
    if (cohort := body.get("cohort", EVERYONE)) != EVERYONE:
        yield f"cohort {cohort}"
    before, after = (body.get(name) or {} for name in ("before", "after"))
    if "stage" in before and "stage" in after and before != after:
        owner = f", owner {after['owner']}" if after["owner"] != before["owner"] else ""
        yield f"{_place(before)} → {_place(after)}{owner}"


def _gates(body: Mapping[str, Any]) -> Iterator[str]:
    """How many spoke for it. A refusal names those that didn't."""
    if (gates := body.get("gates")) and not body.get("what"):
        yield f"{len(gates)} gate{'' if len(gates) == 1 else 's'}"


def _place(value: Mapping[str, Any]) -> str:
    return str(Target(Stage(value["stage"]), int(value["weight"])))


def _figures(body: Mapping[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        if name.endswith("_at") and isinstance(value, float):
            yield f"{name.removesuffix('_at')}: {moment(value)}"
        elif name not in _TOLD and (words := _plain(value)):
            yield f"{name}: {words}"


def _plain(value: Any) -> str:
    """A figure, or several of them; nothing for what has parts of its own."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items()) if _all_single(value) else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(each) for each in value) if _all_single(value) else ""
    return "" if value is None else str(value)


def _all_single(value: Mapping[str, Any] | Sequence[Any]) -> bool:
    those = value.values() if isinstance(value, Mapping) else value
    return not any(isinstance(each, (Mapping, list, tuple)) for each in those)
