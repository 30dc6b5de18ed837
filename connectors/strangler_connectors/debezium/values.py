"""Values: from the JSON of a message to the Python values of `strangler.changes.Row`, by a converter compiled for each table.

…
"""

from __future__ import annotations

from typing import NamedTuple

from strangler.shapes import Table


class Wanted(NamedTuple):
    """A captured table as `describe` gives it, and the columns that were asked for, key included."""

    table: Table
    columns: frozenset[str]
