"""The protocol port: how a call in the legacy contract is put to a new service, and its answers put back.

A protocol is pure. It never opens a connection: `translate` is a generator that yields what to ask the service, is
sent what the service answered, and returns what the caller is told. So it can page, or ask once per record, and is
tested without a network. Implementations are found by entry point (`strangler.protocols`): `connect(options, around)`. Each passes the
suite in `strangler.testing.service_protocol`.

What no options can say is said by a class of the user's (`class:` in the configuration), an `OwnTranslation`: it gets the call
already read, and gives the answer as values; how these are written on the wire stays with the protocol.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
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


class LegacyCall(NamedTuple):
    """A call that was read. `operation` is what it asks for, in the contract's own word. `values` are texts, numbers (int or Decimal),
    booleans and None, in dicts and lists. `mark` is what the protocol needs to answer it."""

    operation: str
    values: Any
    request: Request
    mark: Any = None


class Trouble(NamedTuple):
    """What the service didn't do. `code` is the contract's for it, empty for its usual one; `told` goes into the fault as its
    detail, where the contract has a place for it; `answer` is the service's, None where it wasn't asked."""

    status: int
    title: str
    detail: str = ""
    code: str = ""
    told: Any = None
    answer: Answer | None = None


Steps = Generator[ServiceRequest, Answer, Any]
"""Yields what to ask the service, is sent its answers, and returns the values of the answer or a Trouble."""


class OwnTranslation(Protocol):
    """A class of the user's. It is made once, with `arguments` of the configuration, and used from several threads."""

    def translate(self, call: LegacyCall) -> Steps:
        """As `ServiceProtocol.translate`, for a call that the options don't speak of. Raises UntranslatableRequest."""
        ...


class Named(NamedTuple):
    """What a call names: the operation in the contract's own word, and the keys of records as the service has them, as text. No
    keys: it searches, or creates."""

    operation: str
    keys: tuple[str, ...]


class ServiceProtocol(Protocol):
    """One function's translation. Safe to use from several threads: it has no state."""

    def translate(self, operation: str | None, request: Request) -> Exchange:
        """The calls to the service, one after the other; returns the answer in the caller's terms.

        `operation` is what the route calls it, None when the request tells. Raises UntranslatableRequest for what the
        service can't be asked; for a write before the first call, so that nothing is half done.
        """
        ...

    def named(self, operation: str | None, request: Request) -> Named:
        """What the call names, without asking anybody. Raises UntranslatableRequest when that can't be told."""
        ...

    def refuse(self, request: Request, why: str) -> Answer:
        """An error in the caller's terms, for a request that can't be translated, however broken it is; never raises. The first line of
        `why` says what, those below it more."""
        ...

    def accepted(self, operation: str | None, request: Request, answer: Answer) -> bool:
        """Whether an answer of legacy with a status of success says that it did what it was asked for, and is no fault. Raises ValueError
        when it can't be read."""
        ...

    def comparable(self, operation: str | None, request: Request, answer: Answer) -> Any:
        """What of an answer counts when shadow compares two, as JSON values with numbers as int or Decimal; ValueError when it
        can't be read. Here goes what the contract leaves open, like the order of records."""
        ...


class Around(NamedTuple):
    """What of the configuration a protocol may use besides its options. `code_maps` are those with values; `own` is the user's class,
    made; `folder` is where files are that options name."""

    code_maps: Mapping[str, Mapping[str, str | int]] = {}
    own: OwnTranslation | None = None
    folder: Path = Path()


class ProtocolOpener(Protocol):
    """What an entry point of `strangler.protocols` names. Raises StranglerError for options that don't fit."""

    def __call__(self, options: Mapping[str, Any], around: Around) -> ServiceProtocol: ...
