"""Envoy: a whole bootstrap, static, of the v3 API: a listener, its routes, their clusters. For Envoy 1.35 or newer.

Envoy tries routes one after the other, so the time for a call grows with their number. It is the one target that holds a call to its
whole time, and the one that counts a service as dead without a caller's noticing (outlier detection).
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from strangler.planes.export import Export, heading
from strangler.planes.plane import Plane, Split
from strangler_adapters.dataplanes.envoy_clusters import CERTIFICATES, Clusters
from strangler_adapters.dataplanes.envoy_routes import Routes, pseudonym, put
from strangler_adapters.dataplanes.ways import REPLACED, UNCLEAR_NOTE

Json = dict[str, Any]

FILE: Final = "envoy.yaml"

NOTES: Final = (
    UNCLEAR_NOTE,
    "Of the same kind are letters, digits and -._~ that are percent-encoded in a path, and another method in a header of any POST.",
    "Several slashes in a row are passed on as one.",
    "Routes are tried one after the other: with hundreds of functions a call takes tens of microseconds longer.",
)

SPREAD: Final = (
    "Callers are divided by Envoy's own hash (xxHash) of what they are told by, without the salt and without the function: as many of "
    "them are answered by new, but not the same ones as by the facade, and for all functions the same ones first."
)
COPIED: Final = "Of a read that is divided by weight the comparer gets a copy whoever answers; it compares those that it counts to legacy."
VERIFIED: Final = f"Certificates of upstreams are verified by {CERTIFICATES}."


def compile(plane: Plane) -> Export:
    """The picture as a bootstrap."""
    clusters = Clusters(plane)
    routes = Routes(plane, clusters).all()
    notes = (*plane.notes, *NOTES, *_more(plane))
    bootstrap = {"static_resources": {"listeners": [_listener(plane, routes)], "clusters": clusters.all()}}
    text = yaml.dump(bootstrap, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return Export({FILE: f"{heading(plane, 'Envoy', notes)}{text}"}, notes)


def _more(plane: Plane) -> list[str]:
    splits = [rule.action for rule in plane.rules if isinstance(rule.action, Split)]
    notes = [SPREAD] if splits else []
    if any(split.outside.mirrored for split in splits):
        notes.append(COPIED)
    if any(each.tls for each in plane.upstreams.values()):
        notes.append(VERIFIED)
    return notes


class _Plain(yaml.SafeDumper):
    """Writes everything where it stands, without references to what stands elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _listener(plane: Plane, routes: list[Json]) -> Json:
    host, _, port = plane.listen.rpartition(":")
    address = {"address": host.strip("[]") or "0.0.0.0", "port_value": int(port)}
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _manager(plane, routes),
    }
    return {
        "name": "strangler",
        "address": {"socket_address": address},
        "filter_chains": [{"filters": [manager]}],
    }


def _manager(plane: Plane, routes: list[Json]) -> Json:
    kind = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    }
    return {
        "@type": kind,
        "stat_prefix": "strangler",
        "codec_type": "AUTO",
        "server_header_transformation": "PASS_THROUGH",
        # Nobody counts as internal: what callers say in x-envoy-* headers, of retries too, is dropped.
        "use_remote_address": True,
        "skip_xff_append": True,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "generate_request_id": False,
        "normalize_path": False,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "request_headers_timeout": "10s",
        "stream_idle_timeout": f"{plane.limits.total:g}s",
        "common_http_protocol_options": {"idle_timeout": "60s"},
        "max_request_headers_kb": 96,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "route_config": _configuration(plane, routes),
    }


def _configuration(plane: Plane, routes: list[Json]) -> Json:
    came = [
        put("x-forwarded-for", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"),
        put("x-forwarded-host", "%REQ(:AUTHORITY)%"),
        # The manager's own `via` would be there before the routes look for it.
        {
            "header": {"key": "via", "value": f"1.1 {pseudonym(plane)}"},
            "append_action": "APPEND_IF_EXISTS_OR_ADD",
        },
    ]
    return {
        "name": "strangler",
        "request_headers_to_add": came,
        "request_headers_to_remove": [name.lower() for name in REPLACED],
        "response_headers_to_add": [put("x-strangler-generation", str(plane.stamp.generation))],
        "virtual_hosts": [{"name": "strangler", "domains": ["*"], "routes": routes}],
    }
