"""What the parent says to the process that fills apart, and that saying it never waits for that process."""

from __future__ import annotations

import multiprocessing
import os
import threading
from contextlib import closing

from strangler.apart import CAPTURED, GROWN, _say
from strangler.keeper import Bell


def test_words_arrive_whole_and_a_full_pipe_is_not_waited_for() -> None:
    theirs, ours = multiprocessing.get_context("spawn").Pipe(duplex=False)
    os.set_blocking(ours.fileno(), False)
    with closing(theirs), closing(ours):
        assert _say(ours, CAPTURED)
        said = 0
        while _say(ours, GROWN):
            said += 1
        assert theirs.recv_bytes() == CAPTURED
        assert [theirs.recv_bytes() for _ in range(said)] == [GROWN] * said
        assert not theirs.poll()
        assert _say(ours, GROWN)


def test_a_child_that_is_gone_is_no_error_for_who_speaks() -> None:
    theirs, ours = multiprocessing.get_context("spawn").Pipe(duplex=False)
    theirs.close()
    with closing(ours):
        assert not _say(ours, GROWN)


def test_who_waits_for_a_bell_knows_whether_it_rang() -> None:
    bell = Bell()
    assert not bell.wait(0.0)
    bell.ring()
    assert bell.wait(0.0)
    assert not bell.wait(0.0)
    ringing = threading.Timer(0.05, bell.ring)
    ringing.start()
    assert bell.wait(10.0)
    ringing.join()
