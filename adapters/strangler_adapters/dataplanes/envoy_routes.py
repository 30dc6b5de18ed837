"""The routes of Envoy, in the order in which it tries them: what is refused or unclear before what is passed on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from strangler.planes.plane import COMPARER, FACADE, LEGACY, Action, Plane, Refuse, Rule, Split, To
from strangler_adapters.dataplanes import re2
from strangler_adapters.dataplanes.envoy_clusters import Clusters
from strangler_adapters.dataplanes.envoy_matches import EVERYTHING, header, matches, unclear
from strangler_adapters.dataplanes.ways import OVERRIDES, SAFE, WORSE

Json = dict[str, Any]


class Routes:
    """The routes of one plane; `clusters` learns whom they need."""

    def __init__(self, plane: Plane, clusters: Clusters) -> None:
        self._plane, self._clusters = plane, clusters

    def all(self) -> list[Json]:
        """Each once; a later one with the same match is never reached."""
        found: dict[str, Json] = {}
        for route in (*self._before(), *self._ruled(), *self._unrouted()):
            found.setdefault(json.dumps(route["match"], sort_keys=True), route)
        return list(found.values())

    def _before(self) -> Iterator[Json]:
        """What is the same whatever the path belongs to."""
        plane = self._plane
        again = rf"(?:.*[ ,])?1\.1 {re.escape(pseudonym(plane))}(?:[ ,].*)?"
        loop = Refuse(508, "the call has been here already")
        yield self._route(EVERYTHING | {"headers": [header("via", regex=again)]}, loop)
        yield self._route({"safe_regex": {"regex": re2.BAD}}, WORSE)
        yield self._route({"safe_regex": {"regex": re2.odd(plane.ignore_case)}}, plane.unclear)
        if any(rule.route.methods is not None for rule in plane.rules):
            for name in OVERRIDES:
                both = [header(":method", values=["POST"]), {"name": name, "present_match": True}]
                yield self._route(EVERYTHING | {"headers": both}, plane.unclear)

    def _ruled(self) -> Iterator[Json]:
        for rule in self._plane.rules:
            for match in unclear(rule, self._plane.ignore_case):
                yield self._route(match, self._plane.unclear)
            yield from self._of(rule)

    def _of(self, rule: Rule) -> Iterator[Json]:
        match, methods = matches(rule, self._plane.ignore_case), rule.route.methods
        if rule.route.kind == "write" or isinstance(rule.action, Refuse) or self._is_facade(rule.action):
            yield self._route(match, rule.action)
            return
        safe = frozenset(SAFE) if methods is None else methods & frozenset(SAFE)
        if safe:
            others = [each for each in match.get("headers", []) if each["name"] != ":method"]
            only = match | {"headers": [header(":method", values=safe), *others]}
            yield self._route(only, rule.action, again=True)
        if methods is None or methods - safe:
            yield self._route(match, rule.action)

    def _is_facade(self, action: Action) -> bool:
        # What the facade is to decide may be a write, whatever the route calls it.
        return isinstance(action, To) and action.upstream == FACADE

    def _unrouted(self) -> Iterator[Json]:
        yield self._route(EVERYTHING | {"headers": [header(":method", values=SAFE)]}, To(LEGACY), again=True)
        yield self._route(EVERYTHING, To(LEGACY))

    def _route(self, match: Mapping[str, Any], action: Action, again: bool = False) -> Json:
        if isinstance(action, Refuse):
            return {"match": match, **_refusal(action)}
        return {"match": match, "route": self._passed(action, again)}

    def _passed(self, action: To | Split, again: bool) -> Json:
        passed: Json = {"timeout": f"{self._plane.limits.total:g}s"}
        if isinstance(action, To):
            passed["cluster"] = self._clusters.of(action)
            passed |= self._based(action)
        else:
            passed["weighted_clusters"] = self._split(action)
            passed["hash_policy"] = self._caller()
        places = [action] if isinstance(action, To) else [action.inside, action.outside]
        if again:
            passed["retry_policy"] = _again(any(to.fallback for to in places))
        if mirrored := [to.mirrored for to in places if to.mirrored]:
            passed["request_mirror_policies"] = [self._mirror(max(mirrored))]
        return passed

    def _split(self, split: Split) -> Json:
        """New first, so that a higher weight only adds callers."""
        weights = [(split.inside, split.weight), (split.outside, 10_000 - split.weight)]
        return {
            "use_hash_policy": True,
            "clusters": [{"name": self._clusters.of(to), "weight": weight} for to, weight in weights],
        }

    def _caller(self) -> list[Json]:
        """The first of what the caller is told by counts."""
        sticky = self._plane.sticky
        found = [{"header": {"header_name": name}, "terminal": True} for name in sticky.headers]
        found += [{"cookie": {"name": name}, "terminal": True} for name in sticky.cookies]
        return [*found, {"connection_properties": {"source_ip": True}}]

    def _mirror(self, share: float) -> Json:
        part = {"numerator": round(share * 1_000_000), "denominator": "MILLION"}
        cluster = self._clusters.of(To(COMPARER))
        return {"cluster": cluster, "runtime_fraction": {"default_value": part}}

    def _based(self, to: To) -> Json:
        base = self._plane.upstreams[to.upstream].base
        if not base:
            return {}
        rewritten = base.replace("\\", r"\\")
        return {"regex_rewrite": {"pattern": {"regex": "^/"}, "substitution": f"{rewritten}/"}}


def pseudonym(plane: Plane) -> str:
    # Not the facade's own: a call that goes on to it hasn't been there yet.
    return f"{plane.pseudonym}-envoy"


def _again(elsewhere: bool) -> Json:
    """A read may be sent again, and then to whoever stands in."""
    policy: Json = {"retry_on": "connect-failure,refused-stream,reset,gateway-error", "num_retries": 1}
    if elsewhere:
        kind = "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
        policy["retry_priority"] = {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {"@type": kind, "update_frequency": 1},
        }
    return policy


def _refusal(refuse: Refuse) -> Json:
    said = {
        "type": "about:blank",
        "title": HTTPStatus(refuse.status).phrase,
        "status": refuse.status,
        "detail": refuse.why,
    }
    headers = {"content-type": "application/problem+json"}
    if refuse.retry_after is not None:
        headers["retry-after"] = str(refuse.retry_after)
    return {
        "direct_response": {"status": refuse.status, "body": {"inline_string": json.dumps(said)}},
        "response_headers_to_add": [put(name, value) for name, value in headers.items()],
    }


def put(name: str, value: str) -> Json:
    """A header that replaces what is there."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
