"""Envoy: a whole bootstrap, static, of the v3 API: a listener, its routes, their clusters. For Envoy 1.36 or newer.

Envoy tries routes one after the other; a tree of the literal beginnings of paths keeps what it has to try short. It holds a call to its
whole time, and finds a dead service by its failures (outlier detection) and by asking for its health.
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
    "Routes are tried one after the other, among those for the literal beginning of the path: with 500 functions a call took about half as "
    "much processor time again as with one.",
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
    host = _host(Routes(plane, clusters))
    notes = (*plane.notes, *NOTES, *_more(plane))
    bootstrap = {"static_resources": {"listeners": [_listener(plane, host)], "clusters": clusters.all()}}
    text = yaml.dump(bootstrap, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=120)
    return Export({FILE: f"{heading(plane, 'Envoy', notes, followed=False)}{text}"}, notes)


def _more(plane: Plane) -> list[str]:
    splits = [rule.action for rule in plane.rules if isinstance(rule.action, Split)]
    notes = [SPREAD] if splits else []
    if any(split.outside.mirrored for split in splits):
        notes.append(COPIED)
    if any(each.tls for each in plane.upstreams.values()):
        notes.append(VERIFIED)
    return notes


# The one in C is there where PyYAML was built with it.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Plain(_Dumper):  # type: ignore[misc]
    """Writes everything where it stands, without references to what stands elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _listener(plane: Plane, host: Json) -> Json:
    name, _, port = plane.listen.rpartition(":")
    address = {"address": name.strip("[]") or "0.0.0.0", "port_value": int(port)}
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _manager(plane, host),
    }
    return {
        "name": "strangler",
        "address": {"socket_address": address},
        "filter_chains": [{"filters": [manager]}],
    }


def _manager(plane: Plane, host: Json) -> Json:
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
        "route_config": _configuration(plane, host),
    }


def _configuration(plane: Plane, host: Json) -> Json:
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
        "virtual_hosts": [{"name": "strangler", "domains": ["*"], **host}],
    }


def _host(routes: Routes) -> Json:
    """The routes of the host: looked up by the beginning of the path where beginnings are known."""
    beginnings = routes.by_beginning()
    if not beginnings:
        return {"routes": routes.all()}
    kind = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
    tree = {
        "input": {"name": "path", "typed_config": {"@type": kind, "header_name": ":path"}},
        "prefix_match_map": {"map": {each: _tried(found) for each, found in beginnings.items()}},
    }
    return {"matcher": {"matcher_tree": tree, "on_no_match": _tried(routes.all())}}


def _tried(routes: list[Json]) -> Json:
    kind = "type.googleapis.com/envoy.config.route.v3.RouteList"
    return {"action": {"name": "routes", "typed_config": {"@type": kind, "routes": routes}}}
