"""Rehearsing: a write that legacy has accepted, put to the new service for it to think through and say what it would have emitted.

What it foretells is kept; a worker compares it with what sync derives from legacy's write (`strangler.sync.following`). Only services
that say so are asked (`strangler.facade.declared`). Where a protocol makes several calls of one, each that writes is a dry run, and the
protocol is told the data of its first event in place of an answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from strangler.control.comparisons import Mismatch
from strangler.control.effects import Expected
from strangler.errors import UntranslatableRequest
from strangler.facade.answers import Refusal
from strangler.facade.declared import ASKED, DONE, HEADER, Declared
from strangler.facade.lane import Lane, Seen
from strangler.facade.protocol import Answer, ServiceRequest
from strangler.facade.service import Services
from strangler.facade.whole import SAFE
from strangler.shadow import redaction
from strangler.shadow.compare import Difference
from strangler.shadow.counting import Compared, EffectOutcome
from strangler.shadow.foretold import foretold, together
from strangler.shadow.reading import plain

LONGEST: Final = 65_536
"""Bytes of what is foretold of one write: it waits in the control store."""

_STATUS: Final = "(status)"


class Unasked(Exception):
    """The service doesn't say that it knows dry runs."""


class Unforetold(Exception):
    """The dry run was no good. The message says why, and quotes nothing of the call."""


class Refused(Exception):
    """The service would have refused the write."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it would have answered {status}")
        self.status = status


class Rehearsing:
    """Asks new services. Belongs to the event loop's thread; `thread` is for what takes long."""

    def __init__(self, services: Services, thread: Executor, heard: Callable[[Lane, bool], None]) -> None:
        """`heard` is told of each write that was put to a new service whether it answered."""
        self._services, self._thread, self._heard = services, thread, heard
        self._declared = Declared(services)

    async def rehearse(self, lane: Lane, seen: Seen) -> Compared | Expected | None:
        """What came of one write: what is expected of sync, or what can be said of it already. None where legacy refused it."""
        if not await self._accepted(seen):
            return None
        if time.time() - seen.at > lane.timeout:
            return _said(seen, "dropped")
        run = _DryRun(self._services, self._declared)
        try:
            await self._put(lane, seen, run)
        except Refused as refused:
            return self._refused(lane, seen, refused.status)
        except Unasked as error:
            return _said(seen, "unasked", str(error))
        except (Unforetold, Refusal, UntranslatableRequest) as error:
            return _said(seen, "failed", _reason(lane, error))
        except Exception as error:  # noqa: BLE001  # a protocol may stumble over a dry run's answer in any way
            what = f"the protocol can't go on from a dry run's answer: {type(error).__name__}"
            return _said(seen, "failed", what)
        return Expected(
            seen.function,
            seen.cohort,
            seen.since,
            seen.at - seen.seconds,
            seen.at,
            redaction.call(seen.request, seen.operation, lane.hidden),
            self._key(seen),
            together(run.told),
        )

    async def _put(self, lane: Lane, seen: Seen, run: _DryRun) -> None:
        """Put a write to the new service. Raises what comes of it."""
        marked = seen.for_new(lane.settings.credentials)
        try:
            await self._services.ask(seen.function, seen.operation, marked, lane.timeout, run)
        except Refusal:
            self._heard(lane, False)
            raise
        except (Refused, Unforetold):
            self._heard(lane, True)
            raise
        self._heard(lane, True)

    def _key(self, seen: Seen) -> str | None:
        """The key that a write names, where it is one."""
        protocol = self._services.protocol(seen.function)
        if protocol is None:
            return seen.key
        keys = protocol.named(seen.operation, seen.request).keys
        return keys[0] if len(keys) == 1 else None

    async def _accepted(self, seen: Seen) -> bool:
        """Whether legacy did it. In a thread: a long answer is long to parse."""
        protocol, legacy = self._services.protocol(seen.function), seen.legacy
        assert legacy is not None
        if protocol is None:
            return 200 <= legacy.status < 300
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._thread, lambda: protocol.accepted(seen.operation, seen.request, plain(legacy))
            )
        except ValueError:
            return False  # It can't be read, so nothing says that it was done.

    def _refused(self, lane: Lane, seen: Seen, status: int) -> Compared:
        assert seen.legacy is not None
        example = redaction.difference(Difference((_STATUS,), "value", seen.legacy.status, status))
        asked = redaction.call(seen.request, seen.operation, lane.hidden)
        sample = Mismatch(time.time(), seen.function, seen.cohort, asked, [example], "write")
        return _said(seen, "mismatched")._replace(spots=frozenset([(_STATUS, "value")]), sample=sample)


class _DryRun:
    """Asks a service what a translation yields, each write as a dry run. `told` is what it answered to these."""

    def __init__(self, services: Services, declared: Declared) -> None:
        self._services, self._declared = services, declared
        self.told: list[bytes] = []

    async def __call__(self, function: str, call: ServiceRequest, until: float) -> Answer:
        if call.method in SAFE:
            return await self._services.call(function, call, until)
        if not await self._declared.knows(function, call, until):
            raise Unasked(f"the service doesn't say of {call.method} that it knows dry runs")
        asked = call._replace(headers=[*call.headers, ASKED])
        answer = await self._services.call(function, asked, until)
        self._check(function, call, answer)
        if sum(map(len, self.told)) + len(answer.body) > LONGEST:
            raise Unforetold(f"it foretells more than {LONGEST:,} bytes")
        try:
            events = foretold(answer.body)
        except ValueError as error:
            raise Unforetold(f"what it foretells can't be read: {error}") from error
        self.told.append(answer.body)
        data = events[0].data if events else {}
        return Answer(200, [("content-type", "application/json")], json.dumps(data, default=str).encode())

    def _check(self, function: str, call: ServiceRequest, answer: Answer) -> None:
        """See that it was one, and that there is something to read."""
        if answer.header(HEADER).strip().lower() != DONE:
            self._declared.revoke(function, call)
            if answer.status < 400:
                self._declared.distrust(function)
                raise Unforetold(f"it answered {answer.status} without saying that it was a dry run")
            raise Unforetold(f"it answered {answer.status}, and not to the dry run")
        if answer.status >= 400:
            raise Refused(answer.status)
        if answer.status != 200:
            raise Unforetold(f"it answered {answer.status} to a dry run, not 200")


def _said(seen: Seen, outcome: EffectOutcome, reason: str = "") -> Compared:
    return Compared(seen.function, seen.cohort, seen.since, outcome, reason=redaction.storable(reason, 300))


def _reason(lane: Lane, error: Exception) -> str:
    """Without what an error may quote of a call, where that has sensitive values."""
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, UntranslatableRequest):
        return "the call can't be put to new" if lane.hidden else error.what
    return str(error)
