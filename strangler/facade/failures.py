"""Failures: which outcome of a call speaks against its upstream. Pure.

What the facade found out (an error of RFC 9209) is of one of four kinds; what the upstream said is a status. A 500 is none by default:
SOAP has to say every fault so, and many an ERP says so that a document is wrong. Envoy's `consecutive_gateway_failure` draws the line
at the same place.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

KINDS: Final = {
    "dns_timeout": "connect",
    "dns_error": "connect",
    "destination_not_found": "connect",
    "destination_unavailable": "connect",
    "destination_ip_unroutable": "connect",
    "connection_refused": "connect",
    "connection_timeout": "connect",
    "tls_protocol_error": "connect",
    "tls_certificate_error": "connect",
    "tls_alert_received": "connect",
    "connection_read_timeout": "timeout",
    "connection_write_timeout": "timeout",
    "http_response_timeout": "timeout",
    "connection_terminated": "reset",
    "http_response_incomplete": "reset",
    "http_protocol_error": "protocol",
    "http_response_header_section_size": "protocol",
    "http_response_header_size": "protocol",
    "http_response_transfer_coding": "protocol",
    "http_upgrade_failed": "protocol",
}
"""Error of RFC 9209 → its kind. Others are the caller's, or the facade's own: they say nothing about an upstream."""


class Failures:
    """What counts, as `facade.breaker.failures` lists it: kinds, and statuses as text."""

    def __init__(self, listed: Collection[str]) -> None:
        self._errors = frozenset(error for error, kind in KINDS.items() if kind in listed)
        self._statuses = frozenset(int(each) for each in listed if each.isdecimal())

    def has(self, error: str, status: int) -> bool:
        """Whether a call that ended with this error (empty for none), or with this status of the upstream, failed."""
        return error in self._errors if error else status in self._statuses
