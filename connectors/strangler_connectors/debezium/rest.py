"""Kafka Connect's REST interface, with the standard library alone: few calls, no stream, nothing to pool.

What Connect refuses becomes an error that says so in its words; a rebalance (409) passes by itself and is waited out.
The interface is that of Apache Kafka 3.7 and later, where offsets can be removed and a connector can be registered before it runs.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from strangler.errors import SourceError, StranglerError, Unavailable

TIMEOUT: Final = 30.0
"""Seconds for one answer. A validation connects to the legacy database, which may take a while."""

PATIENCE: Final = 60.0
"""Seconds for which a rebalance is waited out; Connect's own are over in a few."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class NotFound(SourceError):
    """Connect doesn't have what was asked for."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """A property that a connector doesn't accept as it is, and why."""

    property: str
    errors: tuple[str, ...]


class Connect:
    """Kafka Connect at `url`, for the source called `name`. Keeps no connection. The attribute `url` is without a password."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self.url = name, shown_url(url)
        parts = urlsplit(url)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if parts.username:
            who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {b64encode(who.encode()).decode()}"

    def plugins(self) -> list[str]:
        """The classes of the connectors that are installed."""
        return [each["class"] for each in self._call("GET", "/connector-plugins?connectorsOnly=true")]

    def connectors(self) -> list[str]:
        return list(self._call("GET", "/connectors"))

    def config(self, connector: str) -> dict[str, str] | None:
        """How a connector is registered, None if it isn't. Secrets are in it, unless a config provider keeps them."""
        found: dict[str, str] | None = self._find(f"/connectors/{quote(connector)}/config")
        return found

    def status(self, connector: str) -> dict[str, Any] | None:
        """`{"connector": {"state", "worker_id"}, "tasks": [{"id", "state", "worker_id", "trace"}]}`, None if it isn't registered."""
        found: dict[str, Any] | None = self._find(f"/connectors/{quote(connector)}/status")
        return found

    def offsets(self, connector: str) -> list[dict[str, Any]]:
        """Up to where the connector has read, in its own words; empty while nothing is stored, or if it isn't registered."""
        found = self._find(f"/connectors/{quote(connector)}/offsets") or {}
        return [each["offset"] for each in found.get("offsets", []) if each["offset"]]

    def validate(self, config: Mapping[str, str]) -> list[Invalid]:
        """What is wrong with a configuration. Connect's plugin connects to the legacy database for it."""
        path = f"/connector-plugins/{quote(config['connector.class'])}/config/validate"
        answer = self._call("PUT", path, dict(config))
        values = (each["value"] for each in answer["configs"])
        return [Invalid(each["name"], tuple(each["errors"])) for each in values if each["errors"]]

    def register(self, connector: str, config: Mapping[str, str]) -> None:
        """Register a connector, or bring one up to date; it is started (again)."""
        self._call("PUT", f"/connectors/{quote(connector)}/config", dict(config))

    def register_stopped(self, connector: str, config: Mapping[str, str]) -> None:
        """Register a connector that isn't there yet, without starting it."""
        body = {"name": connector, "config": dict(config), "initial_state": "STOPPED"}
        self._call("POST", "/connectors", body)

    def restart_failed(self, connector: str) -> None:
        """Start again what of the connector has failed."""
        self._call("POST", f"/connectors/{quote(connector)}/restart?includeTasks=true&onlyFailed=true")

    def resume(self, connector: str) -> None:
        """Let a connector run that was paused or stopped."""
        self._call("PUT", f"/connectors/{quote(connector)}/resume")

    def stop(self, connector: str) -> None:
        """Stop a connector and end its tasks; it stays registered."""
        self._call("PUT", f"/connectors/{quote(connector)}/stop")

    def forget(self, connector: str) -> None:
        """Remove a stopped connector's offsets, so that another one of this name begins anew."""
        self._call("DELETE", f"/connectors/{quote(connector)}/offsets")

    def remove(self, connector: str) -> None:
        """Remove a connector; its offsets stay."""
        self._call("DELETE", f"/connectors/{quote(connector)}")

    def _find(self, path: str) -> Any:
        try:
            return self._call("GET", path)
        except NotFound:
            return None

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        deadline, pause = time.monotonic() + PATIENCE, _FIRST_PAUSE
        while True:
            try:
                return self._once(method, path, body)
            except urllib.error.HTTPError as error:
                said = _said(error)
                if said is None:
                    raise self._stranger(f"it says {error.code} {error.reason}") from None
                if error.code != 409 or time.monotonic() > deadline:
                    raise self._refused(error.code, said) from None
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _once(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=self._headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                text = answer.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError:
            raise
        except (OSError, HTTPException) as error:
            raise Unavailable(
                f"source {self._name}: Kafka Connect at {self.url} doesn't answer",
                why=str(getattr(error, "reason", error)),
                do="see whether its workers run, and whether the option `connect` is right",
            ) from None
        except ValueError:
            raise self._stranger("the answer isn't JSON") from None

    def _stranger(self, why: str) -> SourceError:
        return SourceError(
            f"source {self._name}: what answers at {self.url} isn't Kafka Connect",
            why=why,
            do="correct the option `connect`: the base URL of Connect's REST interface, mostly port 8083",
        )

    def _refused(self, code: int, said: str) -> StranglerError:
        what = f"source {self._name}: Kafka Connect at {self.url}"
        if code == 404:
            return NotFound(f"{what} doesn't have it", why=said)
        if code == 409:
            return Unavailable(f"{what} is rebalancing", why=said, do="try again: it passes by itself")
        if code in (401, 403):
            cure = "put user and password into the option `connect`, or grant the access"
            return SourceError(f"{what} refuses access", why=said, do=cure)
        if code >= 500:
            return Unavailable(f"{what} failed", why=said, do="look into the log of its worker")
        return SourceError(f"{what} refused", why=said)


def shown_url(url: str) -> str:
    """The URL without user and password, and without a slash at its end."""
    parts = urlsplit(url.rstrip("/"))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _said(error: urllib.error.HTTPError) -> str | None:
    """Connect's own message; None for an answer that isn't of its making."""
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        # Connect leaves it to its web server to refuse who isn't known.
        return str(error.reason) if error.code in (401, 403) else None
