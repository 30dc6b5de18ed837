"""Reply: an answer on its way to the caller, framed as the caller can read it."""

from __future__ import annotations

from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.framing import LAST_CHUNK, chunk


class Reply:
    """`begun`: the caller was told the head of an answer. `keep`: its connection may be used again. `framed`: the answer itself says
    where it ends; otherwise the end of the connection does. `streams`: it may have no end. `heard`: somebody waits for it."""

    __slots__ = ("_caller", "_cut", "_out", "begun", "framed", "heard", "keep", "streams")

    def __init__(self, caller: CallerConnection) -> None:
        self._caller = caller
        self._out: list[bytes] = []
        self.begun = self.framed = self.keep = self.streams = self._cut = False
        self.heard = True

    def head(self, lines: bytes, cut: bool = False) -> None:
        """The head; `cut`: what follows is to be cut into chunks."""
        self._cut = cut
        self._out.append(lines)

    def part(self, piece: bytes) -> None:
        """More of the body."""
        self._out.append(chunk(piece) if self._cut else piece)

    def end(self) -> None:
        """The body is over."""
        if self._cut:
            self._out.append(LAST_CHUNK)

    def flush(self) -> bool:
        """Tell the caller what waits, if it is still heard. Whether something was told."""
        out = self._out
        if not out:
            return False
        if self.heard:
            self._caller.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        return self.heard

    def tell(self, answer: bytes) -> None:
        """A whole answer at once."""
        self.begun = True
        if self.heard:
            self._caller.write(answer)

    def break_off(self) -> None:
        """It has begun and won't be whole, and the caller sees that."""
        self.flush()
        self._caller.break_off(self.framed)
