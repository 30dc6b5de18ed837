"""What leads back from the new service to legacy, per entity and its children: how `strangler plan` shows it, and as JSON.

It is said before anything moves, since after the cutover legacy lives on what comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from strangler.mapping import EntityMapping
from strangler.mapping.inverse import Lost
from strangler.settings import Api, Requests


def returning_json(mappings: Sequence[EntityMapping], api: Api | None = None) -> dict[str, Any]:
    """Per entity, and children of it (`sale.lines`): the fields without a way back and why, those that come back through others, those
    that may come back spelled otherwise, the columns that get nothing. Of an entity that returns by an API the requests."""
    return {
        each.shape.entity: {
            "lost": {one.field: one.why for one in lost(each)},
            **({"requests": dict(_requests(each, api))} if api and each.shape.under is None else {}),
            "through": {field: list(others) for field, others in each.inverse.through},
            "respelled": list(each.inverse.respelled),
            "empty": list(each.inverse.empty),
        }
        for each in _parts(mappings)
    }


def print_returning(out: Console, mappings: Sequence[EntityMapping], api: Api | None = None) -> None:
    """The same in words; nothing of an entity that comes back whole by its tables."""
    for mapping in _parts(mappings):
        lines = [*(_asked(mapping, api) if api and mapping.shape.under is None else ()), *_lines(mapping)]
        if lines:
            head = Text.assemble("Back to legacy, ", (mapping.shape.entity, "bold"))
            out.print(Padding(Text("\n").join([head, *lines]), (1, 0, 0, 2)))


def print_unchecked(out: Console, why: str) -> None:
    """What comes back depends on the legacy tables, and these couldn't be looked at."""
    words = Text.assemble(("Back to legacy couldn't be checked: ", "yellow"), why)
    out.print(Padding(words, (1, 0, 0, 2)))


def _parts(mappings: Sequence[EntityMapping]) -> Iterator[EntityMapping]:
    for mapping in mappings:
        yield from mapping.parts()


def lost(mapping: EntityMapping) -> list[Lost]:
    """The fields of a part without a way back. The key of what a line stands under isn't the line's to give back."""
    above = mapping.shape.under.key if mapping.shape.under else ()
    return [each for each in mapping.inverse.lost if each.field not in above]


def _requests(mapping: EntityMapping, api: Api) -> Iterator[tuple[str, str | None]]:
    section = api.requests.get(mapping.shape.entity, Requests())
    for act, request in section:
        yield act, request and f"{request.method} {request.path}"


def _asked(mapping: EntityMapping, api: Api) -> Iterator[Text]:
    for act, request in _requests(mapping, api):
        if request:
            yield Text(f"  - {act} by {request}")
        else:
            yield Text.assemble("  - ", (act, "yellow"), " has no request: it would be held for a decision")


def _lines(mapping: EntityMapping) -> Iterator[Text]:
    inverse, table = mapping.inverse, mapping.table.name
    for field, why in lost(mapping):
        yield Text.assemble("  - ", (field, "yellow"), f" has no way back: {why}")
    for field, others in inverse.through:
        yield Text(f"  - {field} isn't undone itself; it comes back through {', '.join(others)}")
    if inverse.respelled:
        yield Text(
            f"  - {', '.join(inverse.respelled)}: legacy may get another value that reads alike "
            "(without the blanks, without zeros behind the point, a constant for NULL, …)"
        )
    if inverse.empty:
        yield Text.assemble(
            f"  - {table}: ",
            (", ".join(inverse.empty), "yellow"),
            " would stay empty, and NOT NULL is declared: a new row is refused unless the database has a default",
        )
