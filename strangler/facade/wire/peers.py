"""Peers: who stands right before the facade, and what is believed of what it says about who called it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from strangler.facade.wire.request import Origin, Request


def numbered(address: str) -> IPv4Address | IPv6Address:
    """An address that may have come over an IPv6 socket, which has IPv4 ones as `::ffff:10.0.0.1`. Raises ValueError for what is none."""
    found = ip_address(address)
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


class Peers:
    """The balancers and proxies that are believed. Of everybody else nothing is."""

    def __init__(self, trusted: Iterable[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(trusted)
        self.trusts = lru_cache(maxsize=10_000)(self._trusts)

    def _trusts(self, address: str) -> bool:
        try:
            found = numbered(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)

    def mirrors(self, address: str) -> bool:
        """Whether calls from there may be copies of others' calls: from those that are believed, and from this machine."""
        try:
            return self.trusts(address) or numbered(address).is_loopback
        except ValueError:
            return False

    def origin(self, request: Request, address: str, scheme: str) -> Origin:
        """Of a call that came from `address` by `scheme`."""
        found = request.heading.origin
        if found is None:
            found = request.heading.origin = self._origin(request, address, scheme)
        return found

    def _origin(self, request: Request, address: str, scheme: str) -> Origin:
        headers = request.headers
        host = headers.get("host")
        if not self._networks or not self.trusts(address):
            return Origin(address, scheme, address, host)
        hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        # From the right: each hop that is believed vouches for the one to its left.
        caller = next((hop for hop in reversed(hops) if not self.trusts(hop)), hops[0] if hops else address)
        said = headers.get("x-forwarded-proto", scheme).lower()
        return Origin(
            caller,
            said if said in ("http", "https") else scheme,
            ", ".join([*hops, address]),
            headers.get("x-forwarded-host", host or "") or None,
        )
