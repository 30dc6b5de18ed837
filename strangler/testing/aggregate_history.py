"""A legacy system with sales, their lines and the taxes of these, as plain dictionaries, that does as it likes: every state it was in is
remembered, and what would be told of it by a stream and by a backfill.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from strangler.events import Event
from strangler.shapes import Field, FieldType, Shape, Under
from strangler.testing.service_store import removing, saying

_KEY: Final = (Field("company", FieldType.TEXT, False), Field("id", FieldType.INTEGER, False))
_LINE_KEY: Final = (*_KEY, Field("line", FieldType.INTEGER, False))

TAXES: Final = Shape(
    "sale",
    "sale.lines.taxes",
    "Sale taxes",
    ("company", "id", "line", "tax"),
    (*_LINE_KEY, Field("tax", FieldType.TEXT, False), Field("rate", FieldType.FLOAT, True)),
    (),
    Under("Sale lines", ("company", "id", "line")),
)

LINES: Final = Shape(
    "sale",
    "sale.lines",
    "Sale lines",
    ("company", "id", "line"),
    (
        *_LINE_KEY,
        Field("order", FieldType.BOOLEAN, True),
        Field("quantity", FieldType.DECIMAL, True),
        Field("scan", FieldType.BYTES, True),
        Field("due", FieldType.DATE, True),
    ),
    (("taxes", TAXES),),
    Under("sale", ("company", "id")),
)

LABELS: Final = Shape(
    "sale",
    "sale.labels",
    "sale_labels",
    ("company", "id", "label"),
    (*_KEY, Field("label", FieldType.TEXT, False)),
    (),
    Under("sale", ("company", "id")),
)
"""Lines that have nothing but a key."""

SALE: Final = Shape(
    "sale",
    "sale",
    "sale",
    ("company", "id"),
    (*_KEY, Field("name", FieldType.TEXT, True)),
    (("lines", LINES), ("labels", LABELS)),
)
"""An aggregate with two collections, of which one has lines of its own."""

Row = dict[str, Any]


def sale(
    id: int,
    name: str | None = "Acme",
    lines: Sequence[Mapping[str, Any]] = (),
    labels: Sequence[str] = (),
    company: str = "Ł",
) -> Row:
    """The data of an event."""
    each = [{"label": label} for label in labels]
    return {"company": company, "id": id, "name": name, "lines": list(lines), "labels": each}


def line(
    line: int, quantity: str | None = "1.5", *taxes: tuple[str, float | None], due: str | None = None
) -> Row:
    """A line in it."""
    each = [{"tax": tax, "rate": rate} for tax, rate in taxes]
    return {"line": line, "order": True, "quantity": quantity, "scan": "00ff", "due": due, "taxes": each}


def rows_of(shape: Shape, sales: Sequence[Mapping[str, Any]]) -> list[Row]:
    """What is in the table of a part when there are these sales."""
    found = []
    for each in sales:
        key = {"company": each["company"], "id": each["id"]}
        if shape.table == SALE.table:
            found.append({**key, "name": each["name"]})
        elif shape.table == LABELS.table:
            found += [{**key, **label} for label in each["labels"]]
        else:
            for one in each["lines"]:
                flat = {**key, **{name: value for name, value in one.items() if name != "taxes"}}
                if shape.table == LINES.table:
                    found.append(flat)
                else:
                    found += [{**key, "line": one["line"], **tax} for tax in one["taxes"]]
    return found


class History:
    """Legacy at every position since it began, 0 being empty. What happens while nobody `sees` it is in no event."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._states: list[dict[int, Row]] = [{}]
        self.events: list[Event] = []

    @property
    def now(self) -> int:
        return len(self._states) - 1

    def state(self, position: int) -> list[Row]:
        return list(self._states[position].values())

    def happen(self, *, seen: bool = True) -> None:
        """One transaction, at the next position. Unseen, no sale goes away: a store could never know."""
        state = copy.deepcopy(self._states[-1])
        id = self._chance.randrange(6)
        if id in state and seen and self._chance.random() < 0.2:
            del state[id]
        else:
            state[id] = self._changed(state.get(id) or sale(id))
        self._states.append(state)
        if seen:
            gone = removing(SALE, self.now, company="Ł", id=id)
            self.events.append(saying(SALE, self.now, state[id]) if id in state else gone)

    def _changed(self, each: Row) -> Row:
        kept = [one for one in each["lines"] if self._chance.random() < 0.7]
        there = {one["line"] for one in kept}
        new = self._chance.choice([n for n in range(5) if n not in there] or [9])
        for one in kept:
            if self._chance.random() < 0.5:
                one["quantity"] = str(self._chance.randrange(9))
            if self._chance.random() < 0.5:
                one["taxes"] = self._taxes()
        added = [{**line(new), "taxes": self._taxes()}] if new != 9 and self._chance.random() < 0.8 else []
        labels = self._chance.sample("abc", self._chance.randrange(4))
        return sale(each["id"], f"at {self.now + 1}", [*kept, *added], labels)

    def _taxes(self) -> list[Row]:
        return [
            {"tax": tax, "rate": self._chance.random()}
            for tax in self._chance.sample("xyz", self._chance.randrange(3))
        ]

    def chunks(self, shape: Shape, size: int) -> Iterator[list[Row]]:
        """The rows of a part, read sale by sale, each time as legacy is then."""
        for first in range(0, 6, size):
            ids = range(first, first + size)
            yield rows_of(shape, [each for each in self.state(self.now) if each["id"] in ids])
