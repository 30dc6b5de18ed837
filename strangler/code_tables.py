"""Code tables: code maps that are a table of the legacy database, read when mappings are compiled.

Such a map is a small mapping itself: code and meaning are expressions over its table. So it is checked, evaluated by the database and
read as the rows of entities are, without the blanks of a CHAR. What it held then is part of the version of whatever looks it up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from strangler import catalog
from strangler.configuration.findings import Finding, Path
from strangler.errors import MappingError
from strangler.mapping import EntityMapping, compile_entity, translated
from strangler.mapping.parsing import code_map_names
from strangler.ports import ChangeSource, SqlSide
from strangler.settings import Children, CodeMap, Entity, Settings
from strangler.shapes import FieldType, Table

MOST: Final = 100_000
"""Rows of a table: every process that compiles mappings holds them all."""

_TYPES: Final = (FieldType.TEXT, FieldType.INTEGER)

Held = dict[str, str | int]


class _Wrong(Exception):
    """What is wrong with the map's setting `key` ("": with all of it), and what would do."""

    def __init__(self, key: str, what: str, instead: str) -> None:
        super().__init__(what)
        self.key, self.instead = key, instead


def read(
    settings: Settings, functions: Iterable[str], source: ChangeSource
) -> tuple[dict[str, Held], list[Finding]]:
    """What LOOKUP may name in the functions of the source: code map → code → meaning. With tables go only the maps that the
    functions use, and of these only those that could be read: the others are findings."""
    sections = settings.code_maps
    found = {name: section.held for name, section in sections.items() if section.table is None}
    used = frozenset().union(*(of_entity(each) for each in _entities(settings, functions)))
    asked = {name: sections[name] for name in sorted(used & sections.keys() - found.keys())}
    findings: list[Finding] = []
    if asked:
        tables = source.describe(sorted({str(each.table) for each in asked.values()}))
        with closing(source.reader()) as reader:
            for name, section in asked.items():
                try:
                    found[name] = _held(name, section, tables, reader)
                except _Wrong as wrong:
                    path: Path = ("code_maps", name, wrong.key) if wrong.key else ("code_maps", name)
                    findings.append(Finding(path, str(wrong), wrong.instead))
    return found, findings


def of_entity(entity: Entity) -> frozenset[str]:
    """The code maps that an entity names."""
    return frozenset().union(*map(code_map_names, _expressions(entity)))


def _entities(settings: Settings, functions: Iterable[str]) -> Iterator[Entity]:
    for name in functions:
        yield from settings.functions[name].entities.values()


def _expressions(entity: Entity | Children) -> Iterator[str]:
    for field in entity.fields.values():
        yield field.value
        yield from (field.reverse or {}).values()
    if entity.where is not None:
        yield entity.where
    if isinstance(entity, Entity):
        events = (*entity.events.created, *entity.events.changed, *entity.events.removed)
        yield from (event.when for event in events if event.when is not None)
    for lines in entity.children.values():
        yield from _expressions(lines)


def _held(name: str, section: CodeMap, tables: Mapping[str, Table], reader: SqlSide) -> Held:
    """What the table holds. Raises _Wrong."""
    table = tables.get(str(section.table))
    if table is None:
        raise _Wrong("table", *catalog.missing(reader, str(section.table)))
    held: Held = {}
    for code, meaning in _rows(_mapping(name, section, table), reader):
        if code in held:
            raise _Wrong(
                "from", f"{table.name} has the code {code!r} twice", "a `where` that leaves one of them"
            )
        if meaning is None:
            raise _Wrong(
                "to", f"in {table.name} the code {code!r} means NULL", "a `where` without it, or COALESCE"
            )
        if len(held) == MOST:
            what = f"{table.name} has more than {MOST:,} codes"
            raise _Wrong(
                "table", what, "a `where`, or a `join` of the entity, which takes tables of any size"
            )
        held[str(code)] = meaning
    if not held:
        raise _Wrong(
            "where" if section.where else "table", f"{table.name} holds no codes", "a table that does"
        )
    return held


def _mapping(name: str, section: CodeMap, table: Table) -> EntityMapping:
    """The map as a mapping of its table. Its rows needn't have a key, since nothing is said of a single one."""
    given = Entity.model_validate({
        "table": table.name, "key": "from", "where": section.where, "fields": {"from": section.from_, "to": section.to},
    })  # fmt: skip
    keyed = replace(table, key=table.key or (table.columns[0].name,), removal=None)
    try:
        made = compile_entity("code_maps", name, given, keyed)
    except MappingError as error:
        first = error.problems[0]
        key = first.path.rpartition(".")[2]
        raise _Wrong(key if key in ("from", "to", "where") else "", first.what, first.instead) from None
    for field in made.shape.fields:
        if field.type not in _TYPES:
            what = f"is {field.type}, and a code map is made of texts and integers"
            raise _Wrong(field.name, what, "CAST(… AS TEXT)")
    return made


def _rows(mapping: EntityMapping, reader: SqlSide) -> Iterator[Collection[Any]]:
    """Code and meaning of each row."""
    select = mapping.select(reader.dialect)
    if (pushed := select.rows_sql()) is not None:
        yield from reader.rows(pushed)
    if (rest := select.rest_sql()) is not None:
        for row in translated(mapping, reader.dialect, reader.rows(rest)):
            if row.fault is not None:
                what = f"{row.fault.what}; {row.fault.why}"
                raise _Wrong("from", what, "a `where` that leaves such rows out")
            yield tuple(row.data.values())
