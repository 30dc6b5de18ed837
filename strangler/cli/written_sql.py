"""How a mapping that is written out looks: a file of SQL that can be run as it is; what isn't SQL in it is a comment. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from strangler.mapping.dialects import TRANSPILED
from strangler.mapping.written import WRITERS, Unsaid, WrittenOut

_WIDEST: Final = 120


def as_text(entity: str, dialect: str, found: WrittenOut) -> str:
    return "\n".join(_lines(entity, dialect, found))


def _lines(entity: str, dialect: str, found: WrittenOut) -> Iterator[str]:
    writer = WRITERS[dialect]
    yield from _comment(f"{entity} in {writer.title}")
    yield ""
    if found.select is not None:
        yield from (f"{each};" for each in writer.session)
        yield f"{found.select};"
        yield ""
    yield from _listed("It can't be said:", found.unsaid)
    if found.select is None:
        yield from _comment("So there is no SELECT.")
    elif found.unsaid:
        yield from _comment("Rows that quarantine would hold because of these are among what is selected.")
        if any(each.what == "where" for each in found.unsaid):
            yield from _comment("So are rows that aren't the entity's: the condition is missing.")
    yield from _listed("It is said, but:", found.notes)
    yield from _listed("What holds of all that is said:", [Unsaid("", each) for each in writer.limits])
    if dialect in TRANSPILED:
        yield from _comment(
            f"No {writer.title} server has proved that it answers as Strangler does: it is transpiled, and Strangler asks none."
        )


def _listed(title: str, listed: Sequence[Unsaid]) -> Iterator[str]:
    if listed:
        yield from _comment(title)
    for each in listed:
        yield from _comment(f"{each.what}: {each.why}" if each.what else each.why, "- ")


def _comment(text: str, bullet: str = "") -> list[str]:
    """A name of the configuration may hold a line feed; it ends no comment."""
    lines = textwrap.wrap(" ".join(text.split()), _WIDEST) or [""]
    return [f"-- {bullet if not number else ' ' * len(bullet)}{line}" for number, line in enumerate(lines)]
