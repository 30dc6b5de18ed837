"""The proxies themselves, run on exported files: started in a folder of their own, ended with the test."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from strangler.planes.export import Export
from tests.dataplanes.upstreams import wait_for

NGINX: Final = """daemon off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
pcre_jit on;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/strangler.nginx.conf;
}}
"""


class Answer(NamedTuple):
    """What a caller got. `name` is that of the upstream that answered, None when the proxy did."""

    status: int
    name: str | None
    headers: Mapping[str, str]
    body: bytes


class Caller:
    """One caller on a kept connection; sends targets as they stand."""

    def __init__(self, port: int, timeout: float = 10) -> None:
        self._port, self._timeout = port, timeout
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        try:
            return self.ask_once(method, target, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            # A proxy may close a kept connection at any time between two calls.
            return self.ask_once(method, target, headers, body)

    def ask_once(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Raises OSError when the connection is closed, upon which nobody knows what has come of it."""
        try:
            return self._ask(method, target, headers or {}, body)
        except (http.client.HTTPException, OSError):
            self.close()
            raise

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        connection = self._connection
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told.get("x-name"), told, answer.read())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lay(home: Path, export: Export) -> None:
    """Put the files of an export into a folder."""
    home.mkdir(parents=True, exist_ok=True)
    for name, text in export.files.items():
        (home / name).write_text(text)


def command(target: str, home: Path) -> list[str]:
    """What starts the proxy on the files in the folder."""
    if target == "envoy":
        # Without hot restart several of them may run on one machine.
        program = Path(sys.executable).parent / "envoy"
        return [
            str(program),
            "-c",
            str(home / "envoy.yaml"),
            "--disable-hot-restart",
            *("--concurrency", "1"),
        ]
    if target == "haproxy":
        return [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(home / "haproxy.cfg")]
    (home / "nginx.conf").write_text(NGINX.format(home=home, user="user root;"))
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(home), "-c", str(home / "nginx.conf")]


def check(target: str, home: Path) -> subprocess.CompletedProcess[str]:
    """What the proxy itself says of the files."""
    flags = {"haproxy": ["-c"], "nginx": ["-t"], "envoy": ["--mode", "validate"]}[target]
    return subprocess.run([*command(target, home), *flags], capture_output=True, text=True, timeout=30)


@contextmanager
def running(target: str, home: Path, export: Export, port: int) -> Iterator[Caller]:
    """The proxy with the exported files, listening on the port that they name."""
    lay(home, export)
    said = check(target, home)
    assert said.returncode == 0, said.stderr
    with (home / "output").open("w") as output:
        process = subprocess.Popen(command(target, home), stdout=output, stderr=output)
    caller = Caller(port)
    try:
        wait_for(lambda: process.poll() is not None or _accepts(port))
        assert process.poll() is None, (home / "output").read_text()
        yield caller
    finally:
        caller.close()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
