"""Alterations: what an upgrade of the ERP did to a captured table, which mappings it touches, and whether to go on.

Pure: two shapes of a table go in, words and a verdict come out. An alteration touches a mapping when the mapping uses a column
that isn't what it was; a column that was added touches none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from strangler.errors import SourceError
from strangler.mapping.origin import PARENT
from strangler.mapping.uses import Part, Used, parts
from strangler.settings import Children, Entity, Join, Settings
from strangler.shapes import Column, Table


class Difference(NamedTuple):
    """One thing that is different about a table. `columns`: those that aren't what they were; None: whoever uses the table at all
    is touched."""

    table: str
    words: str
    columns: frozenset[str] | None


class Use(NamedTuple):
    """A setting that uses columns of a legacy table: `path` as `function.entity.field`, of children
    `function.entity.children.lines.fields.field`. Names of columns are in
    lower case, since a mapping may write them in any."""

    path: str
    table: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Alteration:
    """What is different in a source, and the paths of the mappings that it touches."""

    differences: tuple[Difference, ...]
    touched: tuple[str, ...]

    @property
    def words(self) -> str:
        """`customer: column email (text) added; order: the key was id, is (id, year)`."""
        return "; ".join(self.lines)

    @property
    def lines(self) -> list[str]:
        """One line for each table that is different."""
        by_table: dict[str, list[str]] = {}
        for difference in self.differences:
            by_table.setdefault(difference.table, []).append(difference.words)
        return [f"{table}: {', '.join(words)}" for table, words in by_table.items()]


def alteration(before: Mapping[str, Table], now: Mapping[str, Table], uses: Iterable[Use]) -> Alteration:
    """What became of the tables that were there before. `before`, `now`: table as configured → its shape."""
    differences = tuple(each for name in sorted(before) for each in _compare(before[name], now.get(name)))
    touched = (use.path for use in uses if any(_touches(difference, use) for difference in differences))
    return Alteration(differences, tuple(dict.fromkeys(touched)))


def uses(settings: Settings, source: str) -> list[Use]:
    """Every mapping of the source, field by field and join by join."""
    return [
        use
        for name, function in settings.functions.items()
        if function.source == source
        for entity_name, entity in function.entities.items()
        for use in _uses_of(f"{name}.{entity_name}", entity)
    ]


def stop(source: str, found: Alteration, policy: str) -> SourceError | None:
    """Why the source isn't read on, in words that say what to do; None where the policy lets it go on."""
    accept = f"strangler source accept {source}"
    what = f"captured tables were altered: {found.words}"
    if found.touched:
        return SourceError(
            what,
            why=f"this touches {', '.join(found.touched)}",
            do=f"see to these in strangler.yaml, restart the worker if you change it, then: {accept}",
        )
    if policy == "continue":
        return None
    return SourceError(
        what,
        why="no mapping uses what changed, and sources are read on only when somebody has looked",
        do=f"{accept}; or set sources.{source}.on_schema_change: continue",
    )


def _compare(before: Table, now: Table | None) -> Iterator[Difference]:
    if now is None:
        yield Difference(before.name, "the table isn't there any more", None)
        return
    for words, columns in _columns(before.columns, now.columns):
        yield Difference(before.name, words, columns)
    if before.key != now.key:
        yield Difference(before.name, f"the key was {_list(before.key)}, is {_list(now.key)}", None)
    elif before.removal != now.removal:
        told = _list(now.removal) if now.removal is not None else "all columns"
        less = now.removal is not None and not set(now.removal).issuperset(before.removal or _names(before))
        words = f"a removed row now tells {told}"
        yield Difference(before.name, words, None if less else frozenset())


def _columns(before: Sequence[Column], now: Sequence[Column]) -> Iterator[tuple[str, frozenset[str]]]:
    was, there = {column.name: column for column in before}, {column.name: column for column in now}
    renamed = _renamed(before, now)
    for name, column in was.items():
        if name in renamed:
            words = f"column {name} ({column.declared}) dropped and {renamed[name]} added, probably renamed"
            yield words, frozenset({name})
        elif name not in there:
            yield f"column {name} ({column.declared}) dropped", frozenset({name})
        elif column != there[name]:
            yield _changed(column, there[name]), frozenset({name})
    for name, column in there.items():
        if name not in was and name not in renamed.values():
            yield f"column {name} ({column.declared}) added", frozenset()


def _renamed(before: Sequence[Column], now: Sequence[Column]) -> dict[str, str]:
    """Columns that are gone, where one of the same type has come at the same place between those that stayed."""
    old, new = {column.name for column in before}, {column.name for column in now}
    gone = {_place(column, before, new): column for column in before if column.name not in new}
    come = {_place(column, now, old): column for column in now if column.name not in old}
    return {
        column.name: come[place].name
        for place, column in gone.items()
        if place in come and come[place].declared == column.declared
    }


def _place(column: Column, among: Sequence[Column], stayed: set[str]) -> tuple[str, int]:
    """The nearest column before it that stayed, and how many stand between."""
    at = among.index(column)
    for distance, earlier in enumerate(reversed(among[:at])):
        if earlier.name in stayed:
            return earlier.name, distance
    return "", at


def _changed(before: Column, now: Column) -> str:
    changes = []
    if before.declared != now.declared:
        changes.append(f"retyped from {before.declared} to {now.declared}")
    elif before.type is not now.type:
        changes.append(f"read as {now.type.value}, no longer as {before.type.value}")
    if before.nullable != now.nullable:
        changes.append("may be NULL now" if now.nullable else "may no longer be NULL")
    return f"column {now.name} {' and '.join(changes)}"


def _touches(difference: Difference, use: Use) -> bool:
    if difference.table != use.table:
        return False
    return difference.columns is None or any(name.lower() in use.columns for name in difference.columns)


def _uses_of(path: str, entity: Entity) -> Iterator[Use]:
    for part in parts(entity):
        for name, field in part.section.fields.items():
            reversed = {Used(part.section.table, column.lower()) for column in field.reverse or {}}
            at = part.at(f"fields.{name}") if part.path else name
            yield from _by_table(f"{path}.{at}", part, part.columns(field.value) | reversed)
        if part.section.where is not None:
            yield from _by_table(f"{path}.{part.at('where')}", part, part.columns(part.section.where))
        for alias, join in part.section.join.items():
            yield from _by_table(f"{path}.{part.at(f'join.{alias}')}", part, _joining(part, join))
        if isinstance(part.section, Children):
            yield from _by_table(f"{path}.{part.at('on')}", part, _linking(part, part.section))
    for kind in ("created", "changed", "removed"):
        for event in getattr(entity.events, kind):
            if event.when is not None:
                root = next(parts(entity))
                yield from _by_table(f"{path}.{event.name}", root, root.columns(event.when))


def _joining(part: Part, join: Join) -> Iterator[Used]:
    """The columns by which rows are joined, on both sides."""
    for column, origin in join.on.items():
        yield Used(join.table, column.lower())
        yield from part.columns(origin)


def _linking(part: Part, section: Children) -> Iterator[Used]:
    """The columns by which lines belong to what they stand under."""
    for column, above in section.on.items():
        yield Used(section.table, column.lower())
        yield Used(part.tables[PARENT], above.lower())


def _by_table(path: str, part: Part, used: Iterable[Used]) -> Iterator[Use]:
    """What a setting of the part uses, table by table: its own always, for without it there is nothing."""
    columns: dict[str, set[str]] = {part.section.table: set()}
    for each in used:
        columns.setdefault(each.table, set()).add(each.column)
    for table in sorted(columns):
        yield Use(path, table, frozenset(columns[table]))


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _list(names: Sequence[str]) -> str:
    return f"({', '.join(names)})" if len(names) != 1 else names[0]
