"""A proxy that is followed takes part in switches of owners like a facade (invariants 4 and 5)."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from strangler.control import facades, standings
from strangler.cutover.stages import Side, Stage
from strangler.cutover.switch import Undone
from strangler.errors import Refused
from strangler.following.folder import Folder
from tests.dataplanes.upstreams import wait_for
from tests.following.scene import Scene


@contextmanager
def going_on(*works: Callable[[], None]) -> Iterator[None]:
    """Each is done again and again in a thread of its own; what one raises fails the test."""
    ended, failed = threading.Event(), list[BaseException]()

    def go_on(work: Callable[[], None]) -> None:
        try:
            while not ended.is_set():
                work()
        except BaseException as error:  # noqa: BLE001  # shown to the test below
            failed.append(error)

    threads = [threading.Thread(target=go_on, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failed == []


pytestmark = [pytest.mark.slow, pytest.mark.nightly]
BOTH = pytest.mark.parametrize("target", ["nginx", pytest.param("haproxy", marks=pytest.mark.nightly)])


class Writer:
    """A caller that writes all the time, each write once. `accepted`: what it was told is done; `refused`: how often it was told to
    wait."""

    numbers = itertools.count(1)

    def __init__(self, scene: Scene) -> None:
        self._caller = scene.caller()
        self.accepted: list[tuple[bytes, str | None]] = []
        self.refused = 0

    def write(self) -> None:
        body = b"%d" % next(self.numbers)
        try:
            answer = self._caller.ask_once("PUT", "/api/party/1", body=body)
        except OSError:
            # Cut off between two calls, as a kept connection may be: nobody said that it is done.
            return
        if answer.status == 200:
            self.accepted.append((body, answer.name))
        else:
            assert answer.status == 503, answer
            self.refused += 1
            time.sleep(0.01)


@BOTH
def test_invariants_4_5_a_function_is_switched_under_writes_through_the_proxy(scene: Scene) -> None:
    scene.stand(Stage.CANARY, weight=0)
    scene.servers["legacy"].delay = 1.0  # Longer than it takes to load a configuration.
    with scene.proxy(), scene.following():
        scene.acts()
        writers = [Writer(scene) for _ in range(4)]
        with going_on(scene.deliver, *(writer.write for writer in writers)):
            wait_for(lambda: all(writer.accepted for writer in writers), 30)
            assert scene.switch(Stage.LIVE).owner is Side.NEW
            wait_for(lambda: len(scene.written(Side.NEW)) > 20, 30)
    accepted = [each for writer in writers for each in writer.accepted]
    assert len(scene.written(Side.LEGACY)) == scene.safe, "legacy did nothing after its position was read"
    for side in Side:
        told = {body for body, name in accepted if name == side.value}
        assert told <= set(scene.written(side))
    assert len(accepted) == len(set(accepted))
    assert sum(writer.refused for writer in writers) > 0


@BOTH
def test_invariant_5_a_switch_waits_for_a_write_that_an_old_process_has_under_way(scene: Scene) -> None:
    scene.stand(Stage.CANARY, weight=0)
    with scene.proxy(), scene.following():
        scene.acts()
        scene.servers["legacy"].delay = 6.0
        slow = threading.Thread(target=lambda: scene.caller().ask("PUT", "/api/party/1", body=b"slow"))
        slow.start()
        wait_for(lambda: any(got.body == b"slow" for got in scene.servers["legacy"].got), 30)
        with pytest.raises(Undone) as raised:
            scene.switch(Stage.LIVE, limit=1.5)
        assert "may still be under way" in raised.value.why
        assert str(scene.folder) in raised.value.why
        assert scene.written(Side.LEGACY) == []
        assert scene.caller().ask("PUT", "/api/party/1", body=b"").status in (200, 503)
        slow.join()
        scene.acts()


def test_a_follower_that_is_gone_leaves_its_line_and_switches_are_refused_at_once(scene: Scene) -> None:
    scene.stand(Stage.CANARY, weight=0)
    with scene.proxy(), scene.following() as process:
        scene.acts()
        process.kill()
        process.wait()
        line = scene.line()
        assert line is not None
        with pytest.raises(Refused, match="may still") as raised:
            scene.switch(Stage.LIVE, clock=lambda: time.time() + 60)
        assert str(scene.folder) in raised.value.what
        assert "follow it again" in raised.value.do
        assert not standings.of(scene.control, "party").fenced
        assert scene.caller().ask("PUT", "/api/party/1", body=b"x").name == "legacy"
        with scene.following():
            wait_for(lambda: (found := scene.line()) is not None and found.seen_at > line.seen_at, 30)
            found = scene.line()
            assert found is not None
            assert found.id == line.id, "whoever follows next takes over"
    assert scene.line() is not None, "a follower that is stopped leaves its line, too: the proxy may go on"
    facades.forget(scene.control, line.id)
    with going_on(scene.deliver):
        assert scene.switch(Stage.LIVE).owner is Side.NEW, (
            "whoever forgets it has made sure that it has ended"
        )


def test_files_that_the_proxy_finds_fault_with_are_not_used(scene: Scene) -> None:
    scene.stand(Stage.SYNCING)
    with scene.proxy(), scene.following():
        scene.acts()
        good = scene.folder.readlink()
        scene.spoil()
        now = scene.stand(Stage.CANARY).generation
        wait_for(lambda: any("failed with" in str(each["message"]) for each in scene.said()), 30)
        assert scene.folder.readlink() == good
        line = scene.line()
        assert line is not None
        assert line.generation == now - 1
        assert scene.caller().ask("GET", "/api/party/1").headers["x-strangler-generation"] == str(now - 1)
        scene.mend()
        scene.acts(now)


def test_one_follower_for_a_folder_and_a_folder_of_its_own(scene: Scene) -> None:
    with Folder(scene.folder).alone():
        second = scene.run("--follow", "--reload", "true", "--pid", str(scene.pid))
    assert (second.exit_code, "another process keeps" in second.stderr) == (2, True)
    scene.folder.mkdir()
    there = scene.run("--follow", "--reload", "true", "--pid", str(scene.pid))
    assert (there.exit_code, "isn't a link" in there.stderr) == (2, True)
    assert "mv " in there.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--follow",), "--follow needs --output DIR, --reload COMMAND and --pid FILE"),
        (("--reload", "true"), "are for --follow"),
        (
            ("--follow", "--reload", "true", "--pid", "p", "--probe", "http://h:x/"),
            "'http://h:x/' can't be an upstream",
        ),
    ],
)
def test_options_that_dont_go_together(scene: Scene, options: tuple[str, ...], said: str) -> None:
    done = scene.run(*options)
    assert (done.exit_code, said in done.stderr) == (2, True)
