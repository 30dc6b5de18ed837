"""Hosts: who is asked, said not at all, twice or in riddles (RFC 9112, section 3.2)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import Asked, Case, either, passed, refused


def host(lines: bytes, version: bytes = b"1.1", target: bytes = b"/w") -> bytes:
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + lines + b"\r\n"


def named(value: str) -> Asked:
    return Asked("GET", "/w", headers={"host": value})


NUMBER: Final = [
    refused("no Host on 1.1", "9112 3.2", host(b""), closes=False),
    refused("the same Host twice", "9112 3.2", host(b"Host: erp\r\nHost: erp\r\n"), closes=False),
    refused("two Hosts", "9112 3.2", host(b"Host: erp\r\nHost: other\r\n"), closes=False),
    refused(
        "two Hosts in different letters", "9112 3.2", host(b"Host: erp\r\nhOST: other\r\n"), closes=False
    ),
    refused("two Hosts on 1.0", "9112 3.2", host(b"Host: erp\r\nHost: other\r\n", b"1.0"), closes=False),
    refused("two Hosts, one of them empty", "9112 3.2", host(b"Host:\r\nHost: erp\r\n"), closes=False),
    refused("a Host with a blank before the colon", "9112 5.1", host(b"Host : erp\r\n")),
    refused(
        "a Host, and one with a blank before the colon", "9112 5.1", host(b"Host: erp\r\nHost : other\r\n")
    ),
    refused("a Host, and one behind a bare CR", "9112 2.2", host(b"Host: erp\rHost: other\r\n")),
    refused("a folded Host", "9112 5.2", host(b"Host: erp\r\n other\r\n")),
    refused("two Hosts, one behind a bare LF", "9112 2.2", host(b"Host: erp\nHost: other\r\n")),
    either("no Host on 1.0", "9112 3.2", host(b"", b"1.0"), Asked("GET", "/w")),
    passed("a Host in capitals", "9110 5.1", host(b"HOST: erp\r\n"), named("erp")),
    passed("a Host behind other lines", "9112 3.2", host(b"X: 1\r\nHost: erp\r\n"), named("erp")),
    either(
        "an underscored Host beside it", "9110 5.1", host(b"Host: erp\r\nX_Host: other\r\n"), named("erp")
    ),
]

VALUES: Final = [
    passed(f"Host {value!r}", "9110 7.2", host(b"Host: " + value + b"\r\n"), named(value.strip().decode()))
    for value in (b"erp", b"erp:8080", b"ERP.example", b"erp.example.", b"10.0.0.1", b"[::1]", b"[::1]:8080", b"erp-1_2.example",
        b"\t erp \t")
]  # fmt: skip
VALUES += [
    refused(f"Host {value!r}", "9112 3.2", host(b"Host: " + value + b"\r\n"), closes=False)
    for value in (
        b"erp, other", b"erp other", b"u@erp", b"u:p@erp", b"erp:x", b"erp:80:81", b"erp:-1", b"erp:8 0", b"http://erp", b"erp/w", b"/w",
        b"../w", b"erp?x",
        b"erp#x", b"erp\\w", b"[::1", b"::1", b"[x]", b"erp\0", b"\0erp", b"e\x01rp", b"er\x7fp", b"<erp>", b'"erp"', b"erp\t.example",
        b"er\xffp",
        "größe".encode(), b"erp|x", b"erp^", b"{erp}",
    )
]  # fmt: skip
VALUES += [
    either(f"Host {value!r}", "9110 7.2", host(b"Host: " + value + b"\r\n"), named(value.decode()))
    for value in (b"", b"erp:", b"erp:99999", b"%65rp", b"erp,other", b"erp;x", b"-erp", b"erp..example", b"0x7f.1", b"e" * 300)
]  # fmt: skip

CASES: Final[list[Case]] = [*NUMBER, *VALUES]
