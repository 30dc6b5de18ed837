"""The verdict on one case: what came of it, held against what may come of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tests.facade.malformed.cases import Asked, Case
from tests.facade.wire.caller import Heard
from tests.facade.wire.readings import READERS, Reading, Request
from tests.facade.wire.scene import Arrived

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.1")
_VALUE: Final = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")


def faults(case: Case, heard: Heard, arrived: Sequence[Arrived]) -> list[str]:
    """What is wrong with what became of a case; empty when nothing is."""
    requests = [request for each in arrived for request in _read(each).requests]
    found = [fault for each in arrived for fault in _ambiguities(each)]
    if heard.odd:
        found.append(f"the caller was told nonsense: {heard.odd}")
    # Pipelined requests may reach an upstream on several connections, so in any order.
    if not case.either or requests:
        found += _wrong(case.passed, requests)
    return [*found, *_told(case, heard, len(requests), arrived)]


def _told(case: Case, heard: Heard, passed: int, arrived: Sequence[Arrived]) -> Iterator[str]:
    """What is wrong with what the caller heard."""
    good = [answer for answer in heard.answers if answer.whole and answer.status == 200]
    if len(good) != passed and not case.breaks:
        yield f"{passed} requests were passed on, and {len(good)} answered with 200: {heard.statuses}"
    refusals = [status for status in heard.statuses if status != 200]
    if case.breaks:
        if not heard.ended:
            yield "the connection stays open behind what never ends"
        if len(good) > passed:
            yield f"{passed} requests were passed on, and {len(good)} answered with 200"
        return
    if case.refused and not (case.either and passed):
        if refusals[-1:] == [] or refusals[-1] not in case.refused:
            yield f"answered with {heard.statuses or 'nothing'}, and should be with one of {sorted(case.refused)}"
        if case.closes and not heard.ended:
            yield "the connection stays open behind what can't be trusted"
        if any(each.sent for each in arrived) and not passed:
            yield "a part of it has reached an upstream"
    elif refusals:
        yield f"answered with {heard.statuses}"


def _wrong(expected: Sequence[Asked], requests: Sequence[Request]) -> Iterator[str]:
    left = list(requests)
    for asked in expected:
        fitting = [request for request in left if not any(_differences(asked, request))]
        if fitting:
            left.remove(fitting[0])
        elif len(expected) == len(requests) == 1:
            yield from _differences(asked, requests[0])
        else:
            yield f"no upstream got {asked}"
    if len(requests) > len(expected):
        yield f"an upstream got {left}"


def _differences(asked: Asked, request: Request) -> Iterator[str]:
    got = request.method, request.target, request.body
    if got != (asked.method, asked.target, asked.body):
        yield f"an upstream got {got}"
    for name, value in asked.headers.items():
        if request.values(name) != [value]:
            yield f"an upstream got {name} as {request.values(name)}, not as [{value!r}]"
    for name in asked.without:
        if request.values(name):
            yield f"an upstream got {name}: {request.values(name)}"


def _read(arrived: Arrived) -> Reading:
    return READERS["h11"](arrived.sent)


def _ambiguities(arrived: Arrived) -> Iterator[str]:
    """Where two servers would read differently what came on one connection, or a strict one would refuse it."""
    strict = _read(arrived)
    if strict.rest == "nonsense":
        yield f"an upstream got nonsense: {arrived.sent[-500:]!r}"
    if strict.rest and not arrived.ended:
        yield f"an upstream waits for the rest of {arrived.sent[-500:]!r}"
    for name, read in READERS.items():
        reading = read(arrived.sent)
        if _plain(reading) != _plain(strict):
            yield f"{name} reads {arrived.sent[:2000]!r} as {_plain(reading)}, h11 as {_plain(strict)}"
    for head in _heads(arrived.sent, strict.requests):
        yield from _looseness(head)


def _plain(reading: Reading) -> list[object]:
    """What all readers have in common: a blank or an underscore in a name is one to some."""
    requests = [
        (
            request.method,
            request.target,
            request.body,
            sorted((name.replace("_", "-"), value.strip(" \t")) for name, value in request.headers),
        )
        for request in reading.requests
    ]
    return [*requests, "more" if reading.rest else ""]


def _heads(sent: bytes, requests: Sequence[Request]) -> Iterator[bytes]:
    at = 0
    for request in requests:
        begin = sent.index(f"{request.method} {request.target} ".encode("latin-1"), at)
        at = sent.index(b"\r\n\r\n", begin)
        yield sent[begin:at]


def _looseness(head: bytes) -> Iterator[str]:
    """What a proxy mustn't write, however well it is understood (RFC 9112, sections 2.2, 3, 5 and 6; RFC 9110, section 7.2)."""
    line, *lines = head.split(b"\r\n")
    if not _LINE.fullmatch(line):
        yield f"an upstream got the request line {line!r}"
    fields = [
        (name.lower(), value.strip(b" \t")) for name, _, value in (each.partition(b":") for each in lines)
    ]
    for name, value in fields:
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            yield f"an upstream got the field {name!r}: {value!r}"
    names = [name for name, _ in fields]
    if names.count(b"host") != 1:
        yield f"an upstream got {names.count(b'host')} Hosts"
    if names.count(b"content-length") + names.count(b"transfer-encoding") > 1:
        yield "an upstream got two framings"
