"""What every `SessionMapping` must do, as tests: subclass `SessionMappingSuite` and give it a fixture `erp`.

    class TestMyErp(SessionMappingSuite):
        @pytest.fixture
        async def erp(self): ...      # yields an `Erp`: a running one, with two users in it

Flags, for what an ERP may do in its own way:

- `FORGERIES`: a session says things that the ERP doesn't check, so that there is something to forge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import pytest

from strangler.facade.answers import Refusal
from strangler.facade.protocol import Answer, ServiceRequest
from strangler.facade.session import Ask, Mapped, SessionMapping, SessionOver
from strangler.facade.sessions import carried, session_of
from strangler.facade.wire.request import Origin
from strangler.routing import Asked, Values

CLIENT = "192.0.2.7"
"""Where the callers of the suite are."""

ORIGIN = Origin(CLIENT, "http", CLIENT, "erp")

ELSEWHERE = Asked("GET", "/", {"host": "erp", "cookie": "theme=dark; lang=pl", "authorization": "Basic YTpi"})
"""A request without a session."""

UNCLEAR: Sequence[tuple[int, bytes]] = (
    (500, b"Internal Server Error"),
    (302, b""),
    (404, b""),
    (200, b""),
    (200, b"<html>maintenance</html>"),
    (200, b"[]"),
    (200, b"1"),
    (200, b'{"jsonrpc": "2.0"}'),
)
"""Answers from which nobody learns whose a session is."""


class Erp(Protocol):
    """A running ERP with a mapping for it, and two users, of numbers 0 and 1."""

    mapping: SessionMapping
    ask: Ask

    async def log_in(self, user: int) -> Sequence[Asked]:
        """A request of the user's under a new session, once for each way in which it can be carried."""
        ...

    def subject(self, user: int) -> str:
        """Who the user is, for new services."""
        ...

    def roles(self, user: int) -> Sequence[str]:
        """What the user's roles are."""
        ...

    def unknown(self) -> Sequence[Asked]:
        """Requests whose sessions the ERP never gave out, or that can't be read."""
        ...

    def forged(self, asked: Asked) -> Sequence[Asked]:
        """Requests with the same session, in which everything that the ERP doesn't check says that it is the other user's."""
        ...

    async def log_out(self, asked: Asked) -> tuple[Asked, Values]:
        """End the session of a request; returns the request that did it, with the values that a route sees in its body."""
        ...


class SessionMappingSuite:
    """See the module."""

    FORGERIES: ClassVar[bool] = True

    async def _mapped(self, erp: Erp, asked: Asked, ask: Ask | None = None) -> Mapped:
        session = session_of(erp.mapping, asked, ORIGIN)
        assert session is not None
        return await erp.mapping.mapped(session, ask or erp.ask)

    async def test_each_session_means_its_user_however_it_is_carried(self, erp: Erp) -> None:
        for user in (0, 1):
            for asked in await erp.log_in(user):
                who = (await self._mapped(erp, asked)).identity
                assert who is not None
                assert (who.subject, sorted(who.roles)) == (erp.subject(user), sorted(erp.roles(user)))
                assert all(isinstance(value, str) for value in who.claims.values())

    async def test_a_request_without_a_session_carries_none(self, erp: Erp) -> None:
        assert carried(erp.mapping, ELSEWHERE) is None

    async def test_a_session_that_the_erp_doesnt_know_is_over(self, erp: Erp) -> None:
        assert erp.unknown()
        for asked in erp.unknown():
            with pytest.raises(SessionOver):
                await self._mapped(erp, asked)

    async def test_nothing_is_believed_that_only_the_caller_says(self, erp: Erp) -> None:
        if not self.FORGERIES:
            pytest.skip("the ERP's sessions say nothing that it doesn't check")
        for asked in await erp.log_in(0):
            forged = erp.forged(asked)
            assert forged
            for each in forged:
                try:
                    who = (await self._mapped(erp, each)).identity
                except SessionOver:
                    continue
                assert who is not None
                assert who.subject == erp.subject(0)
                assert erp.subject(1) not in who.claims.values()

    async def test_a_session_that_was_logged_out_is_over(self, erp: Erp) -> None:
        for asked in await erp.log_in(0):
            ended, values = await erp.log_out(asked)
            assert erp.mapping.ends(ended, values)
            assert not erp.mapping.ends(asked, {})
            with pytest.raises(SessionOver):
                await self._mapped(erp, asked)

    @pytest.mark.parametrize(("status", "body"), UNCLEAR)
    async def test_an_answer_that_isnt_clear_is_nobodys_identity(
        self, erp: Erp, status: int, body: bytes
    ) -> None:
        async def ask(call: ServiceRequest) -> Answer:
            return Answer(status, (), body)

        for asked in await erp.log_in(0):
            with pytest.raises(Refusal) as refused:
                await self._mapped(erp, asked, ask)
            assert refused.value.status in (401, 502)

    async def test_that_the_erp_doesnt_answer_is_told_as_it_is(self, erp: Erp) -> None:
        silent = Refusal(504, "the legacy ERP didn't answer", "http_response_timeout")

        async def ask(call: ServiceRequest) -> Answer:
            raise silent

        for asked in await erp.log_in(0):
            with pytest.raises(Refusal) as refused:
                await self._mapped(erp, asked, ask)
            assert refused.value is silent

    async def test_the_erp_is_asked_with_this_session_alone_and_is_told_for_whom(self, erp: Erp) -> None:
        sent: list[dict[str, Any]] = []

        async def ask(call: ServiceRequest) -> Answer:
            sent.append(dict(call.headers))
            return await erp.ask(call)

        for asked in await erp.log_in(0):
            cookies = asked.headers.get("cookie")
            more = {
                **asked.headers,
                "cookie": f"other=secret; {cookies}" if cookies else "other=secret",
                "x-mine": "1",
            }
            await self._mapped(erp, Asked(asked.method, asked.target, more), ask)
        assert sent
        for headers in sent:
            assert headers["x-forwarded-for"] == CLIENT
            assert "secret" not in headers.get("cookie", "")
            assert "x-mine" not in headers
