"""Framing: where a request ends, said twice, wrongly or in riddles (RFC 9112, section 6)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import (
    NEXT,
    SECOND,
    TOO_LARGE,
    UNKNOWN_CODING,
    Asked,
    Case,
    W,
    after,
    breaks,
    either,
    get,
    passed,
    post,
    refused,
)

CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
LENGTH: Final = b"Content-Length: 4\r\n"
BODY: Final = b"4\r\nabcd\r\n0\r\n\r\n"
EMPTY: Final = b"0\r\n\r\n"

WITHOUT: Final = ("transfer-encoding",)
COUNTED: Final = Asked("POST", "/w", b"abcd", without=WITHOUT)

BOTH: Final = [
    refused("length, then chunked", "9112 6.1", post(b"Content-Length: 6\r\n" + CHUNKED, EMPTY + b"G")),
    refused("chunked, then length", "9112 6.1", post(CHUNKED + b"Content-Length: 6\r\n", EMPTY + b"G")),
    refused("length hides a request", "9112 6.1", post(b"Content-Length: 42\r\n" + CHUNKED, EMPTY + NEXT)),
    refused("chunks hide a request", "9112 6.1", post(LENGTH + CHUNKED, b"27\r\n" + NEXT + b"\r\n" + EMPTY)),
    refused("length 0, and chunked", "9112 6.1", post(b"Content-Length: 0\r\n" + CHUNKED, BODY)),
    refused("identity, and length", "9112 6.1", post(b"Transfer-Encoding: identity\r\n" + LENGTH), UNKNOWN_CODING),
    refused("chunked on a line of its own ended by LF, and length", "9112 2.2", post(b"X: y\n" + CHUNKED + LENGTH, EMPTY)),
    refused("chunked behind a bare CR, and length", "9112 2.2", post(b"X: y\r" + CHUNKED + LENGTH)),
    refused("chunked with a blank before the colon, and length", "9112 5.1", post(b"Transfer-Encoding : chunked\r\n" + LENGTH, EMPTY)),
    refused("chunked folded, and length", "9112 5.2", post(b"Transfer-Encoding:\r\n chunked\r\n" + LENGTH, EMPTY)),
    refused("chunked on 1.0", "9112 6.1", post(CHUNKED, BODY, b"1.0")),
    refused("chunked and length on 1.0", "9112 6.1", post(LENGTH + CHUNKED, BODY, b"1.0")),
    either(
        "underscored chunked, and length", "9110 5.1", post(b"Transfer_Encoding: chunked\r\n" + LENGTH), COUNTED
    ),
    either("underscored length, and length", "9110 5.1", post(b"Content_Length: 99\r\n" + LENGTH), COUNTED),
    either("length between blanks, and chunked", "9112 6.1", post(b"X-Content-Length: 9\r\n" + CHUNKED, BODY), W),
]  # fmt: skip

CODINGS: Final = [
    passed("chunked in capitals", "9112 7", post(b"TRANSFER-ENCODING: CHUNKED\r\n", BODY), W),
    passed("chunked behind a tab", "9112 5", post(b"Transfer-Encoding:\tchunked\r\n", BODY), W),
    either("chunked with blanks around", "9112 5", post(b"Transfer-Encoding: \t chunked \t\r\n", BODY), W),
    passed("chunked on a GET", "9110 9.3.1", get(CHUNKED) + BODY, Asked("GET", "/w", b"abcd")),
    either("an empty element before chunked", "9110 5.6.1", post(b"Transfer-Encoding: ,chunked\r\n", BODY), W, statuses=UNKNOWN_CODING),
    either("an empty element after chunked", "9110 5.6.1", post(b"Transfer-Encoding: chunked,\r\n", BODY), W, statuses=UNKNOWN_CODING),
    either("chunked folded", "9112 5.2", post(b"Transfer-Encoding:\r\n chunked\r\n", BODY), W),
    either("an empty coding on a second line", "9110 5.6.1", post(CHUNKED + b"Transfer-Encoding:\r\n", BODY), W, statuses=UNKNOWN_CODING),
]  # fmt: skip
CODINGS += [
    refused(f"coding {value!r}", "9112 6.1", post(b"Transfer-Encoding: " + value + b"\r\n", BODY), UNKNOWN_CODING)
    for value in (
        b"", b"identity", b"gzip", b"chunked, gzip", b"gzip, chunked", b"chunked, chunked", b"chunked, identity", b"identity, chunked",
        b"xchunked", b"chunkedx", b'"chunked"', b"'chunked'", b"chunked;q=1", b"chunked foo", b"foo chunked", b"chunk", b"chunked\0",
        b"\x0bchunked", b"chunked\x0c", b"\xa0chunked", b"\xef\xbb\xbfchunked", b"cow", b"chun\xd0\xbaed",
    )
]  # fmt: skip
CODINGS += [
    refused(f"two lines of codings: {first!r}, {second!r}", "9112 6.1",
            post(b"Transfer-Encoding: " + first + b"\r\nTransfer-Encoding: " + second + b"\r\n", BODY), UNKNOWN_CODING)
    for first, second in ((b"chunked", b"chunked"), (b"chunked", b"identity"), (b"identity", b"chunked"), (b"gzip", b"chunked"))
]  # fmt: skip

LENGTHS: Final = [
    refused("two lengths", "9110 8.6", post(LENGTH + b"Content-Length: 5\r\n", b"abcde")),
    refused("two lengths, one of them 0", "9110 8.6", post(b"Content-Length: 0\r\n" + LENGTH)),
    refused("a list of two lengths", "9110 8.6", post(b"Content-Length: 4, 5\r\n", b"abcde")),
    refused("a length with a blank before the colon", "9112 5.1", post(b"Content-Length : 4\r\n")),
    refused("a length folded", "9112 5.2", post(b"Content-Length: 4\r\n 2\r\n")),
    either("the same length twice", "9110 8.6", post(LENGTH + LENGTH), COUNTED),
    either("a list of the same length", "9110 8.6", post(b"Content-Length: 4, 4\r\n"), COUNTED),
    either("a length with leading zeros", "9110 8.6", post(b"Content-Length: 0004\r\n"), COUNTED),
    either("a length with blanks around", "9112 5", post(b"Content-Length: \t 4 \t\r\n"), COUNTED),
    passed("a length without a blank", "9112 5", post(b"Content-Length:4\r\n"), COUNTED),
    either("no length at all", "9112 6.3", post(b"", b""), Asked("POST", "/w"), statuses=(411,)),
    passed("a body on a GET", "9110 9.3.1", get(LENGTH) + b"abcd", Asked("GET", "/w", b"abcd")),
    passed("a body on a DELETE", "9110 9.3.5", b"DELETE /w HTTP/1.1\r\nHost: erp\r\n" + LENGTH + b"\r\nabcd", Asked("DELETE", "/w",
           b"abcd")),
    passed("a request behind a body of no bytes", "9112 9.3.2", post(b"Content-Length: 0\r\n", NEXT), Asked("POST", "/w"), SECOND),
    after("a body longer than it says", "9112 6.3", post(LENGTH, b"abcd\0\0\0\0\r\n\r\n"), COUNTED),
    breaks("a body shorter than it says", "9112 8", post(b"Content-Length: 5\r\n", b"abcd")),
    breaks("no body where one is announced", "9112 8", post(LENGTH, b"")),
    breaks("a body of a million million bytes", "9112 8", post(b"Content-Length: 1000000000000\r\n")),
    breaks("a length beyond 63 bits", "9110 8.6", post(b"Content-Length: 9223372036854775808\r\n")),
]  # fmt: skip
LENGTHS += [
    refused(f"length {value!r}", "9110 8.6", post(b"Content-Length: " + value + b"\r\n"), TOO_LARGE)
    for value in (
        b"", b"+4", b"-4", b"-0", b"0x4", b"4.0", b"4e0", b"4 4", b"4;", b"4,", b",4", b"4_0", b"a", b"4\0", b"4\x0b", b"\x0c4", b"\xa04",
        b'"4"',
        b"\xd9\xa4", b"18446744073709551620", b"4" * 400,
    )
]  # fmt: skip

CASES: Final[list[Case]] = [*BOTH, *CODINGS, *LENGTHS]
