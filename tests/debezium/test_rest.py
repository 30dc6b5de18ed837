"""Kafka Connect's REST interface where it refuses, is busy, or isn't there: a small HTTP server answers as Connect does."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from strangler.errors import SourceError, Unavailable
from strangler_connectors.debezium import rest
from strangler_connectors.debezium.rest import Connect


class Answering(ThreadingHTTPServer):
    """Gives the answers in order, the last one again and again; keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[tuple[str, str, Any, str | None]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.asked.append((self.command, self.path, body, self.headers.get("Authorization")))
        status, said = self.server.answers[0] if len(self.server.answers) == 1 else self.server.answers.pop(0)
        text = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def error(code: int, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"error_code": code, "message": message}


def test_a_rebalance_is_waited_out(server: Answering) -> None:
    server.answers = [error(409, "a rebalance is in process"), error(409, "still"), (200, {"tasks.max": "1"})]
    assert Connect("erp", f"http://{server.host}").config("c") == {"tasks.max": "1"}
    assert len(server.asked) == 3


def test_a_rebalance_that_does_not_end_is_said(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PATIENCE", 0.05)
    server.answers = [error(409, "a rebalance is in process")]
    with pytest.raises(Unavailable, match="is rebalancing"):
        Connect("erp", f"http://{server.host}").resume("c")


def test_what_connect_does_not_have_is_none(server: Answering) -> None:
    server.answers = [error(404, "No status found for connector c")]
    connect = Connect("erp", f"http://{server.host}")
    assert connect.config("c") is None
    assert connect.status("c") is None


def test_a_connector_s_name_is_part_of_a_path(server: Answering) -> None:
    server.answers = [(200, {})]
    Connect("erp", f"http://{server.host}/base/").config("a b")
    assert server.asked[0][1] == "/base/connectors/a%20b/config"


@pytest.mark.parametrize(("status", "said"), [(404, "<html>not here</html>"), (200, "<html>hello</html>")])
def test_something_else_at_that_address_is_not_taken_for_connect(
    server: Answering, status: int, said: str
) -> None:
    server.answers = [(status, said)]
    with pytest.raises(SourceError, match="isn't Kafka Connect"):
        Connect("erp", f"http://{server.host}").config("c")


def test_a_refusal_is_told_in_connects_words(server: Answering) -> None:
    server.answers = [error(400, "Connector configuration is invalid")]
    with pytest.raises(SourceError) as caught:
        Connect("erp", f"http://{server.host}").register("c", {"a": "1"})
    assert caught.value.why == "Connector configuration is invalid"


def test_a_failure_of_connect_may_pass(server: Answering) -> None:
    server.answers = [error(500, "Request timed out")]
    with pytest.raises(Unavailable, match="Request timed out"):
        Connect("erp", f"http://{server.host}").connectors()


def test_access_that_is_refused_is_told(server: Answering) -> None:
    server.answers = [(401, "")]
    with pytest.raises(SourceError, match="refuses access"):
        Connect("erp", f"http://{server.host}").connectors()


def test_user_and_password_are_sent_and_never_shown(server: Answering) -> None:
    server.answers = [(401, "")]
    with pytest.raises(SourceError) as caught:
        Connect("erp", f"http://me:p%40ss@{server.host}").connectors()
    assert server.asked[0][3] == "Basic bWU6cEBzcw=="
    assert "p%40ss" not in str(caught.value)


def test_what_a_property_lacks_is_told_for_each(server: Answering) -> None:
    values = [
        ("database.hostname", ["can't connect"]),
        ("tasks.max", []),
        ("topic.prefix", ["is missing", "is invalid"]),
    ]
    configs = [{"value": {"name": name, "errors": errors}} for name, errors in values]
    server.answers = [(200, {"configs": configs})]
    wrong = Connect("erp", f"http://{server.host}").validate({"connector.class": "x.Y"})
    assert [(each.property, each.errors) for each in wrong] == [
        ("database.hostname", ("can't connect",)), ("topic.prefix", ("is missing", "is invalid")),
    ]  # fmt: skip
    assert server.asked[0][:2] == ("PUT", "/connector-plugins/x.Y/config/validate")


def test_nobody_there_may_pass() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="doesn't answer") as caught:
            Connect("erp", f"http://127.0.0.1:{taken.getsockname()[1]}").connectors()
    assert "Connection refused" in caught.value.why


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unavailable, match="timed out"):
        Connect("erp", f"http://127.0.0.1:{silent.getsockname()[1]}").connectors()
