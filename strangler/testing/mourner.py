"""A mourner: sees to it that a server ends when the process that started it ends, however that comes about.

A shell waits for the end of a pipe whose other end only the parent holds. So it works from any thread and on any Unix, and
for a parent that was killed.
"""

from __future__ import annotations

import subprocess
from typing import Final

_MOURN: Final = 'read -r _; kill -9 "$0"'


class Mourner:
    """Kills the process `pid` once this one is gone. To be dismissed before that pid can be somebody else's."""

    def __init__(self, pid: int) -> None:
        # A session of its own: Ctrl-C in a terminal ends the parent, and not the one who waits for that.
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _MOURN, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def dismiss(self) -> None:
        """It mourns no more."""
        self._shell.kill()
        self._shell.communicate()
