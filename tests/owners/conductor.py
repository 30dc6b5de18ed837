"""The conductor, as the experiment has it: a process that is started anew when it has ended, as users run one command after the other."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).parents[2]


class Conducting:
    """`told` is all that it said, in order."""

    def __init__(self, configuration: Path) -> None:
        self._configuration = configuration
        self.told: list[dict[str, Any]] = []
        self._process: Process | None = None

    async def ready(self) -> bool:
        """Start it, unless it runs; False when it couldn't begin."""
        if self._process is not None and self._process.returncode is None:
            return True
        command = [sys.executable, "-m", "tests.owners.conducting", str(self._configuration)]
        with self._configuration.with_suffix(".err").open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=errors, cwd=REPOSITORY
            )
        return "ready" in await self._until("ready")

    async def switch(self) -> str:
        """Change the owner: who it is now; empty when that was refused, undone or lost."""
        if not await self.ready():
            return ""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"switch\n")
        await self._process.stdin.drain()
        return str((await self._until("owner", "refused", "lost")).get("owner", ""))

    async def _until(self, *words: str) -> dict[str, Any]:
        """What says one of these; nothing when the process ends before."""
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.told.append(json.loads(line))
            if not self.told[-1].keys().isdisjoint(words):
                return self.told[-1]
        await self._process.wait()
        return {}

    async def step(self, name: str, after: int) -> None:
        """Wait until it has said that a step begins, behind the first `after` lines."""
        while not any(told.get("step") == name for told in self.told[after:]):
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
