"""Opening: what a caller's connection is told by those who open it, and how it hands them its calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from strangler.facade.answers import Refusal
from strangler.facade.wire.known import Known, Lines
from strangler.facade.wire.request import Heading, Request

if TYPE_CHECKING:
    from strangler.facade.wire.caller import CallerConnection


@dataclass(frozen=True, slots=True)
class Patience:
    """What a caller may take, in seconds, and in bytes; see `facade.callers`."""

    head_bytes: int
    body_bytes: int | None
    head_time: float
    body_time: float
    write_time: float
    idle_time: float


class Taker(Protocol):
    """Who serves one call. All are called from the event loop's thread."""

    def piece(self, piece: bytes) -> None:
        """More of the body."""

    def whole(self) -> None:
        """The body is over; not called for a body that breaks off."""

    def gone(self, why: Refusal | None) -> None:
        """The rest of the body won't come, or nobody waits for the answer: the caller left (None), or sent what can't be read."""

    def hold(self) -> None:
        """The caller takes no more at the moment."""

    def go_on(self) -> None:
        """It does again."""


class Opener(Protocol):
    """Where calls are handed to."""

    patience: Patience
    connections: set[CallerConnection]
    draining: bool
    known: Known[Heading]
    """Headings that tell all of how a call is framed, by where they come from and by the bytes behind the first line."""
    lines: Lines
    """First lines."""

    def take(self, request: Request, connection: CallerConnection) -> Taker:
        """A call's head was read. The answer goes to the connection's `write`, its end to `finished`."""
        ...

    def defect(self, error: Exception) -> None:
        """What goes on here itself is wrong: say it where somebody looks."""
        ...

    def unreadable(self, connection: CallerConnection, refusal: Refusal) -> bytes:
        """What came is no request: the answer that says so, to be the last."""
        ...
