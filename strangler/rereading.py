"""Rereading: what a few aggregates are in legacy now, whole, read from its tables and not from what was said of them before.

Each of an entity's tables is read by itself, so what is found may be torn by a change that is made meanwhile. That one's own event, which
is newer, says the aggregate whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from strangler.changes import Row
from strangler.errors import Untranslatable
from strangler.events import encode_key
from strangler.mapping import EntityMapping, Translated, translated
from strangler.mapping.keyed import legacy_rows
from strangler.mirror.tree import in_order
from strangler.parts import Part, parts_of
from strangler.ports import Queries


class Now(NamedTuple):
    """An aggregate as legacy has it: its root's flat `row` and the `data` of an event that says it, None where there is none. `fault`:
    why it can't be told what it is."""

    row: Row | None = None
    data: dict[str, Any] | None = None
    fault: str = ""


_Lines = dict[str, dict[str, list[dict[str, Any]]]]
"""A part's name → the key of what a row stands under → the rows."""


Statements = Callable[[Part], Iterable[str]]
"""The SELECTs that find, among others maybe, a part's rows of the wanted aggregates: columns as `Select.legacy_sql` has them."""


def reread(
    mapping: EntityMapping, side: Queries, keys: Collection[str], statements: Statements | None = None
) -> dict[str, Now]:
    """What the aggregates with these keys are now, every one of them. `statements`: where there is a better way to find their rows than
    by what the mapping makes of them. Raises what the side raises."""
    wanted = frozenset(keys)
    roots: dict[str, list[Translated]] = defaultdict(list)
    lines: _Lines = defaultdict(lambda: defaultdict(list))
    faults: dict[str, str] = {}
    for part in parts_of(mapping):
        shape = part.mapping.shape
        found = (
            statements(part) if statements else legacy_rows(part.mapping, side.dialect, part.above, wanted)
        )
        for each in _rows(part, side, found, wanted):
            if each.fault is not None:
                faults.setdefault(part.key_of(each.row), part.reason(each.row, each.fault.what))
            elif shape.under is None:
                roots[_key(each.data, shape.key)].append(each)
            else:
                lines[shape.entity][_key(each.data, shape.under.key)].append(each.data)
    return {key: _now(mapping, roots.get(key, []), lines, faults.get(key, "")) for key in wanted}


def cohorts_of(mapping: EntityMapping, now: Now) -> set[str | None]:
    """The cohort of an aggregate as legacy has it; nothing where it has none of it, or can't tell."""
    if now.row is None or mapping.cohort_of is None:
        return set() if now.row is None else {None}
    try:
        return {mapping.cohort_of(now.row)}
    except Untranslatable:
        return set()


def _rows(
    part: Part, side: Queries, statements: Iterable[str], wanted: frozenset[str]
) -> Iterator[Translated]:
    """The part's rows of these aggregates, and those that can't be translated."""
    for statement in statements:
        for each in translated(part.mapping, side.dialect, side.rows(statement)):
            if each.fault is not None or _key(each.data, part.above) in wanted:
                yield each


def _now(mapping: EntityMapping, roots: list[Translated], lines: _Lines, fault: str) -> Now:
    if fault:
        return Now(fault=fault)
    if not roots:
        return Now()
    if len(roots) > 1:
        return Now(fault=f"{len(roots)} legacy rows become this one {mapping.shape.entity}")
    (root,) = roots
    try:
        return Now(root.row, _whole(mapping, root.data, lines))
    except Untranslatable as error:
        return Now(fault=error.what)


def _whole(mapping: EntityMapping, data: dict[str, Any], lines: _Lines) -> dict[str, Any]:
    """The data with its lines of all levels, each without what is its parent's. Raises Untranslatable."""
    whole = dict(data)
    above = mapping.shape.key
    for child in mapping.children:
        found = lines[child.mapping.shape.entity].get(_key(data, above), [])
        each = [_whole(child.mapping, line, lines) for line in found]
        bare = [{name: value for name, value in line.items() if name not in above} for line in each]
        whole[child.name] = in_order(child.plan, bare)
    return whole


def _key(data: dict[str, Any], names: Collection[str]) -> str:
    return encode_key([data[name] for name in names])
