"""The tree of an entity: from its root row down to joined rows and children, whole, and from any of these rows up to the root.

Compiled from the mapping; pure over the rows at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from strangler.changes import Row
from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping
from strangler.mapping.entity import Collection as Children
from strangler.mapping.origin import PARENT, Constant, Joined, Origin
from strangler.mapping.plans import read
from strangler.mapping.rows import Plan, RowFunctions
from strangler.mirror.identity import Identify, Identity, identify
from strangler.mirror.layout import Edge, edge_of, start_of
from strangler.mirror.rows import Rows
from strangler.shapes import Table

Up = Callable[[Rows, Identity, Row | None], Collection[Identity]]
"""From a row, which is or is to be so, to the roots that it is part of. It isn't read itself."""

Bring = Callable[[Rows, Collection[Identity], Sequence[Row]], set[Identity]]
"""The same from many rows as they are, and from others as they will be, set-wise."""


@dataclass(eq=False)
class Place:
    """A table at one place of the tree. `relevant` takes those of its columns that say something there. `depth`: so many levels below
    the root its rows are lines; None: they are joined ones."""

    table: Table
    depth: int | None
    relevant: Callable[[Row], object]
    up: Up
    bring: Bring

    def touches(self, before: Row | None, after: Row | None) -> bool:
        """Whether a change of a row can be seen from here."""
        return before is None or after is None or self.relevant(before) != self.relevant(after)


class Reach(NamedTuple):
    """A joined row, seen from a line: found from the row `start` (an alias; its own without one) by the edge. `matches`: what else
    must hold, columns of it beside what they must equal. `names`: its columns that are read → what the flat row calls them."""

    alias: str
    start: str
    edge: Edge
    matches: tuple[tuple[Identify, Identify], ...]
    names: tuple[tuple[str, str], ...]
    absent: Mapping[str, None]


class Found(NamedTuple):
    """An aggregate as it is: its root's flat row, and the data of its event; None: its row isn't one of the entity's, or it can't
    be told (`untold`)."""

    flat: Row
    data: dict[str, Any] | None
    untold: bool = False


@dataclass(eq=False)
class Line:
    """The rows of one table in the tree, the root's or children's, with what is joined to each."""

    plan: Plan
    rows: RowFunctions
    reaches: tuple[Reach, ...]
    from_parent: tuple[tuple[str, str], ...]
    """Columns of the parent's flat row that are read, and what the flat row calls them."""
    below: tuple[tuple[str, Edge, Line], ...]
    _done: dict[Identity, tuple[list[Any], Row, dict[str, Any] | None]] = field(default_factory=dict)

    @cached_property
    def table(self) -> str:
        """The name of its table."""
        return self.plan.origin.root.name

    def joined(self, rows: Rows, own: Row) -> list[Row | None]:
        """The row and those that are joined to it, each found from those before it."""
        by: dict[str, Row | None] = {"": own}
        for reach in self.reaches:
            start = by[reach.start]
            key = None if start is None else reach.edge.of(start)
            found = None if key is None else rows.row(reach.edge.one.name, key)
            if found is not None and start is not None and reach.matches:
                found = found if all(one(found) == other(start) for one, other in reach.matches) else None
            by[reach.alias] = found
        return list(by.values())

    def flat(self, found: Sequence[Row | None], parent: Row | None) -> Row:
        """The flat row of what `joined` found."""
        flat = dict(found[0] or {})
        for reach, joined in zip(self.reaches, found[1:], strict=True):
            if joined is None:
                flat.update(reach.absent)
            else:
                for name, as_ in reach.names:
                    flat[as_] = joined[name]
        if parent is not None:
            for name, as_ in self.from_parent:
                flat[as_] = parent[name]
        return flat

    def made(self, rows: Rows, key: Identity, parent: Row | None) -> tuple[Row, dict[str, Any] | None] | None:
        """The flat row and what is translated from it; None: there is no such row. Raises Untranslatable."""
        own = rows.row(self.table, key)
        if own is None:
            return None
        found = self.joined(rows, own) if self.reaches else [own]
        seen = [*found, *(parent[name] for name, _ in self.from_parent)] if parent is not None else found
        done = self._done.get(key)
        if done is not None and done[0] == seen:
            return done[1], done[2]
        flat = self.flat(found, parent) if len(seen) > 1 else own
        belongs = self.rows.belongs
        data = self.rows.translate(flat) if belongs is None or belongs(flat) else None
        self._done[key] = seen, flat, data
        return flat, data

    def forget(self) -> None:
        """What was made once may take no more memory."""
        self._done.clear()
        for _, _, line in self.below:
            line.forget()

    def lines(self, rows: Rows, edge: Edge, key: Identity, parent: Row) -> list[dict[str, Any]]:
        """The children of the row with this identity, in the order of their keys. Raises Untranslatable."""
        found = []
        for each in rows.naming(edge, key):
            made = self.made(rows, each, parent)
            if made is not None and made[1] is not None:
                found.append(self.whole(rows, each, made[0], made[1]))
        return in_order(self.plan, found)

    def whole(self, rows: Rows, key: Identity, flat: Row, data: dict[str, Any]) -> dict[str, Any]:
        """With its children. Raises Untranslatable."""
        if not self.below:
            return data
        return data | {name: line.lines(rows, edge, key, flat) for name, edge, line in self.below}


def in_order(plan: Plan, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines by their keys. Raises Untranslatable where two have the same one: a store could keep only one of them."""
    key: Callable[[dict[str, Any]], Any] = itemgetter(*plan.key)
    lines.sort(key=key)
    for one, other in pairwise(lines):
        if key(one) == key(other):
            raise Untranslatable(
                f"two lines of {plan.entity} have the same key",
                why=", ".join(f"{name} = {one[name]}" for name in plan.key),
                do="correct the rows in legacy, or the key of the children",
            )
    return lines


@dataclass(eq=False)
class Tree:
    """An entity over several tables."""

    mapping: EntityMapping
    root: Line
    places: tuple[Place, ...]

    def find(self, rows: Rows, key: Identity) -> Found | None:
        """The aggregate of the root row with this identity; None: there is none. Raises Untranslatable."""
        made = self.root.made(rows, key, None)
        if made is None:
            return None
        flat, data = made
        return Found(flat, None if data is None else self.root.whole(rows, key, flat, data))

    def flat_root(self, rows: Rows, key: Identity) -> Row | None:
        """Only the flat row, which says what the aggregate is even where it can't be translated."""
        own = rows.row(self.mapping.table.name, key)
        if own is None:
            return None
        return self.root.flat(self.root.joined(rows, own), None)

    def bring(self, rows: Rows, roots: Collection[Identity]) -> None:
        """Have everything at hand that these aggregates are made of."""
        rows.bring(self.mapping.table.name, roots)
        _bring(rows, self.root, roots)


def _bring(rows: Rows, line: Line, keys: Collection[Identity]) -> None:
    table = line.table
    by: dict[str, list[Row]] = {"": [row for key in keys if (row := rows.row(table, key)) is not None]}
    for reach in line.reaches:
        named = {key for row in by[reach.start] if (key := reach.edge.of(row)) is not None}
        one = reach.edge.one.name
        rows.bring(one, named)
        by[reach.alias] = [row for key in named if (row := rows.row(one, key)) is not None]
    for _, edge, below in line.below:
        rows.bring_naming(edge, keys)
        children = {child for key in keys for child in rows.naming(edge, key)}
        rows.bring(edge.many.name, children)
        _bring(rows, below, children)


def tree(mapping: EntityMapping) -> Tree:
    """The tree of a mirrored mapping."""
    places: list[Place] = []
    functions = RowFunctions(mapping.translate, mapping.key_of, mapping.event_name, mapping.belongs)
    root = _line(mapping.plan, functions, mapping.children, (_itself, _themselves), places)
    return Tree(mapping, root, tuple(places))


_Ways = tuple[Up, Bring]


def _itself(rows: Rows, key: Identity, row: Row | None) -> Collection[Identity]:
    return (key,)


def _themselves(rows: Rows, keys: Collection[Identity], coming: Sequence[Row]) -> set[Identity]:
    return set(keys)


def _line(
    plan: Plan,
    functions: RowFunctions,
    children: Sequence[Children],
    up: _Ways,
    places: list[Place],
    depth: int = 0,
) -> Line:
    """A line of the tree, and the places that it has there. `up` leads from its own rows to the roots."""
    origin = plan.origin
    named = read(plan)
    own = [join for join in origin.joins if not join.is_above]
    reaches = tuple(_reach(origin, join, named) for join in own)
    ups = {"": up}
    for reach in reaches:
        ups[reach.alias] = _up_by(reach.edge, ups[reach.start])
        seen = {name for name, _ in reach.names} | {column for column, _ in _joined(own, reach.alias).on}
        seen |= _leading(origin, own, reach.alias)
        places.append(Place(reach.edge.one, None, _taking(seen), *ups[reach.alias]))
    below = []
    for child in children:
        link = child.mapping.plan.origin.joins[0]
        edge = edge_of(child.mapping.plan.origin.root, child.mapping.plan.origin.joins, link)
        line = _line(child.plan, child.rows, child.mapping.children, _up_from(edge, up), places, depth + 1)
        below.append((child.name, edge, line))
    seen = {name for name in named if origin.root.column(name)} | _leading(origin, own, "")
    if plan.origin.joins and plan.origin.joins[0].is_above:
        seen |= {source for _, source in plan.origin.joins[0].on if isinstance(source, str)}
    places.append(Place(origin.root, depth, _taking(seen | set(origin.root.key)), *up))
    from_parent = tuple(
        sorted((name.removeprefix(f"{PARENT}."), name) for name in named if name.startswith(f"{PARENT}."))
    )
    return Line(plan, functions, reaches, from_parent, tuple(below))


def _joined(joins: Iterable[Joined], alias: str) -> Joined:
    return next(join for join in joins if join.alias == alias)


def _reach(origin: Origin, join: Joined, named: Collection[str]) -> Reach:
    names = tuple((c.name, join.name(c.name)) for c in join.table.columns if join.name(c.name) in named)
    start, prefix = start_of(origin.root, origin.joins, join)
    matches = []
    for name, source in join.on:
        if name not in join.table.key:
            one, other = join.table.column(name), _source(start, prefix, source)
            if one is not None and other is not None:
                matches.append((identify([one]), identify([other])))
    absent = dict.fromkeys(as_ for _, as_ in names)
    edge = edge_of(origin.root, origin.joins, join)
    return Reach(join.alias, prefix.removesuffix("."), edge, tuple(matches), names, absent)


def _source(start: Table, prefix: str, source: str | Constant) -> Any:
    return source if isinstance(source, Constant) else start.column(source.removeprefix(prefix))


def _leading(origin: Origin, joins: Iterable[Joined], alias: str) -> set[str]:
    """The columns of the row `alias` by which others are found."""
    prefix = f"{alias}." if alias else ""
    return {
        source.removeprefix(prefix)
        for join in joins
        if start_of(origin.root, origin.joins, join)[1] == prefix
        for _, source in join.on
        if isinstance(source, str)
    }


def _taking(names: Collection[str]) -> Callable[[Row], object]:
    return itemgetter(*sorted(names)) if names else lambda row: None


def _up_by(edge: Edge, above: _Ways) -> _Ways:
    """From joined rows to those that name them, and on."""
    one_up, all_up = above
    table = edge.many.name

    def up(rows: Rows, key: Identity, row: Row | None) -> Collection[Identity]:
        return {root for many in rows.naming(edge, key) for root in one_up(rows, many, rows.row(table, many))}

    def bring(rows: Rows, keys: Collection[Identity], coming: Sequence[Row]) -> set[Identity]:
        rows.bring_naming(edge, keys)
        return all_up(rows, {many for key in keys for many in rows.naming(edge, key)}, ())

    return up, bring


def _up_from(edge: Edge, above: _Ways) -> _Ways:
    """From children to what they stand under, and on."""
    one_up, all_up = above
    table, parents = edge.many.name, edge.one.name

    def up(rows: Rows, key: Identity, row: Row | None) -> Collection[Identity]:
        parent = None if row is None else edge.of(row)
        return () if parent is None else one_up(rows, parent, rows.row(parents, parent))

    def bring(rows: Rows, keys: Collection[Identity], coming: Sequence[Row]) -> set[Identity]:
        rows.bring(table, keys)
        there = [row for key in keys if (row := rows.row(table, key)) is not None]
        named = map(edge.of, (*there, *coming))
        return all_up(rows, {one for one in named if one is not None}, ())

    return up, bring
