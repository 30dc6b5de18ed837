"""Repair: bring what a reconciliation found different to what legacy has, by events like all others.

Nothing is written into a store here. What is asked for is marked, with the entry on the ledger, and the worker says the legacy state of
the keys anew (`strangler.sync.repairing`). A plan says beforehand what that comes to, and which keys can't be repaired so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from strangler import assembly
from strangler.control import astray, ledger, quarantine, reconciliations, repairs
from strangler.control.astray import Key
from strangler.control.reconciliations import Finding, Run
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE
from strangler.errors import Refused
from strangler.events import decode_key, encode_key
from strangler.mapping import EntityMapping, canonical_columns, sql
from strangler.mapping.canonical import quote, value_of
from strangler.mapping.dialects import DIALECTS
from strangler.mapping.keyed import among
from strangler.outcomes import name_anew
from strangler.parts import Part, parts_of
from strangler.ports import SqlSide
from strangler.reconcile.narrow import Kind
from strangler.rereading import cohorts_of, reread
from strangler.settings import Settings
from strangler.sync import repairing

MAX_KEYS: Final = 100
"""Keys that are repaired at once unless more are asked for: so many a person can look at first."""

ASKED: Final = "repair asked for"
"""The kind of the entry on the ledger."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """An aggregate that differs, and how: `fields` are the names of those that would change, of a line with its own
    name before (`lines: quantity`)."""

    entity: str
    key: str
    kind: Kind
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What repairing a run comes to. `events`: what is to be said → the event's type as of now. `refused`: what can't be repaired so → why,
    and what to do. `others`: keys that differ and aren't in it, since the run kept no more or others were asked for. `cohorts`: of what
    the store has a row of, that row's."""

    run: Run
    events: Mapping[Drifted, str] = field(default_factory=dict)
    refused: Mapping[Drifted, str] = field(default_factory=dict)
    others: int = 0
    cohorts: Mapping[Drifted, str] = field(default_factory=dict)


class _Judged(NamedTuple):
    """The type of the event that is to be said of an aggregate, or None and `why` there is none; the cohort of its row in the store."""

    drifted: Drifted
    type: str | None
    why: str
    cohort: str | None


def plan(
    settings: Settings, control: Control, run: Run, *, max_keys: int, only: Collection[str] = ()
) -> Plan:
    """What repairing a run would come to now; changes nothing. `only`: these keys, as the run has them.

    Each row is for the owner of its cohort to say: what is new's is refused. Raises Refused where nothing of the function may be
    repaired, or where more than `max_keys` would be.
    """
    function = run.function
    stands = repairing.require_allowed(control, function)
    section = settings.functions[function]
    with (
        closing(assembly.source(settings, section.source)) as source,
        closing(assembly.store(settings, section.store)) as store,
    ):
        mappings = {each.shape.entity: each for each in assembly.mappings(settings, function, source)}
        findings = reconciliations.findings(control, run.id)
        drifted = _drifted(mappings, _chosen(run, findings, only, mappings))
        _require_few(run, len(drifted), max_keys)
        judged: list[_Judged] = []
        with closing(source.reader()) as legacy, closing(store.reader()) as new:
            for entity, mapping in mappings.items():
                keys = {each.key: each for each in drifted if each.entity == entity}
                if keys:
                    judged += _judge(control, stands, mapping, keys, legacy, new)
    return Plan(
        run,
        {each.drifted: each.type for each in judged if each.type is not None},
        {each.drifted: each.why for each in judged if each.type is None},
        max(0, run.drift - len(findings)) if not only else 0,
        {each.drifted: each.cohort for each in judged if each.cohort is not None},
    )


def ask(control: Control, plan: Plan, *, actor: str, at: float) -> list[int]:
    """Ask the worker for what is planned, and note on the ledger who did (invariant 8), in one transaction; the repairs' numbers.

    Raises Refused when the function has moved since.
    """
    run = plan.run
    with control.begin():
        repairing.require_allowed(control, run.function)
        keys = [(each.entity, each.key, each.kind, plan.cohorts.get(each)) for each in plan.events]
        body = {
            "run": run.id,
            "keys": len(keys),
            "which": [list(key[:3]) for key in keys[: repairing.LISTED]],
            "refused": len(plan.refused),
        }
        ledger.append(control, actor=actor, kind=ASKED, function=run.function, body=body, at=at)
        return repairs.ask(control, run.function, keys, reconciliation=run.id, actor=actor, at=at)


def _chosen(
    run: Run, findings: Sequence[Finding], only: Collection[str], mappings: Mapping[str, EntityMapping]
) -> list[Finding]:
    ours = [each for each in findings if each.entity.split(".")[0] in mappings]
    if not only:
        return ours
    chosen = [each for each in ours if each.key in only]
    if absent := sorted(set(only) - {each.key for each in chosen}):
        raise Refused(
            f"run {run.id} of {run.function} found nothing of key {', '.join(absent)}",
            do=f"strangler reconcile show {run.id}, and write the key as it is shown there, in quotes",
        )
    return chosen


def _drifted(mappings: Mapping[str, EntityMapping], findings: Sequence[Finding]) -> list[Drifted]:
    """The aggregates behind findings: what is found of lines is found of what they belong to."""
    found: dict[tuple[str, str], Drifted] = {}
    for each in sorted(findings, key=lambda finding: (finding.entity, finding.key)):
        root, _, below = each.entity.partition(".")
        key = encode_key(decode_key(each.key)[: len(mappings[root].shape.key)])
        known = found.get((root, key)) or Drifted(root, key, Kind.DIFFERENT, ())
        kind = known.kind if below else Kind(each.kind)
        fields = [f"{below}: {name}" if below else name for name in each.fields]
        found[root, key] = Drifted(root, key, kind, tuple(dict.fromkeys((*known.fields, *fields))))
    return list(found.values())


def _require_few(run: Run, keys: int, max_keys: int) -> None:
    if keys > max_keys:
        raise Refused(
            f"run {run.id} of {run.function} found {keys:,} keys to repair, and {max_keys:,} are the limit",
            why="so many are rarely single accidents: see first why they differ",
            do=f"--max-keys {keys}, or some of them by --key; if nearly all differ: strangler backfill {run.function} --again",
        )


def _judge(
    control: Control,
    stands: Snapshot,
    mapping: EntityMapping,
    keys: Mapping[str, Drifted],
    legacy: SqlSide,
    new: SqlSide,
) -> Iterator[_Judged]:
    """What is to be said of the keys of an entity, and what can't be."""
    shape = mapping.shape
    held = quarantine.keys(control, shape.function, shape.entity)
    strays = astray.of_function(control, shape.function)
    own, stored = own_rows(mapping, new, keys), cohorts(mapping, new, keys)
    now = reread(mapping, legacy, keys)
    for key, each in keys.items():
        here = {stored.get(key), strays.get(Key(shape.entity, key))} - {None}
        whose = repairing.owned_by_new(stands, shape.function, here | cohorts_of(mapping, now[key]))
        type_, why = None, ""
        if key in held:
            why = repairing.WAITS_IN_QUARANTINE
        elif whose:
            why = whose
        elif key in own:
            why = _written_by_the_service(own[key])
        elif now[key].fault:
            why = f"legacy can't be translated: {now[key].fault}"
        elif (operation := repairing.operation_of(each.kind, now[key])) is not None:
            type_ = name_anew(mapping, operation, now[key].row)
        else:
            why = "neither side has it any more: reconcile again"
        yield _Judged(each, type_, why, stored.get(key))


def _written_by_the_service(table: str) -> str:
    return (
        f"its row in {table} was written by the service itself, and neither may silently win: look at it, and to let legacy"
        f" win: UPDATE {quote(table)} SET _position = '' WHERE … (its key)"
    )


def own_rows(mapping: EntityMapping, store: SqlSide, keys: Collection[str]) -> dict[str, str]:
    """Invariant 4: those of the aggregates of which the service itself wrote a row → the table of it. Delivery would refuse them."""
    found: dict[str, str] = {}
    for part in parts_of(mapping):
        for key, position in positions(part, store, keys):
            if position is None:
                found.setdefault(key, part.mapping.shape.table)
    return found


def cohorts(mapping: EntityMapping, store: SqlSide, keys: Collection[str]) -> dict[str, str]:
    """The cohort of each of these aggregates whose root the store has, EVERYONE for none."""
    shape, cohort = mapping.shape, mapping.plan.cohort
    columns = dict(
        zip((each.name for each in shape.fields), canonical_columns(shape, store.dialect), strict=True)
    )
    types = {each.name: each.type for each in shape.fields}
    texts = [columns[name] for name in shape.key]
    whose = "NULL" if cohort is None else sql.write(cohort.of_fields, DIALECTS[store.dialect]).value
    where = among(store.dialect, texts, keys)
    found: dict[str, str] = {}
    for name, *values in store.rows(
        f"SELECT {whose}, {', '.join(texts)} FROM {quote(shape.table)} WHERE {where}"
    ):
        key = encode_key([value_of(text, types[name]) for text, name in zip(values, shape.key, strict=True)])
        if key in keys:
            found[key] = EVERYONE if name is None else name
    return found


def positions(part: Part, store: SqlSide, keys: Collection[str]) -> list[tuple[str, str | None]]:
    """The aggregate's key and the position of each row of the part, of these aggregates, that the store has."""
    shape = part.mapping.shape
    columns = dict(
        zip((each.name for each in shape.fields), canonical_columns(shape, store.dialect), strict=True)
    )
    types = {each.name: each.type for each in shape.fields}
    texts = [columns[name] for name in part.above]
    where = among(store.dialect, texts, keys)
    sql = f"SELECT _position, {', '.join(texts)} FROM {quote(shape.table)} WHERE {where}"
    found: list[tuple[str, str | None]] = []
    for position, *values in store.rows(sql):
        key = encode_key([value_of(text, types[name]) for text, name in zip(values, part.above, strict=True)])
        if key in keys:
            found.append((key, position))
    return found


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs."""
    return {
        "run": plan.run.id,
        "function": plan.run.function,
        "events": [_shown(each) | {"type": type} for each, type in plan.events.items()],
        "refused": [_shown(each) | {"reason": why} for each, why in plan.refused.items()],
        "others": plan.others,
    }


def _shown(each: Drifted) -> dict[str, Any]:
    return {"entity": each.entity, "key": each.key, "kind": each.kind, "fields": list(each.fields)}
