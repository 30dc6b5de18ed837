"""How a blast radius is shown: as tables for people, as one object for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.blast import Change
from strangler.mapping.difference import ABSENT, Radius, Sample

LONGEST_VALUE: Final = 60
"""Characters of a value that a table shows."""


def as_json(found: Sequence[Change], limit: int | None) -> dict[str, Any]:
    """`rows` is null where there was nothing to compare with; a field that a mapping doesn't have is absent from a sample."""
    return {"limit": limit, "entities": [_change_json(each) for each in found]}


def as_tables(found: Sequence[Change], limit: int | None) -> RenderableType:
    """What is written otherwise, how many entities read otherwise, and samples."""
    parts: list[RenderableType] = [_written(found)]
    counted = [(each, each.radius) for each in found if each.radius is not None]
    if counted:
        parts += ["", _counts(counted)]
        if limit is not None and any(radius.rows == limit for _, radius in counted):
            parts.append(Text(f"no more than {limit:,} rows of each entity were looked at", "yellow"))
    if any(radius.fields for _, radius in counted):
        parts += ["", _fields(counted)]
    if any(radius.samples for _, radius in counted):
        parts += ["", _samples(counted)]
    return Group(*parts)


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "function": change.name.function,
        "entity": change.name.entity,
        "before": change.before or None,
        "after": change.after or None,
        "differences": [{"path": each.path, "words": each.words} for each in change.differences],
        "rows": None if change.radius is None else _radius_json(change.radius),
    }


def _radius_json(radius: Radius) -> dict[str, Any]:
    return {
        "read": radius.rows,
        "differ": radius.differ,
        "new_keys": radius.keys,
        "come": radius.came,
        "go": radius.went,
        "become_untranslatable": radius.untranslatable,
        "become_translatable": radius.translatable,
        "fields": dict(radius.fields),
        "samples": [_sample_json(each) for each in radius.samples],
    }


def _sample_json(sample: Sample) -> dict[str, Any]:
    sides = {"before": sample.before, "after": sample.after}
    if sample.field is None:
        return {"key": sample.key, "untranslatable": sides}
    return {
        "key": sample.key,
        "field": sample.field,
        **{n: v for n, v in sides.items() if v is not ABSENT},
    }


def _written(found: Sequence[Change]) -> Table:
    table = _table("entity", "version", "what", "how")
    for change in found:
        first = [
            f"{change.name.function}.{change.name.entity}",
            f"{change.before or '–'} → {change.after or '–'}",
        ]
        for each in change.differences:
            table.add_row(*map(Text, first), each.path, Text(each.words))
            first = ["", ""]
    return table


def _counts(counted: Sequence[tuple[Change, Radius]]) -> Table:
    headings = (
        "rows read",
        "read differently",
        "new keys",
        "come",
        "go",
        "become untranslatable",
        "become translatable",
    )
    table = _table("entity", *headings)
    for change, radius in counted:
        counts = (
            radius.rows, radius.differ, radius.keys, radius.came, radius.went, radius.untranslatable, radius.translatable,
        )  # fmt: skip
        table.add_row(change.name.entity, *(Text(f"{each:,}", "" if each else "dim") for each in counts))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _fields(counted: Sequence[tuple[Change, Radius]]) -> Table:
    table = _table("entity", "field", "read differently")
    table.columns[-1].justify = "right"
    for change, radius in counted:
        for name, count in radius.fields.most_common():
            table.add_row(change.name.entity, name, f"{count:,}")
    return table


def _samples(counted: Sequence[tuple[Change, Radius]]) -> Table:
    table = _table("entity", "key", "field", "before", "after")
    for change, radius in counted:
        for each in sorted(radius.samples, key=lambda sample: sample.field or ""):
            name = Text("the whole row", "dim") if each.field is None else Text(each.field)
            table.add_row(change.name.entity, Text(each.key), name, *_sides(each))
    return table


def _sides(sample: Sample) -> tuple[Text, Text]:
    if sample.field is None:
        before, after = (
            Text("translatable" if each is None else each, "" if each is None else "red")
            for each in (sample.before, sample.after)
        )
        return before, after
    return _value(sample.before), _value(sample.after)


def _value(value: Any) -> Text:
    """As JSON, so that blanks and quotes can be seen."""
    if value is ABSENT:
        return Text("–", "dim")
    text = json.dumps(value, ensure_ascii=False)
    return Text(text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
