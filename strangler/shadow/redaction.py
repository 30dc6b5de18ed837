"""Redaction: what of a call and of a difference is kept for people. Pure.

Three things go: credentials, wherever they stand; what looks like a secret, whatever it is called; and the values of sensitive
fields (`strangler.sensitive`). Paths stay, and so do names: by them people see which call it was and what differed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from strangler.facade.protocol import Request
from strangler.sensitive import MASK, masked
from strangler.shadow.compare import Difference
from strangler.shadow.reading import fields

SHOWN: Final = 500
"""Characters of a value that are kept: an example, not a copy."""

REQUEST_SHOWN: Final = 4000
"""Characters of a call that are kept."""

_CREDENTIAL: Final = re.compile(
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_]?key|access[-_]?key|auth(?:orization)?|bearer|credential|cookie|"
    r"j?session(?:[-_]?id)?|(?:phpses)?sid|jwt|signature|sig|csrf|xsrf|otp|pin|cvv|private[-_]?key",
    re.IGNORECASE,
)
"""Names of what is a credential, whole or as a word of a longer name: `x_api_key`, `newPassword`."""

_SECRET: Final = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|(?:Bearer|Basic|Session|Negotiate|Digest)\s+\S{6,}"
    r"|\$2[aby]\$\d\d\$\S{20,}|\$argon2\S{10,}"
    r"|(?:sk|pk|rk|gh[opsu]|xox[abpr])[-_][\w-]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""What looks like a secret wherever it stands."""

_OPAQUE: Final = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])[A-Za-z0-9+/_=-]{32,}")
"""A long text of letters and digits without a blank: in the query of a call a key more often than not."""

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def is_credential(name: str) -> bool:
    """Whether something that is called so is a credential."""
    if _CREDENTIAL.fullmatch(name):
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    pairs = [f"{one}{other}" for one, other in pairwise(words)]
    return any(_CREDENTIAL.fullmatch(each) for each in (*words, *pairs))


def call(request: Request, operation: str | None, hidden: frozenset[str]) -> str:
    """A call in words: method, path, query and body without what people needn't see. `hidden`: names of sensitive values, lower case.

    Where there are sensitive ones the query keeps its names only, and of the body nothing is kept: callers search by values, in
    whatever place.
    """
    path, mark, query = request.target.partition("?")
    target = path + mark + _query(query, hidden)
    body = (operation or "") if hidden else _body(request, hidden)
    return storable(f"{request.method} {target} {body}".strip(), REQUEST_SHOWN)


def difference(found: Difference, hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A difference as it is kept: its values short, and masked where they stand under a name that is hidden, or are secrets."""
    within = any(_is_hidden(str(step), hidden) for step in found.steps)
    show = masked if within else lambda value: hide(value, hidden)
    values = {"legacy": _brief(show(found.legacy)), "new": _brief(show(found.new))}
    return {"path": storable(found.path), "kind": found.kind, **values}


def hide(value: Any, hidden: Collection[str]) -> Any:
    """A JSON value without what stands in it under such a name, and without secrets."""
    if isinstance(value, Mapping):
        return {
            name: masked(each) if _is_hidden(str(name), hidden) else hide(each, hidden)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [hide(each, hidden) for each in value]
    return _SECRET.sub(MASK, value) if isinstance(value, str) else value


def _is_hidden(name: str, hidden: Collection[str]) -> bool:
    return name.lower() in hidden or is_credential(name)


def _query(query: str, hidden: frozenset[str]) -> str:
    return "&".join(_parameter(each, hidden) for each in query.split("&")) if query else ""


def _parameter(parameter: str, hidden: frozenset[str]) -> str:
    name, equals, value = parameter.partition("=")
    if not equals:
        return MASK if hidden or _OPAQUE.fullmatch(unquote_plus(name)) else name
    clear = unquote_plus(value)
    if hidden or is_credential(unquote_plus(name)) or _SECRET.search(clear) or _OPAQUE.fullmatch(clear):
        return f"{name}={quote(MASK, safe='*')}"
    return parameter


def _body(request: Request, hidden: frozenset[str]) -> str:
    """The body of a call, if it is JSON or a form; of anything else how much there was."""
    kind = next((value for name, value in request.headers if name == "content-type"), "")
    if not request.body:
        return ""
    try:
        if "x-www-form-urlencoded" in kind:
            return written(hide(fields(request.body.decode()), hidden))
        return written(hide(json.loads(request.body, parse_float=Decimal), hidden))
    except (ValueError, RecursionError):
        return f"({len(request.body):,} bytes of {kind or 'no known type'})"


def written(value: Any) -> str:
    """A JSON value as text, its numbers with all their digits."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def storable(text: str, limit: int = SHOWN) -> str:
    """A text as any database takes it: no NUL, no half of a surrogate pair, and no more than `limit` characters."""
    whole = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def _brief(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 64 else str(value)
    return storable(written(value) if isinstance(value, dict | list) else str(value))
