"""Who stands before the facade: over IPv6 sockets too, which write IPv4 addresses in a way of their own."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from strangler.facade.logs import _network
from strangler.facade.wire.peers import Peers


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::ffff:11.1.2.3", False),
        ("fd00::1", True),
        ("fe80::1", False),
        ("::10.1.2.3", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_a_proxy_is_believed_over_either_kind_of_socket(address: str, trusted: bool) -> None:
    peers = Peers([ip_network("10.0.0.0/8"), ip_network("fd00::/16")])
    assert peers.trusts(address) == trusted
    assert peers.mirrors(address) == trusted


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_send_copies_but_isnt_believed_what_it_says_of_callers(address: str) -> None:
    peers = Peers([])
    assert peers.mirrors(address)
    assert not peers.trusts(address)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("unix", ""),
    ],
)
def test_the_log_has_the_network_of_a_caller_and_not_less(address: str, network: str) -> None:
    assert _network(address) == network
