"""Aside: shadow in a process of its own, so that asking, parsing and comparing take no time of the facade's.

A process runs Python on one core at a time. What a candidate does to it, by hanging or by long answers, would be felt by callers; in
another process it isn't. The two are tied by a pipe (`strangler.apart`): calls go one way, in frames, and what came of them comes back
a few times a second. The facade knows how many calls of each lane are over there, so what finds no room costs it next to nothing.

The process begins with the first call. When it ends by itself, what it had in hand is counted as dropped, and another one begins.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import struct
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final, NamedTuple, cast

from strangler.apart import Child, as_child
from strangler.control import facades
from strangler.control.comparisons import Kind
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE
from strangler.errors import StranglerError
from strangler.facade.collecting import collect_briefly
from strangler.facade.lane import Seen
from strangler.facade.rooms import LaneKey, Space
from strangler.facade.shadow import Shadow, rooms, writes
from strangler.facade.traffic import Outcomes, Tally
from strangler.facade.translations import translations
from strangler.sensitive import names
from strangler.settings import Settings

UNSENT: Final = 8 * 1024 * 1024
"""Bytes that wait to be taken by the other process; beyond them calls are dropped."""

TOLD: Final = 0.05
"""Seconds between two times that the other process says what came of calls."""

AGAIN: Final = 5.0
"""Seconds before another process is started in place of one that ended by itself."""

GATHERED: Final = 0.005
"""Seconds for which calls are gathered, so that the other process is woken once for all of them."""

COURTEOUS: Final = 10
"""By how much it stands back where others want the same core: callers never wait for a comparison."""

END_WITHIN: Final = 5.0
"""Seconds that the process has to count what it knows."""

_SIZE: Final = struct.Struct("!I")
_log: Final = logging.getLogger("strangler.facade")


class Told(NamedTuple):
    """What came of calls since the last time: how many of each lane are done with, how much oftener its candidate has answered than it
    hasn't, and how many of each kind, function and cohort had which outcome."""

    done: dict[LaneKey, int]
    heard: dict[LaneKey, int]
    outcomes: dict[tuple[Kind, str, str, str], int]


class Aside:
    """The facade's end. Belongs to the event loop's thread; offers the same as `Shadow`."""

    def __init__(self, settings: Settings, tally: Tally, outcomes: Outcomes) -> None:
        self.writes = writes(settings)
        self._settings, self._drops, self._outcomes = settings, tally.drops, outcomes
        self._rooms = rooms(settings)
        """Those in it are in the other process, or on their way."""
        self._unsent: list[bytes] = []
        self._pipe: _Pipe | None = None
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """The process begins with the first call."""

    def space(self, lane: LaneKey) -> Space | None:
        """As `Shadow.space`."""
        return self._rooms.space(lane)

    def offer(self, function: str, cohort: str, seen: Seen | None, kind: Kind = "read") -> None:
        """As `Shadow.offer`."""
        lane: LaneKey = (function, kind)
        space = self._rooms.space(lane)
        if space is None:
            return
        if seen is None or not space.free or self._waiting() > UNSENT:
            self._drops.of(lane, cohort).calls += 1
            return
        space.enter()
        self._send(_framed(pickle.dumps((lane, seen), pickle.HIGHEST_PROTOCOL)))
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the process; it counts what it knows first."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def heard(self, told: Told) -> None:
        """The other process says what came of calls."""
        for lane, calls in told.done.items():
            if (space := self._rooms.space(lane)) is not None:
                space.leave(calls)
        for lane, answers in told.heard.items():
            if (space := self._rooms.space(lane)) is not None:
                space.heard(answers)
        for counted, calls in told.outcomes.items():
            self._outcomes(*counted, calls)

    def _waiting(self) -> int:
        return sum(map(len, self._unsent)) if self._pipe is None else self._pipe.waiting

    def _send(self, frame: bytes) -> None:
        if self._pipe is None:
            self._unsent.append(frame)
        else:
            self._pipe.send(frame)

    async def _run(self) -> None:
        """Keep a process going."""
        while True:
            child = await asyncio.to_thread(Child, "shadow", _compare, self._settings, duplex=True)
            try:
                self._pipe = await _connected(child, self)
                for frame in self._unsent:
                    self._pipe.send(frame)
                self._unsent.clear()
                await self._pipe.ended
            finally:
                if self._pipe is not None:
                    self._pipe.end()
                self._pipe = None
                await asyncio.shield(asyncio.to_thread(child.close, END_WITHIN))
            _log.error("the process that compares ended; another one is started", extra={"code": child.ended})
            for lane, calls in self._rooms.clear().items():
                self._drops.of(lane, EVERYONE).calls += calls  # Whose they were ended with the process.
            self._unsent.clear()
            await asyncio.sleep(AGAIN)


class _Pipe(asyncio.Protocol):
    """The facade's end of the pipe."""

    def __init__(self, aside: Aside) -> None:
        self._aside, self._heard = aside, bytearray()
        self._frames: list[bytes] = []
        self._gathered = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= _SIZE.size:
            size = _SIZE.size + _SIZE.unpack_from(self._heard)[0]
            if len(self._heard) < size:
                return
            self._aside.heard(pickle.loads(self._heard[_SIZE.size : size]))
            del self._heard[:size]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    @property
    def waiting(self) -> int:
        """Bytes that the other side hasn't taken."""
        return self._gathered + self._transport.get_write_buffer_size()

    def send(self, frame: bytes) -> None:
        """Have it sent soon, together with others."""
        if not self._frames:
            asyncio.get_running_loop().call_later(GATHERED, self._flush)
        self._frames.append(frame)
        self._gathered += len(frame)

    def _flush(self) -> None:
        frames, self._frames, self._gathered = self._frames, [], 0
        if not self._transport.is_closing():
            self._transport.writelines(frames)

    def end(self) -> None:
        self._flush()
        self._transport.abort()


async def _connected(child: Child, aside: Aside) -> _Pipe:
    end = socket.socket(fileno=os.dup(child.pipe.fileno()))
    loop = asyncio.get_running_loop()
    _, pipe = await loop.create_unix_connection(lambda: _Pipe(aside), sock=end)
    return pipe


def _framed(message: bytes) -> bytes:
    return _SIZE.pack(len(message)) + message


# The other process


def _compare(settings: Settings, pipe: Connection) -> None:
    """Compare until the pipe ends."""
    import uvloop

    as_child()
    os.nice(COURTEOUS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, pipe))


class _Telling:
    """What is to be told to the facade."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._done: Counter[LaneKey] = Counter()
        self._heard: Counter[LaneKey] = Counter()
        self._outcomes: Counter[tuple[Kind, str, str, str]] = Counter()

    def done(self, lane: LaneKey) -> None:
        self._done[lane] += 1

    def heard(self, lane: LaneKey, answers: int) -> None:
        self._heard[lane] += answers

    def outcome(self, kind: Kind, function: str, cohort: str, outcome: str, calls: int = 1) -> None:
        self._outcomes[kind, function, cohort, outcome] += calls

    async def run(self) -> None:
        """Tell it, a few times a second."""
        while True:
            await asyncio.sleep(TOLD)
            if self._done or self._heard or self._outcomes:
                told = Told(dict(self._done), dict(self._heard), dict(self._outcomes))
                self._writer.write(_framed(pickle.dumps(told, pickle.HIGHEST_PROTOCOL)))
                self._done.clear()
                self._heard.clear()
                self._outcomes.clear()
                await self._writer.drain()


async def _serve(settings: Settings, pipe: Connection) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=os.dup(pipe.fileno())))
    telling, opened = _Telling(writer), _Opened(settings)
    tally = Tally(facades.new_id(), telling.outcome)
    spoken, hidden = translations(settings), names(settings)
    shadow = Shadow(settings, spoken, tally, telling.outcome, hidden, telling.done, telling.heard)
    await shadow.open()
    running = (telling.run(), opened.run(), tally.run(opened.now), collect_briefly(lambda: True))
    tasks = [asyncio.create_task(each) for each in running]
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            size = _SIZE.unpack(await reader.readexactly(_SIZE.size))[0]
            lane, seen = pickle.loads(await reader.readexactly(size))
            shadow.offer(lane[0], seen.cohort, seen, lane[1])
    await shadow.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    opened.close()


class _Opened:
    """The control store, once it is there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._control: Control | None = None

    def now(self) -> Control | None:
        return self._control

    async def run(self) -> None:
        from strangler import assembly

        while self._control is None:
            try:
                self._control = await asyncio.to_thread(assembly.control, self._settings)
            except StranglerError as error:
                _log.warning("comparisons wait for the control store", extra={"reason": error.what})
                await asyncio.sleep(1.0)

    def close(self) -> None:
        if self._control is not None:
            self._control.close()
