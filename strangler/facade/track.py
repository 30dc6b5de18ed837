"""Track: what follows from one decision for every call that goes by it: the way to its side, where it is counted, what is written of it.

Nearly all calls of a function are decided alike, so it is found once and kept with the decision. Each part is filled in by who finds it:
`Metrics`, `AccessLog`, `Counts`, `Ways`, `Rooms` and `Drops`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strangler.facade.counts import Figures
    from strangler.facade.metrics import Row
    from strangler.facade.rooms import Drop, Space
    from strangler.facade.ways import Way


class Track:
    """That of one facade, `owner`, for one decision."""

    __slots__ = ("drop", "figures", "owner", "period", "row", "space", "status", "way", "words")

    def __init__(self, owner: object = None) -> None:
        self.owner = owner
        self.way: Way | None = None
        """To the side that answers, once a call went it."""
        self.row: Row | None = None
        self.status = 0
        """Where metrics count the calls that come to this status."""
        self.figures: Figures | None = None
        self.period = 0
        """Where the control store's figures are counted in this period."""
        self.words = b""
        """What each line of the log says of it."""
        self.space: Space | None = None
        self.drop: Drop | None = None
        """Where there is room for those that are shadowed, and where those are counted that find none."""
