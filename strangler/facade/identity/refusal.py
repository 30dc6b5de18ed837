"""The refusal of a caller for whom nobody vouches as the configuration wants it (RFC 6750)."""

from __future__ import annotations

from typing import Literal

from strangler.facade.answers import Refusal


class Unauthenticated(Refusal):
    """`code` is empty where there was no token at all: then the caller is only told that one is wanted."""

    def __init__(
        self, detail: str, code: Literal["", "invalid_request", "invalid_token"] = "invalid_token"
    ) -> None:
        super().__init__(400 if code == "invalid_request" else 401, detail, "http_request_denied")
        self.code = code

    def headers(self, upstream: str = "") -> list[tuple[bytes, bytes]]:
        challenge = 'Bearer realm="strangler"'
        if self.code:
            plain = self.detail.replace("\\", "").replace('"', "'")
            challenge += f', error="{self.code}", error_description="{plain}"'
        return [*super().headers(upstream), (b"www-authenticate", challenge.encode("ascii", "replace"))]
