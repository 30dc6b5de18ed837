"""Callers: each does one thing after the other, as the seed has it, and judges what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.facade.wire.sockets import frame, handshake
from tests.soak.asking import Ask, ask, content
from tests.soak.books import Books
from tests.soak.faults import BREAKING, Fault, fault
from tests.soak.line import Answer, Line

MARGIN: Final = 1.5
"""Seconds beyond a call's budget in which it must be answered: sweeps, and what the machine has beside to do."""

Rough = Callable[[float], bool]
"""Whether there was bad weather since then, by the loop's clock."""


class Caller:
    """One of many. `budget` is what a call may take in all, in seconds, `silence` how long a stream may say nothing."""

    def __init__(
        self, number: int, seed: int, address: tuple[str, int], books: Books, rough: Rough, *, budget: float, silence: float
    ) -> None:  # fmt: skip
        self._number, self._seed, self._address, self._books, self._rough = (
            number,
            seed,
            address,
            books,
            rough,
        )
        self._budget, self._silence = budget, silence
        self._dice = Random(f"{seed} caller {number}")
        self._count = 0

    async def work(self, pace: float, over: asyncio.Event) -> None:
        """Go on, with `pace` seconds between two calls, about, until it is over."""
        deeds = [
            (self._kept, 50), (self._once, 18), (self._in_line, 8), (self._slowly, 4), (self._invited, 4),
            (self._leave, 12), (self._talk, 2), (self._listen, 2),
        ]  # fmt: skip
        while not over.is_set():
            deed = self._dice.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])[0]
            before = self._count
            await deed()
            self._books.figures[deed.__name__.strip("_")] += 1
            await asyncio.sleep(self._dice.expovariate(1 / (pace * max(1, self._count - before))))

    def _next(self) -> Ask:
        self._count += 1
        return ask(self._seed, f"{self._number}-{self._count}")

    async def _open(self) -> Line:
        return await Line.open(self._address)

    async def _kept(self) -> None:
        """Several calls, one after the other, on one connection."""
        line = await self._open()
        for _ in range(self._dice.randrange(1, 8)):
            asked = self._next()
            began = _now()
            await line.send(asked.head() + asked.said())
            self._judge(asked, await line.answer(asked.method, self._due(began)), began)
            if line.over:
                break
        line.close()

    async def _once(self) -> None:
        """A call that says that it is the only one."""
        line, asked, began = await self._open(), self._next(), _now()
        await line.send(asked.head("Connection: close") + asked.said())
        self._judge(asked, await line.answer(asked.method, self._due(began)), began)
        line.close()

    async def _in_line(self) -> None:
        """Several calls at once; each is answered when the ones before it are."""
        line, calls = await self._open(), [self._next() for _ in range(self._dice.randrange(2, 6))]
        began = _now()
        await line.send(b"".join(asked.head() + asked.said() for asked in calls))
        while calls:
            asked = calls.pop(0)
            heard = await line.answer(asked.method, self._due(began))
            self._judge(asked, heard, began)
            began = _now()
            if line.over:
                told = f"{asked.method} {asked.target} ({asked.id}) got {heard.status}"
                how = f"{told}, {len(heard.body)} bytes, whole: {heard.whole}, {heard.headers}"
                self._books.unsent.update((each.id, how) for each in calls if each.write)
                break
        line.close()

    async def _slowly(self) -> None:
        """The body comes in pieces, with pauses."""
        line, asked, began = await self._open(), self._next(), _now()
        await line.send(asked.head())
        said = asked.said()
        step = max(1, len(said) // 4)
        for at in range(0, len(said), step):
            await asyncio.sleep(self._dice.uniform(0.0, 0.1))
            await line.send(said[at : at + step])
        self._judge(asked, await line.answer(asked.method, self._due(began)), began)
        line.close()

    async def _invited(self) -> None:
        """The body comes only when it is wanted."""
        line, asked, began = await self._open(), self._next(), _now()
        expects = bool(asked.body)
        await line.send(asked.head(*["Expect: 100-continue"] if expects else []))
        if expects:
            first = await line.peek(self._due(began))
            if first.startswith(b"HTTP/1.1 100"):
                await line.send(asked.said())
        self._judge(asked, await line.answer(asked.method, self._due(began)), began)
        line.close()

    async def _leave(self) -> None:
        """Leaves in the middle: of its head, of its body, before the answer, or in it."""
        line, asked = await self._open(), self._next()
        head, said = asked.head(), asked.said()
        where, hard = self._dice.choice(["head", "body", "before", "answer"]), self._dice.random() < 0.5
        if where == "head":
            await line.send(head[: self._dice.randrange(1, len(head))])
        elif where == "body" and said:
            await line.send(head + said[: self._dice.randrange(0, len(said))])
        else:
            await line.send(head + said)
            where = where if where != "body" else "before"
        if where == "answer":
            await line.peek(self._due(_now()))
        else:
            await asyncio.sleep(self._dice.choice([0.0, 0.0, 0.05, 0.2]))
        if asked.write and where in ("head", "body"):
            self._books.cut.add(asked.id)
        self._books.figures[f"left, {where}"] += 1
        line.close(hard)

    async def _talk(self) -> None:
        """A WebSocket: what is sent comes back as it was."""
        line, id, began = await self._open(), self._id(), _now()
        where = self._dice.choice(["/socket/new/1", "/socket/1"])
        await line.send(handshake(where, f"X-Request-Id: {id}"))
        head = await line.head(self._due(began))
        if b" 101 " in head[:16]:
            self._books.figures["sockets"] += 1
            for number in range(self._dice.randrange(1, 6)):
                sent = frame(2, f"{id} {number} ".encode() * self._dice.choice([1, 1, 500]))
                began = _now()
                await line.send(sent)
                heard = await line.exactly(len(sent), began + self._silence + MARGIN)
                if heard is None:
                    self._books.complain(
                        f"the WebSocket {id} was silent for {_now() - began:.1f} s and isn't ended"
                    )
                elif not sent.startswith(heard):
                    self._books.complain(f"the WebSocket {id} said {heard[:60]!r} for {sent[:60]!r}")
                if heard != sent:
                    break
                self._books.figures["frames"] += 1
        elif not head:
            self._complain(id, "a WebSocket was neither taken nor refused", began)
        line.close(self._dice.random() < 0.5)

    async def _listen(self) -> None:
        """A stream of events, heard to its end, or left."""
        line, id, began = await self._open(), self._id(), _now()
        where = self._dice.choice(["/events/new/1", "/events/1"])
        await line.send(f"GET {where} HTTP/1.1\r\nHost: erp\r\nX-Request-Id: {id}\r\n\r\n".encode())
        if self._dice.random() < 0.2:
            await line.peek(self._due(began))
            line.close(self._dice.random() < 0.5)
            return
        heard = await line.answer("GET", began + 10 * 0.5 + self._silence + self._budget + MARGIN)
        if heard.late:
            self._books.complain(f"the stream {id} is silent and isn't ended")
        events = (
            heard.body.decode().split("\n\n")[:-1]
            if heard.headers.get("content-type") == "text/event-stream"
            else []
        )
        if events != [f"data: {id} {number}" for number in range(len(events))]:
            self._books.complain(f"the stream {id} told {events}")
        if heard.whole and heard.status == 200 and len(events) != 10:
            self._books.complain(f"the stream {id} broke off and looks whole")
        self._books.figures["events"] += len(events)
        line.close()

    def _id(self) -> str:
        self._count += 1
        return f"{self._number}-{self._count}"

    def _due(self, began: float) -> float:
        return began + self._budget + MARGIN

    # What is right

    def _judge(self, asked: Ask, heard: Answer, began: float) -> None:
        figures = self._books.figures
        figures["calls"] += 1
        figures["writes"] += asked.write
        if heard.odd:
            self._books.complain(f"{asked.id} was told what no client understands: {heard.odd}")
        elif heard.late:
            self._books.complain(
                f"{asked.id} got no answer within {_now() - began:.1f} s: {asked.method} {asked.target}"
            )
        elif not heard.whole:
            figures["broken off"] += 1
            self._judge_end(asked, heard, began)
        else:
            figures[f"{heard.status // 100}xx"] += 1
            self._judge_answer(asked, heard)

    def _judge_end(self, asked: Ask, heard: Answer, began: float) -> None:
        """An answer breaks off only when it has begun, and where the upstream's did."""
        known = {fault(self._seed, side, asked.id) for side in ("legacy", "new")}
        if not heard.status:
            self._complain(
                asked.id, f"got no answer, and its connection ended ({asked.method} {asked.target})", began
            )
        elif not known & BREAKING and not self._rough(began) and _now() - began < 0.8 * self._budget:
            half = f"{len(heard.body)} bytes of an answer ({heard.status}, {heard.headers})"
            self._complain(asked.id, f"got {half}, and nothing was wrong upstream but {known}", began)

    def _complain(self, id: str, what: str, began: float) -> None:
        self._books.complain(f"{id}: {what}; it began {_now() - began:.2f} s ago")

    def _judge_answer(self, asked: Ask, heard: Answer) -> None:
        if "proxy_internal_error" in heard.headers.get("proxy-status", ""):
            self._books.complain(f"{asked.id}: the facade failed: {heard.body[:200]!r}")
        answers = heard.headers.get("x-answers", asked.id)
        if answers != asked.id:
            self._books.complain(f"{asked.id} was told the answer to {answers}")
        side = heard.headers.get("x-side", "")
        if side and not asked.model:
            self._books.figures[f"answered by {side}"] += 1
        spoilt = Fault.NONSENSE in (fault(self._seed, each, asked.id) for each in ("legacy", "new"))
        if asked.model:
            self._judge_rpc(asked, heard, spoilt)
            return
        if (
            heard.status == 200
            and asked.method != "HEAD"
            and not spoilt
            and heard.body != content(self._seed, asked.id)
        ):
            self._books.complain(f"{asked.id} was told {heard.body[:100]!r} ({len(heard.body)} bytes)")
        if 200 <= heard.status < 300 and asked.write:
            self._books.done.add(asked.id)

    def _judge_rpc(self, asked: Ask, heard: Answer, spoilt: bool) -> None:
        if heard.status != 200 or spoilt:
            return
        told: Any = json.loads(heard.body)
        if told["id"] != asked.number:
            self._books.complain(f"{asked.id} was told the answer to another call: {told}")
        result = told.get("result")
        if isinstance(result, list) and any(isinstance(r, dict) and r["name"] != asked.id for r in result):
            self._books.complain(f"{asked.id} was told the records of another call: {told}")
        if "result" in told:
            self._books.figures["translated" if "x-side" not in heard.headers else "answered by legacy"] += 1
            if asked.write:
                self._books.done.add(asked.id)
        else:
            self._books.figures["faults of JSON-RPC"] += 1


def _now() -> float:
    return asyncio.get_running_loop().time()
