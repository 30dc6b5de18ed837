"""Backends of the Gateway API: a URL as a Service of Kubernetes, and what has to be made for one that isn't in the cluster."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from strangler.errors import StranglerError
from strangler.planes.plane import Plane, Upstream

Json = dict[str, Any]


class Backends:
    """The Services that rules have asked for so far."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._made: dict[str, list[Json]] = {}

    def of(self, upstream: str) -> Json:
        """The reference to an upstream. Raises StranglerError for one that can't be written down."""
        found = self._plane.upstreams[upstream]
        if found.base:
            raise StranglerError(
                f"{upstream}: the Gateway API can't put {found.base} in front of a path",
                why="a rule may replace a prefix only where it has a single match",
                do="name a URL without a path",
            )
        if name := re.fullmatch(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.[a-z0-9.-]+)?", found.host):
            return {"name": name[1], "namespace": name[2], "port": found.port}
        if re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", found.host):
            return {"name": found.host, "port": found.port}
        name_ = label(f"{self._plane.name}-{upstream}")
        self._made.setdefault(name_, _outside(name_, found))
        return {"name": name_, "port": found.port}

    @property
    def made(self) -> list[Json]:
        """What stands for upstreams outside of the cluster."""
        return [each for objects in self._made.values() for each in objects]


def _outside(name: str, upstream: Upstream) -> list[Json]:
    host = upstream.host.strip("[]")
    port = {"name": "http", "port": upstream.port}
    service: Json = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return [service | {"spec": {"type": "ExternalName", "externalName": host, "ports": [port]}}]
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": f"IPv{version}",
        "endpoints": [{"addresses": [host]}],
        "ports": [port],
    }
    return [service | {"spec": {"ports": [port]}}, endpoints]


def label(text: str) -> str:
    """A text as a name in Kubernetes."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:50]
