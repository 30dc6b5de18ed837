"""Explaining: for the keys that a run found to differ, the patterns of their values and the cause.

What is needed is fetched once for all keys: the log is read backwards, legacy is asked for twins where the store has rows that it
hasn't, and the control store for owner, backfills and quarantine. `patterns` and `cause` decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from strangler.aggregates import lines
from strangler.changes import Position
from strangler.control import backfills, quarantine, standings
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import StranglerError
from strangler.events import encode_key
from strangler.mapping import EntityMapping
from strangler.parts import Part, parts_of
from strangler.ports import ChangeSource, EventLog
from strangler.reconcile.cause import Filled, Judgement, Known, Told, judge
from strangler.reconcile.entity import Outcome
from strangler.reconcile.explanation import Cause, Explanation, Pattern
from strangler.reconcile.history import History, Key, Last, look_back
from strangler.reconcile.narrow import ROWS, Difference, Kind
from strangler.reconcile.patterns import patterns
from strangler.reconcile.twins import twins
from strangler.sensitive import Covered, masked


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the reasons are looked for. `log` opens the event log, which is closed again."""

    log: Callable[[], EventLog]
    source: ChangeSource
    control: Control


def explain(
    outcomes: Sequence[Outcome], mappings: Sequence[EntityMapping], evidence: Evidence
) -> list[Outcome]:
    """The outcomes with each difference explained, and without what is under the masks of sensitive values. They are those of these
    mappings, of one function. Where the log can't be read, the explanations say so; raises what the legacy side raises."""
    parts = {part.mapping.shape.entity: part for mapping in mappings for part in parts_of(mapping)}
    found = [(parts[outcome.entity], each) for outcome in outcomes for each in outcome.differences]
    if not found:
        return list(outcomes)
    circumstances = _Circumstances.learn(found[0][0].root.shape.function, found, evidence)
    return [_explained(outcome, parts[outcome.entity], circumstances, evidence) for outcome in outcomes]


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What is known of all keys of the function together; see `Known`."""

    history: History
    unread: str
    owner: Side
    switched: Position | None
    filled: Mapping[str, Filled]
    waiting: Mapping[str, set[str]]

    @classmethod
    def learn(
        cls, function: str, found: Sequence[tuple[Part, Difference]], evidence: Evidence
    ) -> _Circumstances:
        control = evidence.control
        standing = standings.of(control, function)
        filled = {
            each.entity: Filled(each.stamp, each.mapping, each.finished_at is None)
            for each in backfills.of_function(control, function)
        }
        entities = {part.root.shape.entity for part, _ in found}
        waiting = {entity: quarantine.keys(control, function, entity) for entity in entities}
        history, unread = _history(function, found, evidence)
        return cls(history, unread, standing.owner, standing.sync_until, filled, waiting)


def _history(
    function: str, found: Sequence[tuple[Part, Difference]], evidence: Evidence
) -> tuple[History, str]:
    """What the log says of the keys, or why it couldn't be read."""
    wanted: dict[Key, set[str]] = {}
    for part, difference in found:
        wanted.setdefault(_key(part, difference), set()).update(_names(part, difference))
    try:
        with closing(evidence.log()) as log:
            return look_back(log, function, wanted), ""
    except StranglerError as error:
        return History({}, None, 0), error.what


def _key(part: Part, difference: Difference) -> Key:
    """The aggregate that the log has events of."""
    return part.root.shape.entity, part.aggregate(difference.key)


def _names(part: Part, difference: Difference) -> Iterator[str]:
    """What of an event's data says the fields that differ."""
    if part.depth:
        yield _steps(part)[0]
    else:
        yield from (name for name in difference.fields if name != ROWS)


def _steps(part: Part) -> list[str]:
    """The names by which an event carries the part: `sale.lines.taxes` is in `lines`, and there in `taxes`."""
    return part.mapping.shape.entity.split(".")[1:]


def _explained(outcome: Outcome, part: Part, circumstances: _Circumstances, evidence: Evidence) -> Outcome:
    found: dict[str, str] = {}
    if any(each.kind is Kind.EXTRA for each in outcome.differences):
        with closing(evidence.source.reader()) as side:
            found = twins(part, side, outcome.differences)
    explained = (
        replace(
            each, explanation=_explanation(each, part, outcome.position, found.get(each.key), circumstances)
        )
        for each in outcome.differences
    )
    return replace(outcome, differences=tuple(map(_only_masked, explained)))


def _explanation(
    difference: Difference, part: Part, compared: Position | None, twin: str | None, known: _Circumstances
) -> Explanation:
    last = known.history.last.get(_key(part, difference))
    cause, words = _judgement(difference, part, compared, last, known)
    if twin is not None:
        words = f"it has all fields of legacy's {twin}; {words}"
    event = last.event if last else None
    return Explanation(
        cause=cause,
        patterns=_patterns(difference, part, twin),
        words=words,
        event=event.id if event else None,
        position=event.position if event else None,
        mapping=event.mapping if event else None,
        twin=twin,
    )


def _patterns(difference: Difference, part: Part, twin: str | None) -> dict[str, Pattern]:
    if difference.kind is not Kind.DIFFERENT:
        alone = Pattern.MISSING if difference.kind is Kind.MISSING else Pattern.EXTRA
        return {"": Pattern.DUPLICATE if twin is not None else alone}
    if ROWS in difference.fields:
        return {ROWS: Pattern.VALUE}
    types = {field.name: field.type for field in part.mapping.shape.fields}
    unseen = dict.fromkeys(difference.fields, Pattern.VALUE)
    return {**unseen, **patterns(difference.clear(part.mapping.sensitive), types)}


def _judgement(
    difference: Difference, part: Part, compared: Position | None, last: Last | None, known: _Circumstances
) -> Judgement:
    if ROWS in difference.fields:
        legacy, store = difference.fields[ROWS]
        words = (
            f"{legacy:,} rows in legacy and {store:,} in the store have this key: it doesn't tell them apart"
        )
        return Judgement(Cause.UNKNOWN, words)
    entity, key = _key(part, difference)
    return judge(
        Known(
            kind=difference.kind,
            written_at=difference.written_at,
            told=None if last is None else _told(difference, part, last),
            searched=known.history.searched,
            filled=known.filled.get(entity),
            mapping=part.root.version,
            owner=known.owner,
            switched=known.switched,
            compared=compared,
            waits=key in known.waiting[entity],
            unread=known.unread,
        )
    )


def _told(difference: Difference, part: Part, last: Last) -> Told:
    """What the event says, held against legacy's row."""
    at, gone = (last.event.position, last.event.mapping), difference.kind is Kind.EXTRA
    said = _said(difference.key, part, last)
    if said is None:
        return Told(*at, removes=True, as_legacy=gone)
    clear = difference.clear(part.mapping.sensitive)
    heard = [(said[name], old) for name, (old, _) in clear.items() if name in said]
    agrees = not gone and all(value == old for value, old in heard)
    return Told(*at, removes=False, as_legacy=agrees if heard else None)


def _said(key: str, part: Part, last: Last) -> Mapping[str, Any] | None:
    """The row as the log says it, as far as it does; None: there is none any more."""
    if last.data is None or not part.depth:
        return last.data
    shape = part.mapping.shape
    try:
        rows = [row for child, row in lines(part.root.shape, last.data) if child.entity == shape.entity]
    except KeyError:  # It leaves out lines, or something of a line.
        return {}
    return next((row for row in rows if encode_key([row[name] for name in shape.key]) == key), None)


def _only_masked(difference: Difference) -> Difference:
    """Without what is under the masks: it has served."""
    fields = {name: (_mask(old), _mask(new)) for name, (old, new) in difference.fields.items()}
    return replace(difference, fields=fields)


def _mask(value: Any) -> Any:
    return masked(value) if isinstance(value, Covered) else value
