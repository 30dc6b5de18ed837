"""By what returned changes are known in a legacy database: the table of marks, and the name that a log knows its writer by."""

from __future__ import annotations

from typing import Final

TABLE: Final = "strangler_returned"
"""Has a row for each function; see `LegacyWriter`."""

COLUMNS: Final = ("of_function", "opened")
"""What is to be captured of it: `opened` is 1 from the first change of a transaction that returns to the last."""

_ORIGIN: Final = "strangler_"


def origin(function: str) -> str:
    """The name under which the database's log has what was returned of the function."""
    return f"{_ORIGIN}{function}"


def function_of(origin: str) -> str | None:
    """The function whose changes have this origin; None: it is somebody else's."""
    return origin.removeprefix(_ORIGIN) if origin.startswith(_ORIGIN) else None
