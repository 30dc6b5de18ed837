"""The legacy side: rows as they are now, seen through the mapping, and those that the mapping can't see.

What the legacy database translates itself is checked there. Where some rows have to be translated here, all rows of the part go into a
scratch file, and checks are made on that. What can't be translated at all, and lines without what they stand under, are kept as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping, Translated, translated
from strangler.mapping.nodes import Node
from strangler.ports import SqlSide
from strangler.quality import relations
from strangler.quality.checks import Checked, references
from strangler.quality.gathering import Left, PartName, Picture, Rows
from strangler.quality.scratch import Scratch


def picture(
    function: str,
    parts: Sequence[Checked],
    mappings: Mapping[PartName, EntityMapping],
    side: SqlSide,
    url: str,
    scratch: Scratch,
) -> Picture:
    """What legacy is. `mappings`: of the parts of the function, and of the entities that they refer to."""
    kept: dict[PartName, str] = {}
    left: dict[tuple[str, str], Left] = {}
    for part in parts:
        left[part.name, "translated"], table = _translate(part, side, scratch)
        if table is not None:
            kept[function, part.name] = table
        if orphans := part.mapping.plan.origin.orphans(side.dialect):
            left[part.name, "has parent"] = _orphans(part, orphans, side, scratch)
    _keep_together(function, parts, mappings, kept, side, scratch)
    rows = {
        name: _kept(mapping, kept[name], scratch) if name in kept else _pushed(mapping, side.dialect, url)
        for name, mapping in mappings.items()
    }
    notes = [f"{name} was translated row by row, into a scratch file" for _, name in sorted(kept)]
    return Picture("legacy", rows, left, notes=notes)


def count(mapping: EntityMapping, side: SqlSide) -> int:
    """How many rows the entity has in legacy, of those that can be translated."""
    select, counted = mapping.select(side.dialect), 0
    if select.pushed is not None:
        sql = relations.legacy(mapping.shape, select, side.dialect)
        counted += sum(int(row[0]) for row in side.rows(f"SELECT count(*) FROM ({sql}) AS counted"))
    return counted + sum(each.fault is None for each in _rest(mapping, side))


def _rest(mapping: EntityMapping, side: SqlSide) -> Iterator[Translated]:
    if sql := mapping.select(side.dialect).rest_sql():
        yield from translated(mapping, side.dialect, side.rows(sql))


def _translate(part: Checked, side: SqlSide, scratch: Scratch) -> tuple[Left, str | None]:
    """Those that can't be translated, and the table of all others where some had to be translated here."""
    pushed = part.mapping.select(side.dialect).pushed is not None
    faults, table = scratch.texts("key", "reason"), None if pushed else scratch.of(part.shape)
    for each in _rest(part.mapping, side):
        if each.fault is not None:
            faults.add((part.part.key_of(each.row), _why(each.fault)))
            continue
        table = table or scratch.of(part.shape)
        table.add(tuple(each.data.values()))
    if pushed and table is not None:
        table.add_all(_translated_there(part.mapping, side))
    left = Left(scratch.dialect, scratch.url, faults.name)
    return left, None if table is None else table.name


def _translated_there(mapping: EntityMapping, side: SqlSide) -> Iterator[Sequence[object]]:
    if sql := mapping.select(side.dialect).rows_sql():
        yield from side.rows(sql)


def _why(fault: Untranslatable) -> str:
    return f"{fault.what}: {fault.why}" if fault.why else fault.what


def _orphans(part: Checked, sql: str, side: SqlSide, scratch: Scratch) -> Left:
    table = scratch.texts(*part.mapping.table.key)
    table.add_all(tuple(map(str, row)) for row in side.rows(sql))
    return Left(scratch.dialect, scratch.url, table.name)


def _keep_together(
    function: str,
    parts: Sequence[Checked],
    mappings: Mapping[PartName, EntityMapping],
    kept: dict[PartName, str],
    side: SqlSide,
    scratch: Scratch,
) -> None:
    """What one check looks at stands in one database: with one part in the scratch file, those that it refers to are there too."""
    pairs = [
        ((function, part.name), name)
        for part in parts
        for check in part.checks
        if "legacy" in check.on and (name := references(function, check))
    ]
    by_row = {name for name, mapping in mappings.items() if mapping.select(side.dialect).pushed is None}
    while missing := {
        name
        for pair in pairs
        for name in pair
        if name not in kept and not by_row.union(kept).isdisjoint(pair)
    }:
        for name in missing:
            table = scratch.of(mappings[name].shape)
            table.add_all(tuple(each.data.values()) for each in _rest(mappings[name], side) if not each.fault)
            table.add_all(_translated_there(mappings[name], side))
            kept[name] = table.name


def _pushed(mapping: EntityMapping, dialect: str, url: str) -> Rows:
    def sql(where: Node | None) -> str:
        return relations.legacy(mapping.shape, mapping.select(dialect), dialect, where)

    return Rows(dialect, url, sql)


def _kept(mapping: EntityMapping, table: str, scratch: Scratch) -> Rows:
    return Rows(scratch.dialect, scratch.url, partial(_of_table, mapping, table))


def _of_table(mapping: EntityMapping, table: str, where: Node | None) -> str:
    return relations.store(mapping.shape, Scratch.dialect, table, where)
