"""A proxy with a follower beside it, between callers and both sides of a function, on a control store of their own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from strangler import configuration, plugins
from strangler.changes import Position
from strangler.cli.main import root
from strangler.control import deliveries, facades, standings
from strangler.control.facades import FacadeRecord
from strangler.control.store import Control
from strangler.cutover.journal import Intent
from strangler.cutover.stages import RULES, Side, Stage, Standing
from strangler.cutover.switch import Switch
from strangler.cutover.world import Outside
from strangler.following.folder import Folder
from strangler.planes.drawing import Wishes, draw
from strangler.routing import Standings
from tests.dataplanes.landscape import ENTITY, rest
from tests.dataplanes.proxies import NGINX, Caller, free_port
from tests.dataplanes.upstreams import Upstreams, wait_for

_COMMAND = "from strangler.cli.main import main; main()"


class Scene:
    """`servers` have the sides `legacy` and `new` of the function `party`. `safe` is how much legacy had done when a switch read its
    position."""

    def __init__(self, target: str, home: Path, servers: Upstreams, control: Control) -> None:
        self.target, self.home, self.servers, self.control = target, home, servers, control
        self.port, self.folder, self.pid = free_port(), home / "strangler", home / "proxy.pid"
        self.log = home / "follow.log"
        self.safe: int | None = None
        self.configuration = home / "strangler.yaml"
        self._configure()

    def _configure(self) -> None:
        function = {
            "source": "erp",
            "store": "new",
            "entities": {"e": ENTITY},
            "service": {"url": self.servers["new"].url},
            "routes": rest("party"),
        }
        said = {
            "name": "test",
            "control": {"url": str(self.control.engine.url)},
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "facade": {"legacy": self.servers["legacy"].url, "port": self.port},
            "functions": {"party": function},
        }
        self.configuration.write_text(yaml.safe_dump(said))

    def arguments(self, *more: str) -> list[str]:
        return ["-c", str(self.configuration), "export", self.target, "--output", str(self.folder), *more]

    def run(self, *options: str) -> Result:
        """The command once, in this process."""
        return CliRunner().invoke(root, self.arguments(*options))

    def spoil(self) -> None:
        """From now on the proxy finds fault with whatever is written, until `mend`."""
        (self.home / "spoiled").touch()

    def mend(self) -> None:
        (self.home / "spoiled").unlink()

    @contextmanager
    def following(self) -> Iterator[subprocess.Popen[bytes]]:
        """The real command, until the end of the block or earlier."""
        commands = {
            "nginx": (f"nginx -t -c {self.home}/nginx.conf", f"nginx -s reload -c {self.home}/nginx.conf"),
            "haproxy": (
                f"haproxy -c -f {self.folder}/haproxy.cfg",
                f"sh -c 'kill -USR2 $(cat {self.pid})'",
            ),
        }
        test, load = commands[self.target]
        test = f"sh -c '! test -e {self.home}/spoiled && {test}'"
        options = ("--follow", "--test", test, "--reload", load, "--pid", str(self.pid))
        with self.log.open("ab") as output:
            command = [sys.executable, "-c", _COMMAND, *self.arguments(*options)]
            process = subprocess.Popen(command, stderr=output, stdout=output, cwd=self.home)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)

    @contextmanager
    def proxy(self) -> Iterator[None]:
        """The real proxy, taking calls; it begins with files of no generation that ever was."""
        made = plugins.load("dataplanes", self.target)(
            draw(configuration.load(self.configuration), Standings(0), Wishes(f"127.0.0.1:{self.port}"))
        )
        Folder(self.folder).put(made.files, "first")
        if self.target == "nginx":
            said = NGINX.replace("worker_processes 1", "worker_processes 2").replace(
                "{home}/pid", str(self.pid)
            )
            said = said.replace("{home}/strangler.nginx.conf", f"{self.folder}/strangler.nginx.conf")
            (self.home / "nginx.conf").write_text(said.format(home=self.home, user="user root;"))
            started = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(self.home / "nginx.conf")]
        else:
            program = shutil.which("haproxy") or "/usr/sbin/haproxy"
            started = [program, "-W", "-p", str(self.pid), "-f", str(self.folder / "haproxy.cfg")]
        with (self.home / "proxy.log").open("ab") as output:
            process = subprocess.Popen(started, stdout=output, stderr=output)
        try:
            wait_for(lambda: self._takes_calls() or process.poll() is not None, 30)
            assert process.poll() is None, (self.home / "proxy.log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(10)

    def _takes_calls(self) -> bool:
        try:
            return Caller(self.port, 2).ask("GET", "/./").status == 400
        except OSError:
            return False

    def caller(self) -> Caller:
        return Caller(self.port)

    def line(self) -> FacadeRecord | None:
        """How the proxy stands in the table of facades."""
        return next(iter(facades.awaited(self.control, now=time.time())), None)

    def acts(self, generation: int | None = None) -> None:
        """Wait until the proxy acts by a generation, by default the present one."""
        wanted = standings.generation(self.control) if generation is None else generation
        wait_for(lambda: (line := self.line()) is not None and line.generation == wanted, 30)

    def stand(self, stage: Stage, **more: object) -> Standing:
        owner = RULES[stage].owner
        return standings.amend(self.control, "party", at=1.0, stage=stage, owner=owner, **more)

    def switch(self, stage: Stage, limit: float = 60.0, clock: Callable[[], float] = time.time) -> Standing:
        """As the conductor does it."""
        intent = Intent("party", "*", stage, 0, "eva@host", "", [])
        outside = Outside(lambda: None, self._safe_position, lambda: 0, lambda: 0)
        return Switch(self.control, outside, limit, clock=clock).run(
            intent, standings.of(self.control, "party")
        )

    def _safe_position(self, timeout: float) -> Position:
        self.safe = len(self.written(Side.LEGACY))
        return Position(f"{self.safe:08}")

    def written(self, side: Side) -> list[bytes]:
        """What a side has done, in its order."""
        return [each.body for each in list(self.servers[side.value].done) if each.method == "PUT"]

    def deliver(self) -> None:
        """Say that what legacy has done is delivered, as far as it may be."""
        standing = standings.of(self.control, "party")
        until = standing.sync_until or Position(f"{len(self.written(Side.LEGACY)):08}")
        values = {"generation": standing.generation, "rows": 1, "late_writes": 0, "lag": 0.0}
        deliveries.report(self.control, "party", position=until, **values)

    def said(self) -> list[dict[str, object]]:
        """The lines of the follower's log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
