"""Upstream: one connection to a server behind the facade, and what is asked on it, one question at a time.

A connection serves again only after a whole answer that left nothing over: bytes that nobody asked for would be taken for
the answer to the next question.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, cast

import httptools

from strangler.facade.answers import Refusal
from strangler.facade.wire.answer import AnswerHead, BadAnswer, read_answer
from strangler.facade.wire.cork import Cork
from strangler.facade.wire.known import LONGEST, Known, in_lines
from strangler.facade.wire.request import RawHeaders

if TYPE_CHECKING:
    from strangler.facade.wire.pool import Pool

_log: Final = logging.getLogger("strangler.facade")

MOST_HEADERS: Final = 500
"""Most header lines of an answer."""

HEAD_BYTES: Final = 262_144
"""Longest head of an answer; ERPs put much into cookies."""


_KNOWN: Final[Known[AnswerHead]] = Known()
"""Heads of answers that tell how long the body is, and that the connection stays."""


class UpstreamError(Refusal):
    """The upstream didn't answer, or not as HTTP wants it."""


class Asker(Protocol):
    """Who asks an upstream. All are called from the event loop's thread."""

    def connected(self, connection: UpstreamConnection) -> None:
        """A connection is at hand; it is this asker's until `done` or `broke`."""

    def unreachable(self, error: UpstreamError) -> None:
        """There will be none."""

    def head(self, head: AnswerHead) -> None:
        """The head of the answer."""

    def part(self, piece: bytes) -> None:
        """More of its body."""

    def flush(self) -> None:
        """What came at once has been told."""

    def done(self) -> None:
        """The answer is whole, and the connection is given back."""

    def answered(self, head: AnswerHead, body: bytes) -> None:
        """The answer at once, as `head`, `part` and `done` tell it else; the connection is given back."""

    def broke(self, error: UpstreamError) -> None:
        """The answer won't come, or not whole. The connection is closed."""

    def hold_up(self) -> None:
        """The upstream takes no more of the question at the moment."""

    def go_ahead(self) -> None:
        """It does again."""


class UpstreamConnection(asyncio.Protocol):
    """See above. Serves calls of one `pool` at a time, and of those one asker; or is `kept` since a moment for whoever comes next."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.used, self.kept, self.idle_since = True, False, 0.0
        """Whether it is one of those that its pool uses, or kept, and since when."""
        self.lost = self.closing = self.made = self._ended = False
        self._asker: Asker | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._method = ""
        self._raw: RawHeaders = []
        self._head: AnswerHead | None = None
        self._headed = self._complete = self._bodiless = self._lasts = False
        self._size = 0
        self._fresh, self._learns, self._pulled = False, b"", 0
        """Whether nothing of the answer has come; the head that may be known next time."""
        self._wrong: str | None = None
        self.tunnel = self.full = False
        self.said = False
        """Whether the question was said to its end; set by the asker."""

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has no such base
        self._cork = Cork(self.transport)
        self.made = True

    def data_received(self, data: bytes) -> None:
        asker = self._asker
        if asker is None:
            self.close()  # nobody asked
            return
        if self.tunnel:
            asker.part(data)
            asker.flush()
            return
        if self._fresh:
            if self._cork.holds and self._cork.pulled == self._pulled:
                # Nothing of the question is out yet: this is no answer to it.
                self._broke(
                    UpstreamError(502, f"{self.pool.name} spoke before it was asked", "connection_terminated")
                )
                return
            self._fresh = False
            end = data.find(b"\r\n\r\n") + 4
            head = data[:end]
            known = _KNOWN.lately.get(("", head)) or _KNOWN.find(("", head))
            if known is not None and known.length == len(data) - end and self.said:
                self._head, self._asker, self._complete, self._headed = known, None, True, True
                self.pool.release(self)
                asker.answered(known, data[end:])
                return
            self._learns = head if len(head) <= LONGEST else b""
        try:
            assert self._parser is not None
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._changed(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:
            _log.exception("an answer couldn't be passed on", extra={"reason": str(error)})
            self._wrong = "the facade failed; its log says how"
        except httptools.HttpParserError as error:
            self._wrong = self._wrong or str(error).strip() or "it isn't HTTP"
        if self._wrong is not None and not self._complete:
            self._broke(UpstreamError(502, self._spoken(self._wrong), "http_protocol_error"))
        elif self._complete:
            if self._learns and self._is_plain(len(data)):
                assert self._head is not None
                _KNOWN.keep(("", self._learns), self._head)
            self._done()
        else:
            if not self._headed:
                self._size += len(data)
                if self._size > HEAD_BYTES:
                    self._broke(
                        UpstreamError(502, self._spoken("its head is too long"), "http_response_header_size")
                    )
                    return
            asker.flush()
            self._learns = b""

    def _is_plain(self, size: int) -> bool:
        """Whether what came, so many bytes at once, was an answer that its head tells all of."""
        head, learnt = self._head, self._learns
        return (
            head is not None
            and head.length == size - len(learnt)
            and not self._bodiless
            and not head.streams
            and self._lasts
            and self._wrong is None
            and learnt[8:12] == b" %d" % head.status  # and not of an informational one before it
            and in_lines(learnt, len(self._raw) + 1)
        )

    def eof_received(self) -> None:
        self._ended = True  # in order, not by a reset

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = self.closing = True
        self._parser = None  # which knows the connection: no circle is left for the collector
        asker, head = self._asker, self._head
        self.pool.lost(self)
        if asker is None:
            return
        self._asker = None
        if self.tunnel or (self._headed and head is not None and head.until_close and self._ended):
            asker.done()
        elif self._headed:
            asker.broke(
                UpstreamError(502, f"{self.pool.name} broke off its answer", "http_response_incomplete")
            )
        else:
            detail = f"{self.pool.name} closed the connection before it answered"
            asker.broke(UpstreamError(502, detail, "connection_terminated"))

    def pause_writing(self) -> None:
        self.full = True
        if self._asker is not None:
            self._asker.hold_up()

    def resume_writing(self) -> None:
        self.full = False
        if self._asker is not None:
            self._asker.go_ahead()

    # What httptools says

    def on_message_begin(self) -> None:
        if self._complete or self._asker is None:
            self._wrong = "it sent more than was asked"
        self._raw = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        asker = self._asker
        if asker is None or self._complete or self._wrong is not None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        self._bodiless = self._method == "HEAD" or status in (204, 304)
        try:
            if len(self._raw) > MOST_HEADERS or not 100 <= status < 600:
                raise BadAnswer("its head can't be taken")
            self._head = head = read_answer(status, self._raw, self._bodiless)
        except BadAnswer as bad:
            self._wrong = str(bad)
            return
        self._headed = True
        if status != 101:
            asker.head(head)
            self._complete = self._bodiless
            self._lasts = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if self._complete:
            self._wrong = "it sent more than was asked"
        elif self._headed and self._asker is not None and self._wrong is None:
            self._asker.part(piece)

    def on_message_complete(self) -> None:
        if not self._headed or self._wrong is not None:
            return
        if self._head is not None and self._head.status == 101:
            if self._parser is not None and not self._parser.should_upgrade():
                self._wrong = "it changes to another protocol and doesn't say to which"
            return
        self._complete = True
        # Only here does the parser still know.
        self._lasts = self._parser is not None and self._parser.should_keep_alive()

    def _changed(self, rest: bytes) -> None:
        """The upstream changes to the other protocol."""
        asker, head = self._asker, self._head
        if asker is None or head is None or head.status != 101:
            if self._complete:
                self._wrong = "it changes to another protocol after its answer"
                self._done()
            else:
                self._broke(
                    UpstreamError(
                        502, self._spoken("it changes to a protocol unasked"), "http_protocol_error"
                    )
                )
            return
        self.tunnel = True
        asker.head(head)
        if rest and self._asker is asker:
            asker.part(rest)
        asker.flush()

    # What an asker asks

    def ask(self, asker: Asker, method: str, head: bytes) -> None:
        """Send a question's head, with what there is of its body."""
        self._asker, self._method = asker, method
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._head, self._headed, self._complete, self._size, self.said = None, False, False, 0, False
        self._fresh, self._learns = method != "HEAD", b""
        self._pulled = self._cork.pulled
        self._cork.write(head)

    def write(self, data: bytes) -> None:
        """More of the question."""
        if not self.closing:
            self._cork.write(data)

    def pause(self) -> None:
        """Read no more of the answer."""
        if not self.closing:
            with suppress(RuntimeError):
                self.transport.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        if not self.closing:
            with suppress(RuntimeError):
                self.transport.resume_reading()

    def drop(self) -> None:
        """The asker has no interest any more; a question half said must not look whole."""
        self._asker = None
        self.close()

    def close(self) -> None:
        """End it at once."""
        self.closing = True
        if not self.lost:
            self._cork.throw_away()
            self.transport.abort()

    def _done(self) -> None:
        asker, self._asker = self._asker, None
        assert asker is not None
        again = self._wrong is None and self._lasts and self.said and not self.closing
        if self._bodiless and self._method == "HEAD":
            self._parser = None  # it would wait for the body
        if again:
            self.pool.release(self)
        else:
            self.close()
        asker.done()

    def _broke(self, error: UpstreamError) -> None:
        asker, self._asker = self._asker, None
        self.close()
        if asker is not None:
            asker.broke(error)

    def _spoken(self, what: str) -> str:
        return f"{self.pool.name} doesn't speak HTTP as expected: {what[0].lower()}{what[1:].rstrip('.')}"
