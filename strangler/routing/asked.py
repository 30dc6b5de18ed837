"""Asked: the head of a request as routing sees it, and what of its body. What few routes look at is read only when one does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

OPERATION: Final = "Envelope.Body.*"
"""The name of the kind `xml` under which routing asks for the operation of a SOAP body: the local name of the Body's first element."""

Wanted = Mapping[str, frozenset[str]]
"""What must be known of a body: kind (`json`, `form`, `xml`) → names, as `strangler.facade.peek` has them."""

Values = Mapping[tuple[str, str], str | None]
"""(kind, name) → the value in the body, None where it isn't there."""


class Who(NamedTuple):
    """Who asks. `caller` keeps a caller on one side; `claims` and `roles` are those of its identity, where the facade verified one."""

    caller: str
    claims: Mapping[str, Any] = {}
    roles: tuple[str, ...] = ()


class Asked:
    """A request's head. `target` as it was sent, percent-encoded: path and query. `headers` by lower-case name; those that
    came more than once are joined by `, ` (cookies by `; `)."""

    __slots__ = ("_cookies", "_query", "headers", "method", "path", "target")

    def __init__(self, method: str, target: str, headers: Mapping[str, str], path: str | None = None) -> None:
        """`path` is that of the target, where it is known already."""
        self.method, self.target, self.headers = method, target, headers
        self.path = target.partition("?")[0] if path is None else path
        self._query: Mapping[str, tuple[str, ...]] | None = None
        self._cookies: Mapping[str, tuple[str, ...]] | None = None

    @property
    def host(self) -> str:
        """The host in lower case, without its port and without the dot that may end it."""
        host = self.headers.get("host", "").lower()
        return (
            host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0].removesuffix(".")
        )

    @property
    def query(self) -> Mapping[str, tuple[str, ...]]:
        """Name → its values in the query, decoded, in their order; also those that some servers alone find: to which `;` parts too, or
        which take ` action` and `action[]` for `action`, as PHP does."""
        if self._query is None:
            query = self.target.partition("?")[2]
            pairs = [_decoded(pair) for pair in query.split("&")]
            if ";" in query:
                pairs += [_decoded(pair) for pair in query.replace(";", "&").split("&")]
            if _ODD.search(query):
                pairs += [(plain, value) for name, value in pairs if (plain := _plain(name)) != name]
            self._query = _by_name(pairs)
        return self._query

    @property
    def cookies(self) -> Mapping[str, tuple[str, ...]]:
        """Name → its values; servers differ in which one they obey when there are several."""
        if self._cookies is None:
            pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
            self._cookies = _by_name((name, value) for name, _, value in pairs)
        return self._cookies

    @property
    def methods(self) -> tuple[str, ...]:
        """The method, and what a header puts in its place for servers that heed it; they do for POST only."""
        if self.method != "POST":
            return (self.method,)
        others = (self.headers.get(name) for name in _OVERRIDES)
        return self.method, *(other.strip().upper() for other in others if other)

    @property
    def actions(self) -> tuple[str, ...]:
        """What the head of a SOAP call says that it asks for, whole and its last part alone: SOAPAction, or the parameter of the media
        type. Empty for nothing."""
        action = self.headers.get("soapaction")
        if action is None:
            action = self.headers.get("content-type", "").partition("action=")[2].partition(";")[0]
        action = action.strip().strip('"')
        return (action, _PARTS.split(action)[-1]) if action else ()


_PARTS: Final = re.compile("[/#:]")
_OVERRIDES: Final = ("x-http-method-override", "x-http-method", "x-method-override")


_ODD: Final = re.compile(r"[%+.\[]")


def _plain(name: str) -> str:
    """A name in a query as PHP has it."""
    name = name.lstrip(" ").partition("\0")[0].partition("[")[0]
    return name.replace(".", "_").replace(" ", "_")


def _decoded(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    if "%" in pair or "+" in pair:
        return unquote_plus(name, errors="surrogateescape"), unquote_plus(value, errors="surrogateescape")
    return name, value


def _by_name(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if name:
            found[name] = (*found.get(name, ()), value)
    return found
