"""The twelve kinds: what becomes of a row of the store, and what a reconciliation is to say of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from strangler.reconcile.explanation import Cause, Pattern
from strangler.reconcile.narrow import Kind

Row = dict[str, Any]

CENT: Final = Decimal("0.01")
HOUR: Final = timedelta(hours=1)
CUT: Final = 9
"""Characters that are left of a name that is cut off."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault. `kind` and `pattern` are what is to be said of the key, `cause` where it comes from, None where nothing tells.

    `change` makes of a row of the store what goes wrong in it, None: whole rows come and go. `blank`: it needs a row whose note is empty.
    """

    kind: Kind
    pattern: Pattern
    cause: Cause | None = None
    change: Callable[[Row], Row] | None = None
    blank: bool = False


def _different(pattern: Pattern, change: Callable[[Row], Row], blank: bool = False) -> Fault:
    return Fault(Kind.DIFFERENT, pattern, None, change, blank)


LOST_INSERT, LOST_UPDATE = "lost insert", "lost update"
RESURRECTED, DUPLICATE = "resurrected delete", "duplicate under another key"

KINDS: Final[dict[str, Fault]] = {
    LOST_INSERT: Fault(Kind.MISSING, Pattern.MISSING, Cause.NOT_APPLIED),
    LOST_UPDATE: Fault(Kind.DIFFERENT, Pattern.VALUE, Cause.NOT_APPLIED),
    RESURRECTED: Fault(Kind.EXTRA, Pattern.EXTRA, Cause.RESURRECTED),
    "one cent off": _different(Pattern.ROUNDING, lambda row: {"credit": row["credit"] + CENT}),
    "an hour off": _different(Pattern.TIME_ZONE, lambda row: {"changed": row["changed"] + HOUR}),
    "trailing blank": _different(Pattern.PADDING, lambda row: {"name": f"{row['name']} "}),
    "case": _different(Pattern.CASE, lambda row: {"street": row["street"].upper()}),
    "swapped fields": _different(
        Pattern.SWAPPED, lambda row: {"street": row["city"], "city": row["street"]}
    ),
    "encoding": _different(
        Pattern.ENCODING, lambda row: {"name": row["name"].encode().decode("cp1252")}
    ),
    "truncated text": _different(Pattern.TRUNCATED, lambda row: {"name": row["name"][:CUT]}),
    "NULL for blank": _different(Pattern.BLANK, lambda row: {"note": None}, blank=True),
    DUPLICATE: Fault(Kind.EXTRA, Pattern.DUPLICATE),
}  # fmt: skip
