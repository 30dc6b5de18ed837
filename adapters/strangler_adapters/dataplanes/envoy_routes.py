"""The routes of Envoy, in the order in which it tries them: what is refused or unclear before what is passed on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Final

from strangler.planes.plane import COMPARER, FACADE, LEGACY, Action, Plane, Refuse, Rule, Split, To
from strangler.routing.paths import Rank
from strangler_adapters.dataplanes import re2
from strangler_adapters.dataplanes.envoy_clusters import Clusters
from strangler_adapters.dataplanes.envoy_matches import EVERYTHING, header, matches, unclear
from strangler_adapters.dataplanes.ways import OVERRIDES, SAFE, WORSE

Json = dict[str, Any]


_FEW: Final = 50
"""Routes that may as well be tried one after the other."""


class Routes:
    """The routes of one plane; `clusters` learns whom they need."""

    def __init__(self, plane: Plane, clusters: Clusters) -> None:
        self._plane, self._clusters = plane, clusters
        self._ruled = [(rule, list(self._around(rule))) for rule in plane.rules]

    def all(self) -> list[Json]:
        """Those for any path."""
        return self._listed(self._ruled)

    def by_beginning(self) -> dict[str, list[Json]]:
        """For beginnings of paths, each with a slash at its end, the routes that some path takes which begins so. Envoy tries routes one
        after the other, so these lists are what keeps a call quick where there are many functions."""
        if self._plane.ignore_case:
            return {}
        found: dict[str, list[Json]] = {}
        for beginning in sorted(
            set(filter(None, map(_beginning, self._plane.rules))), key=lambda each: each.count("/")
        ):
            ruled = self._nearest(found, beginning)
            if ruled is None or len(ruled) > _FEW:
                some = [each for each in self._ruled if _may_begin(each[0], beginning)]
                found[f"{beginning}/"] = self._listed(some)
        return found

    def _nearest(self, found: Mapping[str, list[Json]], beginning: str) -> list[Json] | None:
        """The list that paths with this beginning have already; None where it is that of all."""
        while beginning:
            beginning = beginning.rpartition("/")[0]
            if f"{beginning}/" in found:
                return found[f"{beginning}/"]
        return None

    def _listed(self, ruled: Iterable[tuple[Rule, list[Json]]]) -> list[Json]:
        """Each once; a later one with the same match is never reached."""
        found: dict[str, Json] = {}
        inner = [route for _, routes in ruled for route in routes]
        for route in (*self._before(), *inner, *self._unrouted()):
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

    def _around(self, rule: Rule) -> Iterator[Json]:
        """The routes of a rule, before them those of requests that are unclear there."""
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


def _beginning(rule: Rule) -> str:
    """The literal segments of a rule's path, as far as they have one spelling."""
    return "".join(f"/{text}" for text in takewhile(re2.is_plain_text, _literals(rule)))


def _literals(rule: Rule) -> list[str]:
    return [text for _, text in takewhile(lambda each: each[0] is Rank.LITERAL, rule.route.template)]


def _may_begin(rule: Rule, beginning: str) -> bool:
    """Whether some path with this beginning fits the rule's path."""
    segments = beginning.split("/")[1:]
    for (rank, text), segment in zip(rule.route.template, segments, strict=False):
        if rank is Rank.REST:
            return True
        if rank is Rank.LITERAL and text != segment:
            return False
    # A path that ends where the beginning does has a slash behind it.
    return len(rule.route.template) >= len(segments)


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
