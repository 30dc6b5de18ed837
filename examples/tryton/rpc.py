"""Tryton's JSON-RPC as its own desktop client speaks it: a session, one connection, one call at a time.

Nothing here knows whether a Tryton server or the facade answers.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import itertools
import json
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from strangler.errors import StranglerError, Unavailable

IDLE: Final = 2.0
"""Seconds after which a kept connection is opened anew: a server may be about to close it."""


class Fault(StranglerError):
    """The ERP refused the call: HTTP 200 with an `error` in the answer. `name` is its kind, e.g. `UserError`, `details` what it says."""

    def __init__(self, error: list[Any]) -> None:
        super().__init__(": ".join(str(part) for part in error[:2]))
        self.name, self.details = str(error[0]), error[1]


class Rejected(StranglerError):
    """An answer that isn't 200. `retry_after` is in seconds, None when the server didn't name any."""

    def __init__(self, status: int, body: str, retry_after: float | None) -> None:
        super().__init__(f"HTTP {status}: {body[:300]}")
        self.status, self.retry_after = status, retry_after


class Session:
    """A user's session. Belongs to one thread.

    `url` is the database's, e.g. `http://127.0.0.1:8000/tryton`. A call raises Fault, Rejected, or OSError and
    http.client.HTTPException when the connection breaks; it is never repeated here, since a write may have happened.
    """

    def __init__(self, url: str, *, timeout: float = 60) -> None:
        parts = urlsplit(url)
        if parts.hostname is None:
            raise Unavailable(f"not the URL of a Tryton database: {url}")
        self._path = f"{parts.path.rstrip('/')}/rpc/"
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        self._ids = itertools.count()
        self._used = 0.0
        self.context: dict[str, Any] = {}

    def login(self, user: str, password: str) -> None:
        """Log in; every later call carries the session."""
        user_id, token, _ = self.call("common.db.login", user, {"password": password}, "en")
        credentials = base64.b64encode(f"{user}:{user_id}:{token}".encode()).decode()
        self._headers["Authorization"] = f"Session {credentials}"

    def model(self, name: str, *arguments: Any) -> Any:
        """Call a model's method, e.g. `model("party.party.read", [1, 2], ["name"])`; the context is added."""
        return self.call(f"model.{name}", *arguments, self.context)

    def call(self, method: str, *params: Any) -> Any:
        """Call any method and give its result."""
        answer = self._post({"id": next(self._ids), "method": method, "params": list(params)})
        if "error" in answer:
            raise Fault(answer["error"])
        return answer["result"]

    def close(self) -> None:
        self._connection.close()

    def _post(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if time.monotonic() - self._used > IDLE:
            self._connection.close()
        try:
            self._connection.request("POST", self._path, json.dumps(request, default=_encode), self._headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        self._used = time.monotonic()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if response.status != 200:
            raise Rejected(
                response.status, body.decode(errors="replace"), _seconds(response.headers.get("Retry-After"))
            )
        answer: dict[str, Any] = json.loads(body, object_hook=_decode)
        return answer


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdigit() else None


_DECODERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "datetime": lambda v: datetime(
        v["year"], v["month"], v["day"], v["hour"], v["minute"], v["second"], v["microsecond"]
    ),
    "date": lambda v: date(v["year"], v["month"], v["day"]),
    "Decimal": lambda v: Decimal(v["decimal"]),
    "bytes": lambda v: base64.decodebytes(v["base64"].encode()),
}


def _decode(value: dict[str, Any]) -> Any:
    decoder = _DECODERS.get(value.get("__class__", ""))
    return decoder(value) if decoder else value


def _encode(value: Any) -> dict[str, Any]:
    if isinstance(value, datetime):
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime", **{part: getattr(value, part) for part in parts}}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON")
