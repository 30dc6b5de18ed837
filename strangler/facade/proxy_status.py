"""Proxy-Status (RFC 9209): in one header, that it was the facade who answered, and why; or, where that is wanted, who did.

Upstreams are named as in the log, `legacy` or `new:party`: their addresses are nobody's business. A line of an upstream's own stays, and
ours follows it, since the one who is nearest to the caller comes last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

NAME: Final = "strangler"
"""How the facade calls itself."""

ITSELF: Final = "proxy_internal_response"
"""The error of an answer that the facade made without asking anybody, where no other says it better."""

ERRORS: Final = frozenset(
    (
        "dns_timeout",
        "dns_error",
        "destination_not_found",
        "destination_unavailable",
        "destination_ip_prohibited",
        "destination_ip_unroutable",
        "connection_refused",
        "connection_terminated",
        "connection_timeout",
        "connection_read_timeout",
        "connection_write_timeout",
        "connection_limit_reached",
        "tls_protocol_error",
        "tls_certificate_error",
        "tls_alert_received",
        "http_request_error",
        "http_request_denied",
        "http_response_incomplete",
        "http_response_header_section_size",
        "http_response_header_size",
        "http_response_body_size",
        "http_response_trailer_section_size",
        "http_response_trailer_size",
        "http_response_transfer_coding",
        "http_response_content_coding",
        "http_response_timeout",
        "http_upgrade_failed",
        "http_protocol_error",
        "proxy_internal_response",
        "proxy_internal_error",
        "proxy_configuration_error",
        "proxy_loop_detected",
    )
)
"""The errors that the RFC registers (section 2.3)."""


def refused(error: str, detail: str, upstream: str = "") -> bytes:
    """The value for an answer that the facade made. `error` is one of `ERRORS`, empty for `ITSELF`; `upstream` was asked in vain."""
    hop = f"; next-hop={upstream}" if upstream else ""
    return f"{NAME}; error={error or ITSELF}; details={_quoted(detail)}{hop}".encode()


@lru_cache(maxsize=4096)
def passed(upstream: str, status: int) -> bytes:
    """The value for an answer that an upstream made."""
    return f"{NAME}; next-hop={upstream}; received-status={status}".encode()


def _quoted(text: str) -> str:
    """A string of RFC 8941: printable ASCII in quotes."""
    plain = text
    if not (text.isascii() and text.isprintable()):
        plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
