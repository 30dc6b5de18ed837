"""Data planes: what the exported routes cost a proxy, against the same proxy that passes everything on to one upstream.

    python -m benchmarks.dataplanes [--functions 500] [--rounds 5] [--only nginx]

One worker each, the same upstream (an nginx that answers 110 bytes of JSON by itself, on one port for legacy and one for the new
services), wrk with 32 connections for four seconds; calls go to all functions in turn, half of which are in canary at 50 %, the others
live. Needs nginx, haproxy and wrk.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.arms import Arm, Benchmark, run
from strangler import plugins
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing
from strangler.planes.drawing import Wishes, draw
from strangler.routing import Standings, Trust
from strangler.settings import Settings

SECONDS: Final = 4
UPSTREAM: Final = 18101
BARE: Final = 18102
EXPORTED: Final = 18103
SERVICE: Final = 18104

NGINX: Final = """daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log; pcre_jit on;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000;
    client_body_temp_path {home}/1; proxy_temp_path {home}/2; fastcgi_temp_path {home}/3; uwsgi_temp_path {home}/4; scgi_temp_path {home}/5;
    {what}
}}
"""
BODY: Final = f'{{"id":42,"name":"{"x" * 88}"}}'
LISTEN: Final = " ".join(f"listen 127.0.0.1:{port};" for port in (UPSTREAM, SERVICE))
ANSWER: Final = f"server {{ {LISTEN} location / {{ default_type application/json; return 200 '{BODY}'; }} }}"
PASS: Final = (
    f"upstream up {{ server 127.0.0.1:{UPSTREAM}; keepalive 64; }}\n"
    f"server {{ listen 127.0.0.1:{BARE}; location / {{ proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://up; }} }}"
)
HAPROXY: Final = (
    f"frontend bare\n    mode http\n    bind 127.0.0.1:{BARE}\n    timeout client 60s\n    default_backend up\n\n"
    f"backend up\n    mode http\n    timeout connect 2s\n    timeout server 60s\n    server up 127.0.0.1:{UPSTREAM}\n"
)
CALLS: Final = """local n = 0
request = function()
    n = n + 1
    local f = n % {functions}
    return wrk.format("GET", "/api/v1/function" .. f .. "/items/" .. n, {{["Authorization"] = "Basic " .. n % 997}})
end
"""


def settings(functions: int) -> Settings:
    """That many functions, each with the routes of a REST service."""
    upstream = f"http://127.0.0.1:{UPSTREAM}"
    entity = {"table": "t", "key": "id", "fields": {"id": "id"}}

    def routes(name: str) -> list[dict[str, object]]:
        item = f"/api/v1/{name}/items/{{id}}"
        return [
            {"kind": "read", "match": {"path": item, "method": ["GET", "HEAD"]}},
            {"kind": "write", "match": {"path": item, "method": ["PUT", "PATCH", "DELETE"]}},
            {"kind": "write", "match": {"path": f"/api/v1/{name}/items", "method": ["POST"]}},
            {"kind": "read", "match": {"path": f"/api/v1/{name}/{{rest:path}}"}},
        ]

    return Settings.model_validate(
        {
            "name": "bench",
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "facade": {"legacy": upstream},
            "functions": {
                f"function{n}": {
                    "source": "erp",
                    "store": "new",
                    "entities": {"e": entity},
                    "service": {"url": f"http://127.0.0.1:{SERVICE}"},
                    "routes": routes(f"function{n}"),
                }
                for n in range(functions)
            },
        }
    )


def standing(number: int) -> Standing:
    stage, owner = (Stage.CANARY, Side.LEGACY) if number % 2 else (Stage.LIVE, Side.NEW)
    return Standing(f"function{number}", EVERYONE, stage, owner, 5000, False, None, None, 1, 0.0)


def export(target: str, home: Path, functions: int) -> Path:
    """The files of the target, in a folder of their own."""
    stands = Standings(1, {each.function: each for each in map(standing, range(functions))}, Trust.SURE)
    plane = draw(settings(functions), stands, Wishes(f"127.0.0.1:{EXPORTED}"))
    folder = home / "exported"
    folder.mkdir()
    for name, text in plugins.load("dataplanes", target)(plane).files.items():
        (folder / name).write_text(text)
    return folder


@contextmanager
def process(*command: str) -> Iterator[None]:
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        started.terminate()
        started.wait(10)


def nginx(home: Path, name: str, what: str) -> list[str]:
    """The command of an nginx with a folder of its own."""
    folder = home / name
    folder.mkdir()
    (folder / "nginx.conf").write_text(NGINX.format(home=folder, what=what))
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


@contextmanager
def upstream(home: Path) -> Iterator[None]:
    with process(*nginx(home, "upstream", ANSWER)):
        yield


def until_it_accepts(port: int) -> None:
    until = time.monotonic() + 20
    with closing(socket.socket()) as probe:
        while probe.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until, f"nobody listens on port {port}"
            time.sleep(0.05)


def wrk(port: int, script: Path, seconds: int = SECONDS) -> float:
    """Calls a second. Raises when an answer wasn't one."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


def arms(home: Path, functions: int, commands: Mapping[str, tuple[int, list[str]]]) -> Mapping[str, Arm]:
    script = home / "calls.lua"
    script.write_text(CALLS.format(functions=functions))

    def arm(port: int, command: list[str]) -> Arm:
        def once(_: int) -> float:
            with ExitStack() as stack:
                stack.enter_context(process(*command))
                until_it_accepts(port)
                wrk(port, script, seconds=1)
                return wrk(port, script)

        return once

    return {name: arm(port, command) for name, (port, command) in commands.items()}


def with_nginx(home: Path, _: None, functions: int) -> Mapping[str, Arm]:
    folder = export("nginx", home, functions)
    exported = nginx(home, "proxy", f"include {folder}/*.conf;")
    return arms(home, functions, {"ours": (EXPORTED, exported), "bare": (BARE, nginx(home, "bare", PASS))})


def with_haproxy(home: Path, _: None, functions: int) -> Mapping[str, Arm]:
    folder, haproxy = export("haproxy", home, functions), shutil.which("haproxy") or "/usr/sbin/haproxy"
    (home / "one.cfg").write_text("global\n    nbthread 1\n")
    (home / "bare.cfg").write_text(HAPROXY)
    one = [haproxy, "-db", "-f", str(home / "one.cfg"), "-f"]
    return arms(
        home,
        functions,
        {
            "ours": (EXPORTED, [*one, str(folder / "haproxy.cfg")]),
            "bare": (BARE, [*one, str(home / "bare.cfg")]),
        },
    )


MEANING: Final = {"ours": "with the exported routes", "bare": "everything passed on to one upstream"}

if __name__ == "__main__":
    run(
        __doc__,
        ("functions", 500),
        Benchmark("nginx", MEANING, upstream, with_nginx),
        Benchmark("haproxy", MEANING, upstream, with_haproxy),
    )
