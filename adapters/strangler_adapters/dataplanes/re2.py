"""Paths and parts of a head as regular expressions of RE2, which Envoy and most gateways of Kubernetes have: no look-ahead, whole text.

Those proxies see a path as it was sent. A segment of a template fits it in either spelling, `$batch` and `%24batch`; where letters,
digits or `-._~` are percent-encoded, which no client does without a reason, a request is unclear (`ODD`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from strangler.routing.paths import Rank, Template

BAD: Final = (
    r"(?i).*(?:/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:(?:/|\\|;|%2f|%5c|%3b).*)?"
    r"|(?i).*(?:%(?:[^0-9a-f]|$|[0-9a-f](?:[^0-9a-f]|$))|%[01][0-9a-f]|%7f|[^!-~]).*"
)
"""Paths that everybody refuses: dot segments, and what encodes nothing or can't be shown."""

_UNRESERVED: Final = "%2d|%2e|%3[0-9]|%4[1-9a-f]|%5[0-9af]|%6[1-9a-f]|%7[0-9ae]"


def odd(ignore_case: bool) -> str:
    """Paths that servers read in several ways, or that are spelled as these expressions don't expect."""
    folded = "|%[89a-f][0-9a-f]" if ignore_case else ""
    return rf"(?i).*(?:%2f|%5c|%3b|%25[0-9a-f]{{2}}|\\|;|#|{_UNRESERVED}{folded}).*"


def is_plain(template: Template) -> bool:
    """Whether all of it is literal and has one spelling; a remainder at its end aside."""
    return all(
        rank is Rank.LITERAL and is_plain_text(text) for rank, text in template if rank is not Rank.REST
    )


def is_plain_text(text: str) -> bool:
    """Whether a segment has one spelling."""
    return re.fullmatch(r"[\w.~-]+", text, re.ASCII) is not None


def literals(template: Template) -> str:
    """The literal segments at its beginning, as a path without a slash at its end."""
    found = ""
    for rank, text in template:
        if rank is not Rank.LITERAL:
            break
        found += f"/{text}"
    return found


def path(template: Template, ignore_case: bool) -> str:
    """The paths that a template takes."""
    pattern = "(?i)" if ignore_case else ""
    for rank, text in template:
        if rank is Rank.REST:
            return f"{pattern}(?:/.*)?" if len(template) > 1 else f"{pattern}/.*"
        pattern += f"/{_segment(rank, text)}"
    return f"{pattern}/?"


def _segment(rank: Rank, text: str) -> str:
    if rank is Rank.NAMED:
        return "[^/]+"
    if rank is Rank.SET:
        return rf"(?:[^/(]*\.)?{spelled(text)}(?:\([^/]*)?"
    return spelled(text)


def spelled(text: str) -> str:
    """A segment in each spelling that it has."""
    return "".join(_byte(byte) for byte in text.encode(errors="surrogateescape"))


def _byte(byte: int) -> str:
    character = chr(byte)
    if character.isascii() and (character.isalnum() or character in "-._~"):
        return re.escape(character)
    coded = "%" + "".join(
        f"[{digit}{digit.lower()}]" if digit.isalpha() else digit for digit in f"{byte:02X}"
    )
    if "!" <= character <= "~" and character not in "%/?#":
        return f"(?:{re.escape(character)}|{coded})"
    return coded


def any_of(texts: Iterable[str]) -> str:
    """One of these texts, letter by letter."""
    return "|".join(re.escape(text) for text in sorted(texts))


def host(name: str) -> str:
    """A host as it stands in `:authority`; `*.` is all below it."""
    wide = r"[^:]+\." if name.startswith("*.") else ""
    return rf"(?i){wide}{re.escape(name.removeprefix('*.'))}\.?(?::[0-9]*)?"


def cookie(name: str, values: Iterable[str] | None) -> str:
    """A Cookie header with one of these values of the name; None: with any."""
    value = "[^;]*" if values is None else f" *(?:{any_of(values)}) *"
    return rf"(?:.*;)?[ \t]*{re.escape(name)}={value}(?:;.*)?"


def cookie_twice(name: str) -> str:
    """A Cookie header that has the name several times."""
    return rf"(?:.*;)?[ \t]*{re.escape(name)}=.*;[ \t]*{re.escape(name)}=.*"


def query_unclear(name: str) -> str:
    """A target in whose query servers find different values of the name: said twice, encoded, or parted by semicolons."""
    name = re.escape(name)
    pairs = [".*;.*", "(?:.*&)?[^=&]*[%+].*", f"(?:.*&)?{name}=[^&]*[%+].*"]
    pairs.append(f"(?:.*&)?{name}(?:=[^&]*)?&(?:.*&)?{name}(?:[=&].*)?")
    return rf"[^?]*\?(?:{'|'.join(pairs)})"
