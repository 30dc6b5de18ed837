"""URLs: of databases shown without their password, told apart by kind, and seen from a folder; of others, whether the way is safe.

Nothing here connects anywhere or needs a driver, so that every part may use it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_PASSWORD: Final = re.compile(r"(?P<before>://[^:/?#@]*):(?P<password>.*)@", re.DOTALL)
_PARAMETER: Final = re.compile(
    r"(?P<before>[?&](?:password|pass|token|secret|sslpassword)=)[^&#]*", re.IGNORECASE
)
_SCHEME: Final = re.compile(r"^(?P<kind>[a-z][a-z0-9_]*)(?:\+[a-z0-9_]+)?://", re.IGNORECASE)

MEMORY: Final = ":memory:"
"""The path of a SQLite database that lives in memory only."""


def display(url: str) -> str:
    """The URL as it may be shown: `***` stands for its password.

    A password with an unescaped `@` or `/` in it is hidden too; rather too much is hidden than too little.
    """
    hidden = _PASSWORD.sub(r"\g<before>:***@", url, count=1)
    return _PARAMETER.sub(r"\g<before>***", hidden)


def unescaped(url: str) -> bool:
    """Whether the password has an `@` or `/` that isn't percent-encoded: drivers then take its end for the host, and name it."""
    match = _PASSWORD.search(url)
    return match is not None and any(sign in match["password"] for sign in "@/")


def kind(url: str) -> str:
    """What the URL leads to, without its driver: `postgresql`, `sqlite`, `http`; empty if it is no URL."""
    match = _SCHEME.match(url)
    if not match:
        return ""
    name = match["kind"].lower()
    return "postgresql" if name == "postgres" else name


def sqlite_path(url: str) -> str:
    """The file of a `sqlite:///` URL (or `:memory:`). Raises ValueError for any other URL."""
    if kind(url) != "sqlite":
        raise ValueError(f"not a SQLite URL: {display(url)}")
    path = url.split("://", 1)[1].split("?", 1)[0].removeprefix("/")
    return path or MEMORY


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def anchored(url: str, folder: Path) -> str:
    """A relative SQLite URL made absolute, seen from `folder`; every other URL as it is."""
    if kind(url) != "sqlite" or sqlite_path(url) == MEMORY:
        return url
    scheme, rest = url.split("://", 1)
    _, question, parameters = rest.partition("?")
    return f"{scheme}:///{(folder / sqlite_path(url)).resolve()}{question}{parameters}"


def is_local(host: str) -> bool:
    """Whether only this machine reaches the host."""
    return host in ("127.0.0.1", "::1", "localhost")


def is_trusted_way(url: str) -> bool:
    """Whether what comes from an HTTP URL is what its host says: by https, or without leaving this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_local(host)))
