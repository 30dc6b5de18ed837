"""Asked: the head of a request as routing sees it. What few routes look at is read only when one does."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl


class Asked:
    """A request's head. `target` as it was sent, percent-encoded: path and query. `headers` by lower-case name; those that
    came more than once are joined by `, ` (cookies by `; `)."""

    __slots__ = ("_cookies", "_query", "headers", "method", "path", "target")

    def __init__(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        self.method, self.target, self.headers = method, target, headers
        self.path = target.partition("?")[0]
        self._query: Mapping[str, tuple[str, ...]] | None = None
        self._cookies: Mapping[str, str] | None = None

    @property
    def host(self) -> str:
        """The host in lower case, without its port."""
        host = self.headers.get("host", "").lower()
        return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]

    @property
    def query(self) -> Mapping[str, tuple[str, ...]]:
        """Name → its values in the query, decoded, in their order."""
        if self._query is None:
            pairs = parse_qsl(self.target.partition("?")[2], keep_blank_values=True, errors="surrogateescape")
            found: dict[str, tuple[str, ...]] = {}
            for name, value in pairs:
                found[name] = (*found.get(name, ()), value)
            self._query = found
        return self._query

    @property
    def cookies(self) -> Mapping[str, str]:
        """Name → value; of a name that comes twice the first, as servers differ in which one they obey."""
        if self._cookies is None:
            pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
            self._cookies = {name: value for name, _, value in reversed(list(pairs)) if name}
        return self._cookies
