"""The protocol port: how a call in the legacy contract is put to a new service, and its answers put back.

A protocol is pure. It never opens a connection: `translate` is a generator that yields what to ask the service, is
sent what the service answered, and returns what the caller is told. So it can page, or ask once per record, and is
tested without a network. Implementations are found by entry point (`strangler.protocols`): `connect(options)`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Headers = Sequence[tuple[str, str]]
"""Names in lower case; a name may come more than once."""


class Request(NamedTuple):
    """A call as it came, its body whole. `target` is the path with the query, as it was sent."""

    method: str
    target: str
    headers: Headers
    body: bytes


class ServiceRequest(NamedTuple):
    """A call to the service. `target` is joined to the service's base URL; it is percent-encoded already."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""


class Answer(NamedTuple):
    """An answer with its body whole: the service's to us, or ours to the caller."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


Exchange = Generator[ServiceRequest, Answer, Answer]


class ServiceProtocol(Protocol):
    """One function's translation. Safe to use from several threads: it has no state."""

    def translate(self, operation: str | None, request: Request) -> Exchange:
        """The calls to the service, one after the other; returns the answer in the caller's terms.

        `operation` is what the route calls it, None when the request tells. Raises UntranslatableRequest for what the
        service can't be asked; for a write before the first call, so that nothing is half done.
        """
        ...

    def refuse(self, request: Request, why: str) -> Answer:
        """An error in the caller's terms, for a request that can't be translated."""
        ...

    def comparable(self, operation: str | None, request: Request, answer: Answer) -> Any:
        """What of an answer counts when shadow compares two, as JSON values with numbers as int or Decimal; ValueError when it
        can't be read. Here goes what the contract leaves open, like the order of records."""
        ...


class ProtocolOpener(Protocol):
    """What an entry point of `strangler.protocols` names. Raises StranglerError for options that don't fit."""

    def __call__(self, options: Mapping[str, Any]) -> ServiceProtocol: ...
