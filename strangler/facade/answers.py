"""Answers of the facade itself: what it says when it can't or won't pass a call on.

The body is `application/problem+json` (RFC 9457); `Proxy-Status` (RFC 9209) tells machines the same in one token.
"""

from __future__ import annotations

from http import HTTPStatus

import orjson

from strangler.facade import proxy_status


class Refusal(Exception):
    """The facade answers by itself. `error` is the token of RFC 9209, `retry_after` in seconds."""

    def __init__(self, status: int, detail: str, error: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.error, self.retry_after = status, detail, error, retry_after

    def headers(self, upstream: str = "") -> list[tuple[bytes, bytes]]:
        """The header lines; `upstream` was asked in vain, as `Call.upstream` names it."""
        headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
        headers.append((b"proxy-status", proxy_status.refused(self.error, self.detail, upstream)))
        if self.retry_after is not None:
            headers.append((b"retry-after", str(max(1, round(self.retry_after))).encode()))
        return headers

    def body(self) -> bytes:
        return orjson.dumps(
            {
                "type": "about:blank",
                "title": _phrase(self.status),
                "status": self.status,
                "detail": self.detail,
            }
        )


class BadRequest(Refusal):
    """The request is broken, or says two things at once."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail, "http_request_error")


class Defective(Refusal):
    """The facade itself failed."""

    def __init__(self) -> None:
        super().__init__(500, "the facade failed; its log says how", "proxy_internal_error")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
