"""The facade as an ASGI application: one request after the other, from its head to its line in the log.

`/healthz`, `/readyz` and `/metrics` are the facade's own and are answered before routing; an ERP that has such paths
is reached on them directly, not through the facade. Everything else is routed.
"""

from __future__ import annotations

import random
import time
from contextlib import nullcontext
from typing import Final

from multidict import CIMultiDict

from strangler.cutover.stages import Side
from strangler.errors import UntranslatableRequest
from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.call import GONE, Call
from strangler.facade.caller import Caller, CallerGone, Message, Receive, Send, WhileHere
from strangler.facade.headers import back, check, onward, traceparent
from strangler.facade.health import MEDIA_TYPE
from strangler.facade.look import Look
from strangler.facade.parts import Parts
from strangler.facade.passing import Kept, Passage
from strangler.facade.protocol import Answer, Request
from strangler.facade.service import BODY, SAFE
from strangler.facade.shadow import BODY as SHADOW_BODY
from strangler.facade.shadow import Seen
from strangler.routing import Asked, BadPath, Decision, Standings, Who, decide

OWN_PATHS: Final = frozenset(("/healthz", "/readyz", "/metrics"))


class UnderWay(Call):
    """One request, with who sent it and the standings that it began with."""

    __slots__ = ("caller", "standings")

    def __init__(self, caller: Caller) -> None:
        asked = Asked(caller.method, caller.target, caller.headers)
        trace = traceparent(caller.headers.get("traceparent"))
        super().__init__(asked, caller.address, caller.version, trace, time.monotonic())
        self.caller = caller
        self.standings = Standings()


class Facade:
    """The application. `start` and `stop` are called by its lifespan, or by who embeds it without one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.settings = parts.settings

    def announce(self, address: str) -> None:
        """Say where callers reach it, before it starts; for the table of facades."""
        self._parts.keeper.address = address

    async def start(self) -> None:
        await self._parts.open()

    async def stop(self) -> None:
        """To be called when no request is under way any more."""
        await self._parts.close()

    def drain(self) -> None:
        """Say at `/readyz` that nothing new should come."""
        self._parts.health.draining = True

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(Caller(scope, receive, send))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.drain()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, caller: Caller) -> None:
        if caller.path in OWN_PATHS:
            await self._own(caller)
            return
        call = UnderWay(caller)
        try:
            await self._serve(call)
        except CallerGone as gone:
            call.status, call.detail = GONE, str(gone)
        except Refusal as refusal:
            await self._refuse(call, refusal)
        except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
            call.detail = f"{type(error).__name__}: {error}"
            self._parts.defect(call.detail)
            await self._refuse(
                call, Refusal(500, "the facade failed; its log says how", "proxy_internal_error")
            )
        finally:
            self._note(call)

    async def _refuse(self, call: UnderWay, refusal: Refusal) -> None:
        """Say it, or break the answer off when it has begun: then the caller sees that it isn't whole."""
        call.status, call.error, call.detail = refusal.status, refusal.error, call.detail or refusal.detail
        if not call.caller.started:
            headers = [*refusal.headers(), (b"traceparent", call.trace.encode())]
            await call.caller.answer(refusal.status, headers, refusal.body())

    async def _own(self, caller: Caller) -> None:
        if caller.path == "/metrics":
            accept, metrics = caller.headers.get("accept", ""), self._parts.metrics
            kind = metrics.content_type(accept).encode()
            await caller.answer(200, [(b"content-type", kind)], metrics.page(accept))
            return
        health = self._parts.health
        status, body = health.healthz() if caller.path == "/healthz" else health.readyz()
        await caller.answer(
            status, [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store")], body
        )

    async def _serve(self, call: UnderWay) -> None:
        parts, caller = self._parts, call.caller
        check(caller.raw, caller.version, parts.pseudonym)
        asked = Asked(caller.method, caller.target, caller.headers)
        try:
            found = parts.table.find(asked)
        except BadPath as error:
            raise BadRequest(str(error)) from error
        look = Look(caller, found.wanted)
        await look.take(parts.settings.body_prefix)
        # From here to the count of writes nothing is awaited: a write counts under the standings that let it through.
        standings = call.standings = parts.keeper.current()
        who = Who(parts.table.identify(asked, caller.address))
        call.decision = decision = decide(
            parts.table, standings, asked, found, look.values, who, random.random()
        )
        if decision.status is not None:
            wait = parts.retry_after if decision.fenced else None
            raise Refusal(
                decision.status, decision.why, "destination_unavailable" if decision.fenced else "", wait
            )
        write = decision.kind == "write"
        # Invariant 5: a write that is on its way is awaited even if its caller leaves; an ERP goes on with it too.
        with parts.flight.write(standings.generation) if write else nullcontext():
            async with nullcontext() if write else WhileHere(caller):
                await self._pass(call, look, decision)

    async def _pass(self, call: UnderWay, look: Look, decision: Decision) -> None:
        if decision.side is Side.NEW and decision.function is not None:
            await self._to_new(call, look, decision, decision.function)
        else:
            await self._to_legacy(call, look, decision)

    async def _to_legacy(self, call: UnderWay, look: Look, decision: Decision) -> None:
        caller, headers = call.caller, self._headers(call)
        kept = Kept(SHADOW_BODY) if decision.shadow else None
        if kept:
            caller.copy(SHADOW_BODY)
            request_headers = list(headers.items())
        passage = Passage(
            self._parts.pool, "the legacy ERP", self._parts.settings.legacy, self._parts.pseudonym
        )
        await self._stream(call, passage, look, headers, decision, kept)
        if kept and decision.function and call.status < 400:
            # A call that legacy itself refused says nothing about new.
            legacy, body = kept.answer(), caller.copied()
            seen = None
            if legacy is not None and body is not None:
                request = Request(caller.method, caller.target, request_headers, body)
                seen = Seen(decision.function, decision.operation, request, legacy)
            self._parts.shadow.offer(decision.function, seen)

    async def _to_new(self, call: UnderWay, look: Look, decision: Decision, function: str) -> None:
        services = self._parts.services
        if services.protocol(function) is not None:
            await self._translated(call, look, decision, function)
            return
        passage = Passage(
            self._parts.pool, f"the new service of {function}", services.base(function), self._parts.pseudonym
        )
        await self._stream(call, passage, look, self._headers(call), decision, None)

    async def _stream(
        self,
        call: UnderWay,
        passage: Passage,
        look: Look,
        headers: CIMultiDict[str],
        decision: Decision,
        kept: Kept | None,
    ) -> None:
        # What a route calls a write is one, even if its method is GET.
        repeatable = decision.kind == "read" or (decision.kind is None and call.caller.method in SAFE)
        try:
            await passage.take(call.caller, look, headers, repeatable, kept)
        finally:
            call.status = passage.status

    async def _translated(self, call: UnderWay, look: Look, decision: Decision, function: str) -> None:
        caller, services = call.caller, self._parts.services
        body = await look.whole(BODY)
        if body is None:
            raise Refusal(
                413, f"a call to {function} is translated, so its body may have {BODY} bytes at most"
            )
        request = Request(caller.method, caller.target, list(self._headers(call).items()), body)
        try:
            answer = await services.ask(function, decision.operation, request)
        except UntranslatableRequest as error:
            self._parts.metrics.untranslatable.labels(function).inc()
            # The access log has no more of a call than its path, least of all where a value may be a person's.
            what = "it has sensitive fields" if self._parts.sensitive[function] else error.what
            if decision.kind == "read" and not call.standings.moved(function):
                why = f"legacy answers, since the call can't be put to new: {what}"
                call.decision, call.fell_back = decision._replace(side=Side.LEGACY, why=why), what
                await self._to_legacy(call, look, call.decision)
                return
            protocol = services.protocol(function)
            assert protocol is not None
            call.detail = what
            answer = protocol.refuse(request, str(error))
        await self._tell(call, answer)

    async def _tell(self, call: UnderWay, answer: Answer) -> None:
        call.status = answer.status
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        headers = [line for line in back(lines, self._parts.pseudonym) if line[0] != b"content-length"]
        await call.caller.answer(answer.status, headers, answer.body)

    def _headers(self, call: UnderWay) -> CIMultiDict[str]:
        caller = call.caller
        return onward(
            caller.raw,
            version=caller.version,
            pseudonym=self._parts.pseudonym,
            client=caller.address,
            scheme=caller.scheme,
            trace=call.trace,
        )

    def _note(self, call: UnderWay) -> None:
        call.ended, decision = time.monotonic(), call.decision
        self._parts.metrics.note(call)
        if decision and decision.function and decision.kind:
            self._parts.tally.call(
                decision.function,
                decision.kind,
                decision.side,
                error=call.status >= 500 and not decision.fenced,
                fenced=decision.fenced,
                seconds=call.ended - call.began,
            )
        self._parts.log.write(call)
