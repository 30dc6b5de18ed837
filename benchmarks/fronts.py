"""Fronts: what callers can have before the same upstream, each with one worker: nginx, the facade, a minimal aiohttp proxy.

The upstream is nginx that answers by itself: 110 bytes of JSON, or files for long bodies. The facade has 500 functions in stage canary,
half of whose reads the new side answers (the same nginx, on another port), and writes its access log to a file.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.errors import Unavailable
from strangler.testing.facade import Facade, running

FUNCTIONS: Final = 500
COMMAND: Final = Path(sys.executable).parent / "strangler"
WEIGHT: Final = 5000
"""Of ten thousand callers' buckets, those whose reads the new side answers."""

JSON: Final = '{"id": 4711, "name": "Kunde 4711", "city": "Stuttgart", "country": "DE", "credit": "12000.00", "active": true}'
assert len(JSON) == 110

KEPT: Final = 128
"""Connections to an upstream that nginx keeps."""

NGINX: Final = """
daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log crit; pcre_jit on;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; tcp_nodelay on; sendfile on; client_max_body_size 0;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
{http}
}}
"""

ANSWERS: Final = """
  server {{
    listen 127.0.0.1:{legacy} backlog=4096; listen 127.0.0.1:{new} backlog=4096; default_type application/json;
    location / {{ return 200 '{json}'; }}
    location /files/ {{ root {home}; }}
  }}
"""

PASSES: Final = """
  upstream legacy {{ server {legacy}; keepalive {kept}; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://legacy; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_request_buffering off; proxy_max_temp_file_size 0;
    }}
  }}
"""


class Upstream(NamedTuple):
    """Both sides, by their URLs: one nginx."""

    legacy: str
    new: str
    home: Path


@contextlib.contextmanager
def upstream(home: Path, *sizes: int) -> Iterator[Upstream]:
    """The nginx behind all fronts, with a file `/files/SIZE` of each size."""
    folder = home / "upstream"
    (folder / "files").mkdir(parents=True)
    folder.chmod(0o755)
    for size in sizes:
        with (folder / "files" / str(size)).open("wb") as file:
            file.truncate(size)
    legacy, new = free_port(), free_port()
    http = ANSWERS.format(legacy=legacy, new=new, json=JSON, home=folder)
    with nginx(folder, http, legacy):
        yield Upstream(f"http://127.0.0.1:{legacy}", f"http://127.0.0.1:{new}", home)


@contextlib.contextmanager
def passing(behind: Upstream) -> Iterator[str]:
    """The limit: nginx with `proxy_pass`, nothing else. Its URL."""
    port = free_port()
    http = PASSES.format(legacy=behind.legacy.removeprefix("http://"), kept=KEPT, port=port)
    with nginx(behind.home / "passing", http, port):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def nginx(home: Path, http: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """nginx with one worker and this section `http`, until it listens on `port`. Raises Unavailable."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        raise Unavailable("there is no nginx", do="apt-get install nginx-light")
    home.mkdir(exist_ok=True)
    configuration = home / "nginx.conf"
    configuration.write_text(NGINX.format(home=home, http=http))
    command = [binary, "-c", str(configuration), "-p", str(home), "-e", str(home / "error.log")]
    with _process(command, port, home / "error.log") as process:
        yield process


@contextlib.contextmanager
def peer(behind: Upstream) -> Iterator[str]:
    """The minimal proxy. Its URL."""
    port = free_port()
    program = Path(__file__).parent / "peers" / "aiohttp_proxy.py"
    log = behind.home / "peer.log"
    with _process([sys.executable, str(program), str(port), behind.legacy], port, log):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def ours(behind: Upstream, stage: Stage = Stage.CANARY, new: str = "", **section: Any) -> Iterator[Facade]:
    """The facade before both sides; `section` goes into that of the facade, `new` is another new side."""
    home = _standing(behind.home, stage)
    configured = configuration(behind.legacy, new or behind.new, home)
    configured["facade"] |= section
    with running(configured, home) as facade:
        yield facade


@contextlib.contextmanager
def exported(behind: Upstream) -> Iterator[str]:
    """nginx with what `strangler export nginx` makes of the same routes and weights, those by path. Its URL."""
    home, port = _standing(behind.home, Stage.CANARY), free_port()
    file = home / "strangler.yaml"
    file.write_text(yaml.safe_dump(configuration(behind.legacy, behind.new, home)))
    options = ["--listen", f"127.0.0.1:{port}", "--without-body-routes"]
    command = [str(COMMAND), "-c", str(file), "export", "nginx", *options]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SystemExit(told.stderr)
    with nginx(home, told.stdout, port):
        yield f"http://127.0.0.1:{port}"


def _standing(home: Path, stage: Stage) -> Path:
    """A folder with a control store in which all functions stand in a stage."""
    folder = home / f"standing-{len(list(home.glob('standing-*')))}"
    folder.mkdir()
    with Control.open(f"sqlite:///{folder}/control.db") as control, control.begin():
        for function in map(name, range(FUNCTIONS)):
            before = standings.of(control, function)
            standings.change(control, before, replace(before, stage=stage, weight=WEIGHT), at=1.0)
    return folder


def name(number: int) -> str:
    return f"f{number}"


def configuration(legacy: str, new: str, home: Path) -> dict[str, Any]:
    """Five hundred functions, each with two routes by path and one by the method of a JSON-RPC call."""
    return {
        "name": "bench",
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
        "stores": {"new": {"url": "sqlite:///new.db"}},
        "control": {"url": f"sqlite:///{home}/control.db"},
        "facade": {"port": 0, "legacy": legacy, "shadow": {"share": 0}},
        "functions": {
            name(number): {
                "source": "erp",
                "store": "new",
                "service": {"url": new},
                "entities": {name(number): {"table": "item", "key": "id", "fields": {"id": "id"}}},
                "routes": [
                    {"kind": "read", "match": {"path": f"/{name(number)}/items/{{id}}", "method": ["GET"]}},
                    {"kind": "write", "match": {"path": f"/{name(number)}/items/{{id}}", "method": ["PUT"]}},
                    {
                        "kind": "read",
                        "match": {"path": "/rpc/", "json": {"method": [f"model.{name(number)}.read"]}},
                    },
                ],
            }
            for number in range(FUNCTIONS)
        },
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(command: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _until_listens(process, port, log)
        yield process
    finally:
        process.terminate()
        process.wait()


def _until_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Unavailable(f"{process.args!r} doesn't listen", why=log.read_text(errors="replace")[-1000:])
