"""Who carries something out: a process from here is gone as soon as it doesn't run, one from elsewhere when it has been silent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from strangler.control.holders import SILENT_AFTER, is_gone, myself


def ended() -> int:
    """The number of a process that has run and ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_process_from_here_is_gone_when_it_does_not_run() -> None:
    here = myself().rpartition(":")[0]
    assert not is_gone(myself(), 0.0, 1.0)
    assert is_gone(f"{here}:{ended()}", 0.0, 1.0)


def test_another_container_of_the_same_name_is_elsewhere() -> None:
    """Its process 1 isn't ours, and that ours doesn't run says nothing of its."""
    other = f"{socket.gethostname()}.000000:{os.getpid()}"
    assert other != myself()
    gone = f"{socket.gethostname()}.000000:{ended()}"
    assert not is_gone(gone, 0.0, SILENT_AFTER - 1)
    assert is_gone(gone, 0.0, SILENT_AFTER + 1)
