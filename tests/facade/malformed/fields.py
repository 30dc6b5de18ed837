"""Fields: header lines that are none, or more than one (RFC 9112, section 5; RFC 9110, section 5)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import TOO_LARGE, Asked, Case, breaks, either, get, passed, refused

MEGABYTE: Final = 1024 * 1024
R: Final = Asked("GET", "/w")


def has(name: str, value: str) -> Asked:
    return Asked("GET", "/w", headers={name: value})


NAMES: Final = [
    refused(f"a name with {chr(byte)!r}", "9110 5.1", get(b"X" + bytes((byte,)) + b"Y: 1\r\n"))
    for byte in b' \t"(),/;<=>?@[\\]{}\0\x01\x7f\x80\xff'
]
NAMES += [
    refused("a line without a colon", "9112 5", get(b"Foo\r\n")),
    refused("a line without a colon, of two words", "9112 5", get(b"Foo bar\r\n")),
    refused("an empty name", "9110 5.1", get(b": 1\r\n")),
    refused("only a colon", "9110 5.1", get(b":\r\n")),
    refused("a blank before the colon", "9112 5.1", get(b"Foo : 1\r\n")),
    refused("a tab before the colon", "9112 5.1", get(b"Foo\t: 1\r\n")),
    refused("a blank before the first name", "9112 2.2", b"GET /w HTTP/1.1\r\n Host: erp\r\n\r\n"),
    refused("a blank before the first name, and a good one", "9112 2.2", b"GET /w HTTP/1.1\r\n X: 1\r\nHost: erp\r\n\r\n"),
    refused("a name beyond ASCII", "9110 5.1", get("Größe: 1\r\n".encode())),
    refused("a name of a megabyte", "9110 5.4", get(b"X" * MEGABYTE + b": 1\r\n"), TOO_LARGE),
    passed("all characters that a name may have", "9110 5.6.2", get(b"!#$%&'*+-.^_`|~09azAZ: 1\r\n"), R),
]  # fmt: skip

VALUES: Final = [
    refused("NUL in a value", "9110 5.5", get(b"X: a\0b\r\n")),
    refused("a bare CR in a value", "9112 2.2", get(b"X: a\rb\r\n")),
    refused("a bare CR before a name", "9112 2.2", get(b"X: a\rEvil: b\r\n")),
    refused("a bare CR before the end", "9112 2.2", get(b"X: a\r\r\n")),
    refused("a bare CR as value", "9112 2.2", get(b"X:\r\r\n")),
    either("a bare LF in a value", "9112 2.2", get(b"X: a\nb: c\r\n"), R),
    either("a folded line", "9112 5.2", get(b"X: a\r\n b\r\n"), R),
    either("a line folded by a tab", "9112 5.2", get(b"X: a\r\n\tb\r\n"), R),
    either("a folded line of blanks only", "9112 5.2", get(b"X: a\r\n \r\n"), R),
    either("a folded line that looks like a field", "9112 5.2", get(b"X: a\r\n Evil: b\r\n"), Asked("GET", "/w", without=("evil",))),
    passed("an empty value", "9110 5.5", get(b"X-Empty:\r\n"), has("x-empty", "")),
    passed("a value of blanks", "9110 5.5", get(b"X-Empty: \t \r\n"), has("x-empty", "")),
    passed("a value without a blank before it", "9112 5", get(b"X-Y:1\r\n"), has("x-y", "1")),
    passed("a tab in a value", "9110 5.5", get(b"X-Y: a\tb\r\n"), has("x-y", "a\tb")),
    passed("colons in a value", "9110 5.5", get(b"X-Y: a: b:c\r\n"), has("x-y", "a: b:c")),
    passed("an escaped line end in a value", "9110 5.5", get(b"X-Y: a%0d%0aEvil: 1\r\n"), has("x-y", "a%0d%0aEvil: 1")),
    passed("UTF-8 in a value", "9110 5.5", get("X-Y: Straße\r\n".encode()), has("x-y", "Straße".encode().decode("latin-1"))),
    either("Latin-1 in a value", "9110 5.5", get(b"X-Y: Stra\xdfe\r\n"), has("x-y", "Stra\xdfe")),
    either("broken UTF-8 in a value", "9110 5.5", get(b"X-Y: \xc3(\r\n"), has("x-y", "\xc3(")),
    passed("the same name three times", "9110 5.3", get(b"X-Y: 1\r\nX-Y: 2\r\nx-y: 3\r\n"), R),
    passed("an @ in the name of a cookie", "6265 4.2.1", get(b"Cookie: a@b=1; c=2\r\n"), has("cookie", "a@b=1; c=2")),
    refused("a value of a megabyte", "9110 5.4", get(b"X: " + b"x" * MEGABYTE + b"\r\n"), TOO_LARGE),
    refused("fifty thousand lines", "9110 5.4", get(b"X: 1\r\n" * 50_000), TOO_LARGE),
    breaks("a megabyte of lines without end", "9110 5.4", b"GET /w HTTP/1.1\r\nHost: erp\r\n" + b"X: 1\r\n" * 170_000),
]  # fmt: skip
VALUES += [
    refused(f"{chr(byte)!r} in a value", "9110 5.5", get(b"X: a" + bytes((byte,)) + b"b\r\n"))
    for byte in (0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F)
]

ENDS: Final = [
    either("all lines end with a bare LF", "9112 2.2", b"GET /w HTTP/1.1\nHost: erp\n\n", R),
    either("the head ends with a bare LF", "9112 2.2", b"GET /w HTTP/1.1\r\nHost: erp\r\n\n", R),
    either("the request line ends with a bare LF", "9112 2.2", b"GET /w HTTP/1.1\nHost: erp\r\n\r\n", R),
    breaks("all lines end with a bare CR", "9112 2.2", b"GET /w HTTP/1.1\rHost: erp\r\r"),
    refused(
        "the request line ends with a bare CR", "9112 2.2", b"GET /w HTTP/1.1\rX: y\r\nHost: erp\r\n\r\n"
    ),
    breaks("the head ends with CR CR LF", "9112 2.2", b"GET /w HTTP/1.1\r\nHost: erp\r\n\r\r\n"),
    breaks("the head ends with LF CR", "9112 2.2", b"GET /w HTTP/1.1\r\nHost: erp\n\r"),
]

CASES: Final[list[Case]] = [*NAMES, *VALUES, *ENDS]
