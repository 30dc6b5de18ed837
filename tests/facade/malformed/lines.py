"""Request lines: method, target and version, each in the forms that some server takes and another doesn't (RFC 9112, section 3)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import Asked, Case, breaks, either, get, passed, refused

REST: Final = b"\r\nHost: erp\r\n\r\n"
VERSIONS: Final = (400, 505)
METHODS: Final = (400, 405, 501)
MEGABYTE: Final = 1024 * 1024

R: Final = Asked("GET", "/w")


def line(text: bytes) -> bytes:
    return text + REST


VERSION: Final = [
    refused(f"version {version!r}", "9112 2.3", line(b"GET /w " + version), VERSIONS)
    for version in (
        b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3", b"HTTP/2", b"http/1.1", b"Http/1.1", b"HTTP/1", b"HTTP/1.", b"HTTP/11", b"HTTP/1,1",
        b"HTTP/01.1",
        b"HTTP/1.10", b"HTTP/1.1x", b"HTTP/1.1\0", b"HTTP/-1.1", b"HTTP 1.1", b"HTTPS/1.1", b"1.1", b"HTTP/1.\xd9\xa1", b"HTTP/\x001.1",
        b"ICAP/1.0",
    )
]  # fmt: skip
VERSION += [
    either("version HTTP/1.2", "9110 2.5", line(b"GET /w HTTP/1.2"), R, statuses=VERSIONS),
    refused("HTTP/0.9", "9112 2.3", b"GET /w\r\n\r\n", VERSIONS),
    refused("HTTP/0.9 with a blank", "9112 2.3", b"GET /w \r\n\r\n", VERSIONS),
    refused("the preface of HTTP/2", "9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSIONS),
    breaks("the hello of TLS", "8446 4", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(64))),
    breaks("bytes of all kinds", "9112 2.2", bytes(range(256)) * 16),
    breaks("a message of another protocol", "9112 2.2", b"EHLO erp\r\n"),
]  # fmt: skip

BLANKS: Final = [
    either("an empty line before the request", "9112 2.2", b"\r\n" + get(), R),
    either("five empty lines before the request", "9112 2.2", b"\r\n" * 5 + get(), R),
    either("a bare LF before the request", "9112 2.2", b"\n" + get(), R),
    refused("a blank before the method", "9112 3", b" " + get()),
    refused("NUL before the method", "9112 3", b"\0" + get()),
    refused("a byte-order mark before the method", "9112 3", b"\xef\xbb\xbf" + get()),
    refused("a raw blank in the target", "9112 3.2", line(b"GET /w x HTTP/1.1")),
    refused("a second version", "9112 3", line(b"GET /w HTTP/1.1 HTTP/1.1")),
    refused("no target", "9112 3", line(b"GET HTTP/1.1")),
    refused("an empty target", "9112 3", line(b"GET  HTTP/1.1")),
    refused("no method", "9112 3", line(b"/w HTTP/1.1")),
    refused("a blank for a method", "9112 3", line(b" /w HTTP/1.1")),
    either("two blanks behind the method", "9112 3", line(b"GET  /w HTTP/1.1"), R),
    either("two blanks behind the target", "9112 3", line(b"GET /w  HTTP/1.1"), R),
    either("a tab behind the method", "9112 3", line(b"GET\t/w HTTP/1.1"), R),
    either("a tab behind the target", "9112 3", line(b"GET /w\tHTTP/1.1"), R),
    either("a form feed behind the method", "9112 3", line(b"GET\x0c/w HTTP/1.1"), R),
    either("a blank behind the version", "9112 3", line(b"GET /w HTTP/1.1 "), R),
]  # fmt: skip

METHOD: Final = [
    either("a method of WebDAV", "9110 9.1", line(b"PROPFIND /w HTTP/1.1"), Asked("PROPFIND", "/w"), statuses=METHODS),
    either("a method that nobody knows", "9110 9.1", line(b"BREW /w HTTP/1.1"), Asked("BREW", "/w"), statuses=METHODS),
    either("a method in small letters", "9110 9.1", line(b"get /w HTTP/1.1"), Asked("get", "/w"), statuses=METHODS),
    either("a method of all characters", "9110 9.1", line(b"!#$%&'*+-.^_`|~ /w HTTP/1.1"), Asked("!#$%&'*+-.^_`|~", "/w"),
           statuses=METHODS),
    either("TRACE", "9110 9.3.8", line(b"TRACE /w HTTP/1.1"), Asked("TRACE", "/w"), statuses=METHODS),
    either("TRACE with a body", "9110 9.3.8", b"TRACE /w HTTP/1.1\r\nHost: erp\r\nContent-Length: 4\r\n\r\nabcd",
           Asked("TRACE", "/w", b"abcd"), statuses=METHODS),
    either("a method of ten thousand letters", "9112 3", line(b"A" * 10_000 + b" /w HTTP/1.1"), Asked("A" * 10_000, "/w"),
           statuses=(*METHODS, 414, 431)),
    refused("a method of a megabyte", "9112 3", line(b"A" * MEGABYTE + b" /w HTTP/1.1"), (*METHODS, 414, 431)),
    refused("CONNECT", "9110 9.3.6", b"CONNECT erp:443 HTTP/1.1\r\nHost: erp:443\r\n\r\n", METHODS),
    refused("CONNECT with a path", "9110 9.3.6", line(b"CONNECT /w HTTP/1.1"), METHODS),
    refused("CONNECT with a length", "9110 9.3.6", b"CONNECT erp:443 HTTP/1.1\r\nHost: erp:443\r\nContent-Length: 4\r\n\r\nabcd", METHODS),
]  # fmt: skip
METHOD += [
    refused(f"method {method!r}", "9110 9.1", line(method + b" /w HTTP/1.1"), METHODS)
    for method in (b"GET,POST", b"GE\0T", b"G\x01T", b"GET:", b"G\xc3\x89T", b"(GET)", b"GET/", b"\xa0GET", b'"GET"', b"GET@")
]  # fmt: skip

FORM: Final = [
    passed("a full URL", "9112 3.2.2", line(b"GET http://erp/w HTTP/1.1"), Asked("GET", "/w", headers={"host": "erp"})),
    either("a full URL without a path", "9112 3.2.2", line(b"GET http://erp HTTP/1.1"), Asked("GET", "/", headers={"host": "erp"})),
    either("a full URL with only a query", "9112 3.2.2", line(b"GET http://erp?a=1 HTTP/1.1"), Asked("GET", "/?a=1",
           headers={"host": "erp"})),
    passed("a full URL with scheme and host in capitals", "9112 3.2.2", line(b"GET HTTP://erp/w HTTP/1.1"), R),
    either("a full URL of another host", "9112 3.2.2", line(b"GET http://other/w HTTP/1.1"), Asked("GET", "/w", headers={"host": "other"})),
    either("a full URL of another port", "9112 3.2.2", line(b"GET http://erp:81/w HTTP/1.1"), Asked("GET", "/w",
           headers={"host": "erp:81"})),
    either("a full URL by https", "9112 3.2.2", line(b"GET https://erp/w HTTP/1.1"), R, statuses=(400, 421)),
    refused("a full URL with a user", "9110 4.2.4", line(b"GET http://u:p@erp/w HTTP/1.1"), closes=False),
    refused("a full URL without a host", "9110 4.2.1", line(b"GET http:///w HTTP/1.1"), closes=False),
    refused("a full URL with a broken port", "9110 4.2.1", line(b"GET http://erp:x/w HTTP/1.1"), closes=False),
    refused("a full URL of another scheme", "9112 3.2.2", line(b"GET ftp://erp/w HTTP/1.1"), closes=False),
    refused("a full URL of a file", "9112 3.2.2", line(b"GET file:///etc/passwd HTTP/1.1"), closes=False),
    refused("a full URL without slashes", "9112 3.2.2", line(b"GET http:erp/w HTTP/1.1"), closes=False),
    refused("a full URL and no Host", "9112 3.2", b"GET http://erp/w HTTP/1.1\r\n\r\n", closes=False),
    refused("a host in the place of a path", "9112 3.2.3", line(b"GET erp:80 HTTP/1.1"), closes=False),
    refused("a path without a slash", "9112 3.2.1", line(b"GET w HTTP/1.1"), closes=False),
    refused("a query without a path", "9112 3.2.1", line(b"GET ?a=1 HTTP/1.1"), closes=False),
    refused("a fragment alone", "9112 3.2.1", line(b"GET #a HTTP/1.1"), closes=False),
    refused("an asterisk for GET", "9112 3.2.4", line(b"GET * HTTP/1.1"), closes=False),
    refused("two asterisks for OPTIONS", "9112 3.2.4", line(b"OPTIONS ** HTTP/1.1"), closes=False),
    refused("a backslash first", "9112 3.2.1", line(b"GET \\w HTTP/1.1"), closes=False),
]  # fmt: skip

CASES: Final[list[Case]] = [*VERSION, *BLANKS, *METHOD, *FORM]
