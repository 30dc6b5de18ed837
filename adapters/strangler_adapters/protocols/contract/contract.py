"""Contract: what one protocol has to know: how calls, answers and faults are written. The rest is the same for all."""

from __future__ import annotations

from typing import Any, Protocol

from strangler.facade.protocol import Answer, LegacyCall, Request, Trouble
from strangler_adapters.protocols.contract.sources import Language, Source
from strangler_adapters.protocols.contract.spelling import Spelling


class Contract(Protocol):
    """Safe to use from several threads: it has no state."""

    spelling: Spelling

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        """Read a call. `operation` is what the route calls it. Raises UntranslatableRequest."""
        ...

    def answer(self, call: LegacyCall, told: Any, status: int) -> Answer:
        """Write an answer of these values. `status` is the service's. Raises ValueError for what can't be written."""
        ...

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        """Write a fault, for a request that may be broken in any way. Never raises."""
        ...

    def accepted(self, answer: Answer) -> bool:
        """Whether an answer of legacy says that a call was done. Raises ValueError."""
        ...

    def comparable(self, answer: Answer) -> Any:
        """What of an answer counts, as JSON values with numbers as int or Decimal. Raises ValueError."""
        ...

    def structure(self, written: Any, language: Language) -> Source:
        """What the configuration says of an answer. Raises StranglerError."""
        ...
