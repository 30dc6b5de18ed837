"""The session port: what a new service needs to know of a legacy session.

New services don't know the legacy ERP's sessions, and shouldn't have to ask it. A mapping does, through the facade, which remembers
the answer for a while. Implementations are found by entry point (`strangler.sessions`): `connect(options)`; they open no connection
of their own to the ERP, and pass the suite in `strangler.testing.session_mapping`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from strangler.facade.answers import Refusal
from strangler.facade.protocol import Answer, Headers, ServiceRequest
from strangler.identity import Identity
from strangler.routing import Asked, Values


class Carrier(NamedTuple):
    """Where a session stands in a request: in a header, under a scheme (`Authorization: Session …`), or in a cookie."""

    header: str
    scheme: str = ""
    cookie: str = ""


class Session(NamedTuple):
    """A session as the caller sent it. `value` is without scheme and cookie name. `headers` are what a call to legacy needs to be
    taken for the caller's: this session alone, and who forwards for whom."""

    carrier: Carrier
    value: str
    headers: Headers


class Mapped(NamedTuple):
    """What a session means: who it is (told to new services by a signed identity), and headers for them, of those
    that the mapping `adds`."""

    identity: Identity | None = None
    headers: Headers = ()


class SessionOver(Refusal):
    """The ERP doesn't know the session any more, or never did."""

    def __init__(self, detail: str = "the legacy ERP doesn't know this session: log in again") -> None:
        super().__init__(401, detail, "http_request_denied")


Ask = Callable[[ServiceRequest], Awaitable[Answer]]
"""Puts a call to the legacy ERP, and gives its whole answer. Raises Refusal when it doesn't answer."""


class SessionMapping(Protocol):
    """How one kind of ERP keeps sessions. Has no state of its own that matters; used from one event loop."""

    @property
    def carriers(self) -> Sequence[Carrier]:
        """Where sessions stand, the one that the ERP itself obeys first."""
        ...

    @property
    def adds(self) -> Sequence[str]:
        """The names of the headers that `mapped` may give. What a caller sends under one of them, or under a name that servers may take
        for one, never reaches a new service, whether the call has a session or not."""
        ...

    async def mapped(self, session: Session, ask: Ask) -> Mapped:
        """What the session means, from what the ERP answers to it: nothing is believed that only the caller says.

        Raises SessionOver when the ERP doesn't know it, a Refusal with 502 when it answers what can't be understood, and lets through
        what `ask` raises. May be called again for the same session at any time.
        """
        ...

    def ends(self, asked: Asked, values: Values) -> bool:
        """Whether a request ends the session that it carries. `values` are those of its body that a route looked at. Cheap: it is asked
        of each request that carries a session, on the way to legacy too."""
        ...


class SessionOpener(Protocol):
    """What an entry point of `strangler.sessions` names. Raises StranglerError for options that don't fit."""

    def __call__(self, options: Mapping[str, Any]) -> SessionMapping: ...
