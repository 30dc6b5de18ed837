"""An ERP of one's own: an HTTP server, as a process, before the database with the sales orders; nobody may write its tables but it.

    python -m tests.returning.erp URL [CERTIFICATE]

prints its port; with a file of a certificate and its key it speaks HTTPS. `POST /orders`, `PUT`, `PATCH` and `DELETE /orders/ID`, each one
transaction; credentials are wanted. `GET /log` tells what was asked so far, and `POST /next` how the next writing requests go wrong: `503`
and `422` do nothing, `500 done` does it and answers that, `late` does it and doesn't answer, `lost` does nothing and doesn't answer, `slow`
does it when whoever asked has given up, `other` writes something else. A key that it is at work for, or has done, is `409`, and isn't done
once more.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.returning.authority import Certified

TOKEN: Final = "Bearer secret"

SLOW: Final = 4.0
"""Seconds: more than who asks waits for the answer and for the tables together."""

_COLUMNS: Final = ("code", "customer", "state", "total", "ordered")
_LINE: Final = ("pos", "article", "quantity", "price")


class Erp:
    """The server, as a test sees it."""

    def __init__(self, port: int, authority: Path | None = None) -> None:
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
        self._context = ssl.create_default_context(cafile=str(authority)) if authority else None

    def log(self) -> list[dict[str, Any]]:
        """The writing requests that came: method, path, key, body."""
        with urllib.request.urlopen(f"{self.url}/log", timeout=10, context=self._context) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def next(self, *wrong: str) -> None:
        request = urllib.request.Request(f"{self.url}/next", json.dumps(wrong).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10, context=self._context).close()


@contextmanager
def serving(url: str, certified: Certified | None = None) -> Iterator[Erp]:
    command = [
        sys.executable,
        "-m",
        "tests.returning.erp",
        url,
        *([str(certified.certificate)] if certified else []),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Erp(int(process.stdout.readline()), certified and certified.authority)
        process.kill()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/log":
            self._answer(200, self.server.asked)
        elif self.headers["Authorization"] != TOKEN:
            self._answer(401, {"error": "who are you?"})
        else:
            self._answer(200, {})

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/next":
            self.server.wrong = list(body)
            self._answer(200, {})
        else:
            self._write(body)

    def do_PUT(self) -> None:
        self._write(self._body())

    do_PATCH = do_DELETE = do_PUT

    def _body(self) -> Any:
        text = self.rfile.read(int(self.headers["Content-Length"] or 0))
        return json.loads(text) if text else None

    def _write(self, body: Any) -> None:
        if self.headers["Authorization"] != TOKEN:
            self._answer(401, {"error": "who are you?"})
            return
        key = self.headers["Idempotency-Key"]
        self.server.asked.append({"method": self.command, "path": self.path, "key": key, "body": body})
        wrong = self.server.wrong.pop(0) if self.server.wrong else ""
        if key in self.server.keys:
            self._answer(409, {"error": "I know"})
        elif wrong.isdecimal():
            self._answer(int(wrong), {"error": "not now"})
        else:
            self._at_work(key, wrong, body)

    def _at_work(self, key: str, wrong: str, body: Any) -> None:
        if wrong == "other":
            body = body | {"customer": "somebody else"}
        if wrong != "lost":
            self.server.keys.add(key)
        if wrong == "slow":
            time.sleep(SLOW)
        if wrong != "lost":
            with _connected(self.server.url) as connection:
                self._do(connection.cursor(), body)
                connection.commit()
        if wrong not in ("late", "lost", "slow"):
            self._answer(int(wrong.split()[0]) if wrong.endswith(" done") else 200, {})

    def _do(self, cursor: Any, body: Any) -> None:
        number = int(self.path.rpartition("/")[2]) if self.path.count("/") == 2 else None
        if self.command == "DELETE":
            cursor.execute("DELETE FROM order_line WHERE order_id = %s", (number,))
            cursor.execute("DELETE FROM sale_order WHERE id = %s", (number,))
            return
        given = {name: body[name] for name in _COLUMNS if name in body}
        names, places = ", ".join(given), ", ".join(["%s"] * len(given))
        if number is None:
            cursor.execute(
                f"INSERT INTO sale_order ({names}) VALUES ({places}) RETURNING id", [*given.values()]
            )
            [[number]] = cursor.fetchall()
        elif given:
            sets = ", ".join(f"{name} = %s" for name in given)
            cursor.execute(f"UPDATE sale_order SET {sets} WHERE id = %s", [*given.values(), number])
        if "lines" in body:
            cursor.execute("DELETE FROM order_line WHERE order_id = %s", (number,))
            for line in body["lines"]:
                values = [line.get(name) for name in _LINE]
                cursor.execute(
                    f"INSERT INTO order_line (order_id, {', '.join(_LINE)}) VALUES (%s, %s, %s, %s, %s)",
                    [number, *values],
                )

    def _answer(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *anything: Any) -> None:
        """What was asked is told by /log."""


class _Server(ThreadingHTTPServer):
    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.keys: set[str] = set()


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    """Of its own, with nothing of Strangler: it is a process for each test, and begins at once."""
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        import psycopg

        opened: Any = psycopg.connect(url)
    else:
        import pymysql

        opened = pymysql.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or "",
            database=parts.path[1:], charset="utf8mb4",
        )  # fmt: skip
    with closing(opened) as connection:
        yield connection


if __name__ == "__main__":
    server = _Server(sys.argv[1])
    if len(sys.argv) > 2:
        speaking = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        speaking.load_cert_chain(sys.argv[2])
        server.socket = speaking.wrap_socket(server.socket, server_side=True)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
