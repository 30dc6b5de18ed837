"""A workplace: proteus, Tryton's own client library, over JSON-RPC, against Tryton or whatever stands in its place.

proteus itself speaks XML-RPC or runs inside of a server; its models don't mind how their calls travel. A call that is answered 503
with Retry-After hasn't happened and is made again; whatever else isn't an answer goes to whoever called.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import proteus
import proteus.config

from examples.tryton.rpc import Rejected, Session
from examples.tryton.tally import Tally

PATIENCE: Final = 60.0
"""Seconds for which a call is repeated while it is answered 503 with Retry-After."""

SUGGESTING: Final = ("on_change", "on_change_with")
"""Methods by which Tryton's own forms fill in what follows from what was typed."""


class Workplace(proteus.config.Config):  # type: ignore[misc]
    """A user's session, for proteus. Belongs to one thread. `url` is the database's."""

    def __init__(self, url: str, login: str, password: str, tally: Tally) -> None:
        super().__init__()
        self.session = Session(url)
        self.session.login(login, password)
        self.user = login
        self.elsewhere: frozenset[str] = frozenset()
        """Models that are worked on in pages of the new service: nobody asks Tryton's forms, which would read the record in Tryton."""
        self._tally = tally
        self._methods: list[str] = []
        self._context = self.call("model.res.user.get_preferences", True, {})
        self.session.context = self._context

    def model(self, name: str) -> Any:
        """proteus's class for a model."""
        return proteus.Model.get(name, self)

    def get_proxy(self, name: str, type: str = "model") -> Any:
        return _Proxy(f"{type}.{name}", partial(self._asked, name))

    def get_proxy_methods(self, name: str, type: str = "model") -> list[str]:
        self._methods = self._methods or self.call("system.listMethods")
        prefix = f"{type}.{name}."
        return [
            each.removeprefix(prefix)
            for each in self._methods
            if each.startswith(prefix) and "." not in each.removeprefix(prefix)
        ]

    def _asked(self, model: str, method: str, *params: Any) -> Any:
        if model in self.elsewhere and method.rpartition(".")[2] in SUGGESTING:
            return {}
        return self.call(method, *params)

    def call(self, method: str, *params: Any) -> Any:
        """Make a call, again and again while a fence is up. Raises Rejected, Fault, OSError or http.client.HTTPException."""
        deadline = time.monotonic() + PATIENCE
        while True:
            started = time.monotonic()
            try:
                result = self.session.call(method, *params)
            except Rejected as error:
                if error.status != 503 or error.retry_after is None or started > deadline:
                    raise
                self._tally.repeat()
                time.sleep(error.retry_after)
            else:
                self._tally.succeed(method, time.monotonic() - started)
                return result


class _Proxy:
    def __init__(self, prefix: str, call: Callable[..., Any]) -> None:
        self._prefix, self._call = prefix, call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self._call(f"{self._prefix}.{name}", *arguments)
