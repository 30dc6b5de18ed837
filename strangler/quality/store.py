"""The store's side: its tables as they are, whoever wrote the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from strangler.mapping import EntityMapping
from strangler.mapping.nodes import Node
from strangler.ports import SqlSide
from strangler.quality import legacy, relations
from strangler.quality.checks import Checked
from strangler.quality.gathering import PartName, Picture, Rows
from strangler.shapes import Shape


def picture(
    parts: Sequence[Checked],
    mappings: Mapping[PartName, EntityMapping],
    side: SqlSide,
    url: str,
    source: SqlSide,
) -> Picture:
    """What the store is. `source` is asked how many rows legacy has, where a check wants to know. Raises StoreError, or what `source`
    raises, where something can't be read."""
    rows = {
        name: Rows(side.dialect, url, partial(_sql, mapping.shape, side.dialect))
        for name, mapping in mappings.items()
    }
    for each in rows.values():
        for _ in side.rows(f"SELECT * FROM ({each.sql(None)}) AS looked_at LIMIT 1"):
            pass
    counted = {
        part.name: legacy.count(part.mapping, source)
        for part in parts
        if any(each.declared and each.declared.as_ == "legacy" for each in part.checks)
    }
    return Picture("store", rows, legacy_rows=counted)


def _sql(shape: Shape, dialect: str, where: Node | None) -> str:
    return relations.store(shape, dialect, where=where)
