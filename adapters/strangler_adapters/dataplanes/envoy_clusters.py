"""The clusters of Envoy: one for each URL, and one for each pair of which legacy stands in for the other."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from strangler.planes.plane import COMPARER, LEGACY, Plane, To, Upstream

Json = dict[str, Any]

CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Whom a certificate of an upstream must be from; where Debian and its like have it."""


class Clusters:
    """The clusters that routes have asked for so far."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._names: dict[tuple[bool, str], str] = {}
        self._made: dict[str, Json] = {}

    def of(self, to: To) -> str:
        """The name of the cluster for calls that go there."""
        first = self._plain(to.upstream)
        if to.fallback is None or first == (second := self._plain(to.fallback)):
            return first
        name = f"{to.upstream}_or_{to.fallback}"
        if name not in self._made:
            watched = f"{to.upstream}_watched"
            self._made[watched] = self._cluster(watched, to.upstream) | _watched(
                self._plane.upstreams[to.upstream]
            )
            self._made[name] = _either(name, [watched, second], self._plane.limits.connect)
        return name

    def _plain(self, upstream: str) -> str:
        found = self._plane.upstreams[upstream]
        name = self._names.setdefault((found.tls, found.address), upstream)
        if name not in self._made:
            self._made[name] = self._cluster(name, upstream)
        return name

    def all(self) -> list[Json]:
        return list(self._made.values())

    def _cluster(self, name: str, upstream: str) -> Json:
        plane, found = self._plane, self._plane.upstreams[upstream]
        most = plane.limits.legacy if upstream == LEGACY else plane.limits.new
        host = found.host.strip("[]")
        address = {"socket_address": {"address": host, "port_value": found.port}}
        connect = 0.05 if upstream == COMPARER else plane.limits.connect
        return {
            "name": name,
            "type": "STATIC" if _is_address(host) else "STRICT_DNS",
            "connect_timeout": f"{connect:g}s",
            "circuit_breakers": {"thresholds": [_threshold("DEFAULT", most), _threshold("HIGH", most)]},
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
            **(_tls(host) if found.tls else {}),
        }


def _threshold(priority: str, most: int) -> Json:
    return {
        "priority": priority,
        "max_connections": most,
        "max_pending_requests": most,
        "max_requests": most,
        "max_retries": max(3, most // 5),
    }


def _watched(upstream: Upstream) -> Json:
    """What finds a dead service, so that legacy answers for it. A service's own errors are answers, not death."""
    found: Json = {
        "outlier_detection": {
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 3,
            "consecutive_gateway_failure": 3,
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "enforcing_local_origin_success_rate": 0,
            "interval": "1s",
            "base_ejection_time": "10s",
            "max_ejection_percent": 100,
        },
        # With nobody well among the servers none of them is asked.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }
    if upstream.health:
        found["health_checks"] = [
            {
                "timeout": "2s",
                "interval": "2s",
                "no_traffic_interval": "2s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": upstream.base + upstream.health},
            }
        ]
    return found


def _either(name: str, clusters: list[str], connect: float) -> Json:
    kind = "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig"
    return {
        "name": name,
        "connect_timeout": f"{connect:g}s",
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": kind, "clusters": clusters},
        },
    }


def _tls(host: str) -> Json:
    kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    known: Json = {
        "trusted_ca": {"filename": CERTIFICATES},
        "match_typed_subject_alt_names": [
            {"san_type": "IP_ADDRESS" if _is_address(host) else "DNS", "matcher": {"exact": host}}
        ],
    }
    context: Json = {"@type": kind, "common_tls_context": {"validation_context": known}}
    if not _is_address(host):
        context["sni"] = host
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
