"""Targets: paths and queries with what URLs don't have, or what servers decode in different ways (RFC 3986, section 3.3)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import TOO_LARGE, Asked, Case, either, get, passed, refused

MEGABYTE: Final = 1024 * 1024


def verbatim(name: str, target: bytes) -> Case:
    """It is a URL, so it goes on as it was written."""
    return passed(f"{name}: {target[:40]!r}", "3986 3.3", get(target=target), Asked("GET", target.decode()))


def no_url(name: str, target: bytes) -> Case:
    """Servers read it differently, so it doesn't go on as it is: it is refused, or on as nobody can misread it."""
    return refused(f"{name}: {target[:40]!r}", "9112 3.2", get(target=target), closes=False)


def odd(name: str, target: bytes, instead: str | None = None) -> Case:
    """No URL by the letter, but everybody reads it the same: refused or passed on."""
    told = target.decode("latin-1") if instead is None else instead
    return either(f"{name}: {target[:40]!r}", "3986 2", get(target=target), Asked("GET", told))


CASES: Final[list[Case]] = [
    verbatim("an encoded slash", b"/w%2Fx"),
    verbatim("an encoded slash in small letters", b"/w%2fx"),
    verbatim("an encoded backslash", b"/w%5Cx"),
    verbatim("encoded letters", b"/%77"),
    odd("twice encoded dots", b"/w/%252e%252e/x"),
    odd("a twice encoded slash", b"/w%252fx"),
    verbatim("an encoded question mark", b"/w%3Fx=1"),
    verbatim("an encoded number sign", b"/w%23x"),
    verbatim("an encoded percent sign", b"/w%25x"),
    verbatim("an encoded blank", b"/w%20x"),
    verbatim("encoded UTF-8", b"/stra%C3%9Fe"),
    verbatim("encoded Latin-1", b"/stra%DFe"),
    verbatim("parameters", b"/w;jsessionid=1/x;y"),
    verbatim("two slashes first", b"//w"),
    verbatim("two slashes within", b"/w//x"),
    verbatim("a slash last", b"/w/"),
    verbatim("dots that are no segment", b"/w.../x..y/.z"),
    verbatim("dots in the query", b"/w?a=/../b"),
    verbatim("two question marks", b"/w?a=1?b=2"),
    verbatim("an empty query", b"/w?"),
    verbatim("an odd query", b"/w?&=&a&b=;c"),
    verbatim("a URL in the path", b"/http://other/w"),
    verbatim("characters that needn't be encoded", b"/-._~!$&'()*+,;=:@"),
    verbatim("eight thousand characters", b"/w?" + b"x" * 7900),
    refused("a megabyte", "9110 15.5.15", get(target=b"/" + b"x" * MEGABYTE), TOO_LARGE),
    refused("a query of a megabyte", "9110 15.5.15", get(target=b"/w?" + b"x" * MEGABYTE), TOO_LARGE),
    no_url("dot segments", b"/x/../w"),
    no_url("one dot segment", b"/./w"),
    no_url("dot segments last", b"/w/x/.."),
    no_url("one dot segment last", b"/w/."),
    no_url("more dot segments than there are segments", b"/../../w"),
    no_url("encoded dot segments", b"/x/%2e%2e/w"),
    no_url("half encoded dot segments", b"/x/.%2E/w"),
    no_url("dot segments behind an encoded slash", b"/x%2f..%2fw"),
    no_url("dot segments behind a backslash", b"/x\\..\\w"),
    no_url("dot segments behind an encoded backslash", b"/x%5c..%5cw"),
    no_url("dot segments with a parameter", b"/x/..;a=1/w"),
    no_url("NUL", b"/w\0x"),
    no_url("encoded NUL", b"/w%00x"),
    no_url("an encoded line end", b"/w%0d%0aX:%20y"),
    no_url("a control character", b"/w\x01x"),
    no_url("an encoded control character", b"/w%01x"),
    no_url("DEL", b"/w\x7fx"),
    no_url("a tab", b"/w\tx"),
    no_url("a vertical tab", b"/w\x0bx"),
    no_url("a bare CR", b"/w\rx"),
    no_url("NUL in the query", b"/w?a=\0"),
    no_url("a control character in the query", b"/w?a=\x01"),
    odd("a fragment", b"/w#x", "/w"),
    odd("a fragment behind a query", b"/w?a=1#x", "/w?a=1"),
    odd("raw UTF-8", "/straße".encode(), "/stra%C3%9Fe"),
    odd("raw Latin-1", b"/stra\xdfe", "/stra%DFe"),
    odd("raw UTF-8 in the query", "/w?a=ß".encode(), "/w?a=%C3%9F"),
    odd("overlong UTF-8 of a dot", b"/x/%c0%ae%c0%ae/w"),
    odd("overlong UTF-8 of a slash", b"/x%c0%afw"),
    odd("a fullwidth slash", b"/x%ef%bc%8fw"),
    odd("a broken escape", b"/w%zz"),
    odd("half of an escape", b"/w%2"),
    odd("a percent sign last", b"/w%"),
    odd("an escape of Microsoft", b"/w%u002f"),
    odd("a broken escape in the query", b"/w?a=%zz"),
    odd("a backslash", b"/w\\x"),
    odd("braces", b"/w{x}"),
    odd("a bar", b"/w|x"),
    odd("a caret", b"/w^x"),
    odd("a backtick", b"/w`x"),
    odd("quotes", b'/w"x"'),
    odd("angle brackets", b"/w<x>"),
    odd("square brackets", b"/w[x]"),
    odd("square brackets in the query", b"/w?a[0]=1"),
]
