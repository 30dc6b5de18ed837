"""Translation: the operations of one function, carried out. What the options don't speak of goes to the user's class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import (
    Answer,
    Exchange,
    LegacyCall,
    Named,
    OwnTranslation,
    Request,
    Steps,
    Trouble,
)
from strangler_adapters.protocols.contract import problems
from strangler_adapters.protocols.contract.contract import Contract
from strangler_adapters.protocols.contract.operation import Operation
from strangler_adapters.protocols.contract.sources import ABSENT, Scope


class Answered(NamedTuple):
    """Values of an answer, and the service's status, for the contracts that show it."""

    told: Any
    status: int


class Part(Protocol):
    """Some calls of a contract."""

    def takes(self, call: LegacyCall) -> bool: ...

    def steps(self, call: LegacyCall) -> Steps:
        """Raises UntranslatableRequest, for a write before the first step."""
        ...

    def keys(self, call: LegacyCall) -> tuple[str, ...]: ...

    def comparable(self, call: LegacyCall, told: Any) -> Any:
        """What of the comparable values of an answer counts."""
        ...


class Operations:
    """The operations that are declared."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    def takes(self, call: LegacyCall) -> bool:
        return call.operation in self._operations

    def steps(self, call: LegacyCall) -> Steps:
        operation = self._operations[call.operation]
        answer = yield operation.request(call)
        if not problems.done(answer):
            if not operation.writes and answer.status < 400:
                raise UntranslatableRequest(problems.trouble(answer).detail)
            trouble, instead = problems.as_told(answer, call.values, operation.errors)
            return trouble if instead is ABSENT else instead
        try:
            built = operation.answer.value(Scope(problems.told(answer), call.values))
        except UntranslatableRequest as error:
            raise too_late(error) from error
        return Answered(None if built is ABSENT else built, answer.status)

    def keys(self, call: LegacyCall) -> tuple[str, ...]:
        return self._operations[call.operation].keys(call)

    def comparable(self, call: LegacyCall, told: Any) -> Any:
        return told


def too_late(error: UntranslatableRequest) -> UntranslatableRequest:
    """The error, saying that something was done before it."""
    what = f"the new service did what was asked, but its answer can't be put back: {error.what}"
    return UntranslatableRequest(what, why=error.why, do=error.do)


class Own:
    """The user's class, for whatever nothing else takes."""

    def __init__(self, own: OwnTranslation) -> None:
        self._own = own

    def takes(self, call: LegacyCall) -> bool:
        return True

    def steps(self, call: LegacyCall) -> Steps:
        return (yield from self._own.translate(call))

    def keys(self, call: LegacyCall) -> tuple[str, ...]:
        found: Any = getattr(self._own, "keys", lambda _: ())(call)
        return tuple(map(str, found))

    def comparable(self, call: LegacyCall, told: Any) -> Any:
        return getattr(self._own, "comparable", lambda _, told: told)(call, told)


class Translation:
    """A ServiceProtocol of a contract and the parts that speak of its calls; the first that takes a call has it."""

    def __init__(self, contract: Contract, parts: Sequence[Part], own: OwnTranslation | None) -> None:
        self._contract, self._parts = contract, [*parts, *([Own(own)] if own is not None else [])]

    def translate(self, operation: str | None, request: Request) -> Exchange:
        call = self._contract.call(operation, request)
        told = yield from self._part(call).steps(call)
        if isinstance(told, Trouble):
            return self._contract.fault(request, told)
        answered = told if isinstance(told, Answered) else Answered(told, 200)
        try:
            return self._contract.answer(call, answered.told, answered.status)
        except (ValueError, TypeError) as error:
            raise too_late(UntranslatableRequest(str(error))) from error

    def named(self, operation: str | None, request: Request) -> Named:
        call = self._contract.call(operation, request)
        return Named(call.operation, self._part(call).keys(call))

    def refuse(self, request: Request, why: str) -> Answer:
        what, _, more = why.partition("\n")
        return self._contract.fault(request, Trouble(422, what, more.strip()))

    def accepted(self, operation: str | None, request: Request, answer: Answer) -> bool:
        return self._contract.accepted(answer)

    def comparable(self, operation: str | None, request: Request, answer: Answer) -> Any:
        call = self._contract.call(operation, request)
        return self._part(call).comparable(call, self._contract.comparable(answer))

    def _part(self, call: LegacyCall) -> Part:
        for part in self._parts:
            if part.takes(call):
                return part
        raise UntranslatableRequest(f"{call.operation or 'the call'} can't be put to the new service")
