"""An ERP of one's own: an HTTP server, as a process, before the PostgreSQL with the sales orders; nobody may write its tables but it.

    python -m tests.returning.erp URL

prints its port. `POST /orders`, `PUT`, `PATCH` and `DELETE /orders/ID`, each one transaction; credentials are wanted. `GET /log` tells
what was asked so far, and `POST /next` how the next writing requests go wrong: `503` and `422` do nothing, `late` does it and doesn't
answer, `lost` does nothing and doesn't answer, `other` writes something else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import psycopg

TOKEN: Final = "Bearer secret"

_COLUMNS: Final = ("code", "customer", "state", "total", "ordered")
_LINE: Final = ("pos", "article", "quantity", "price")


class Erp:
    """The server, as a test sees it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def log(self) -> list[dict[str, Any]]:
        """The writing requests that came: method, path, key, body."""
        with urllib.request.urlopen(f"{self.url}/log", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def next(self, *wrong: str) -> None:
        request = urllib.request.Request(f"{self.url}/next", json.dumps(wrong).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def serving(url: str) -> Iterator[Erp]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.returning.erp", url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield Erp(int(process.stdout.readline()))
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
        if wrong.isdecimal():
            self._answer(int(wrong), {"error": "not now"})
            return
        if wrong == "other":
            body = body | {"customer": "somebody else"}
        if wrong != "lost":
            with psycopg.connect(self.server.url) as connection:
                self._do(connection, body)
        if wrong not in ("late", "lost"):
            self._answer(200, {})

    def _do(self, connection: psycopg.Connection[Any], body: Any) -> None:
        number = int(self.path.rpartition("/")[2]) if self.path.count("/") == 2 else None
        if self.command == "DELETE":
            connection.execute("DELETE FROM order_line WHERE order_id = %s", (number,))
            connection.execute("DELETE FROM sale_order WHERE id = %s", (number,))
            return
        given = {name: body[name] for name in _COLUMNS if name in body}
        names, places = ", ".join(given), ", ".join(["%s"] * len(given))
        if number is None:
            made = connection.execute(
                f"INSERT INTO sale_order ({names}) VALUES ({places}) RETURNING id", [*given.values()]
            )
            [[number]] = made.fetchall()
        elif given:
            sets = ", ".join(f"{name} = %s" for name in given)
            connection.execute(f"UPDATE sale_order SET {sets} WHERE id = %s", [*given.values(), number])
        if "lines" in body:
            connection.execute("DELETE FROM order_line WHERE order_id = %s", (number,))
            for line in body["lines"]:
                values = [line.get(name) for name in _LINE]
                connection.execute(
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


if __name__ == "__main__":
    server = _Server(sys.argv[1])
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
