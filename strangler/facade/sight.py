"""Sight: the standings as they can be relied on at this moment; asked with every call."""

from __future__ import annotations

from math import inf
from time import monotonic

from strangler.routing import Standings


class Sight:
    """What is known of the standings, and since when nothing newer; `lease`: seconds for which that is sure. Told by the keeper."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._never = Standings()
        self.sure = self.lost = self._never
        """The same standings: as long as the control store is within reach, and after that."""
        self.announced_at = -inf
        """When the control store last knew of this facade, by the monotonic clock."""

    @property
    def blind(self) -> bool:
        """Whether nothing is known yet."""
        return self.sure is self._never

    def current(self) -> Standings:
        """The picture to decide by, with the trust that it deserves at this moment."""
        sure = self.sure
        if sure is self._never:
            return sure
        return sure if monotonic() - self.announced_at < self._lease else self.lost

    def silence(self) -> float:
        """Seconds since the control store last knew of this facade."""
        return monotonic() - self.announced_at
