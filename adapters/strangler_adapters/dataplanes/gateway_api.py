"""The Gateway API of Kubernetes, v1: a Gateway, HTTPRoutes, and Services for what is outside of the cluster.

What it can't say goes to the facade. Without one, the export is refused when some of that could be a write of what left legacy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

import yaml

from strangler.errors import StranglerError
from strangler.planes.automaton import build
from strangler.planes.export import Export, heading
from strangler.planes.plane import COMPARER, FACADE, LEGACY, Action, Plane, Refuse, Rule, Split, To
from strangler_adapters.dataplanes.gateway_backends import Backends, label
from strangler_adapters.dataplanes.gateway_positions import METHODS, OTHERS, Position, Told, positions
from strangler_adapters.dataplanes.ways import REPLACED

Json = dict[str, Any]

FILE: Final = "gateway-api.yaml"

MATCHES: Final = 7
"""Most matches of a rule. The API has allowed more since 1.2, but no more than 128 in a route."""

RULES: Final = 16
"""Most rules of an HTTPRoute."""

NOTES: Final = (
    "The Gateway is of the class `strangler`: make a GatewayClass of that name with your controller.",
    "Paths are compared as the gateway spells them, a query as it reads it and a header as it comes: let its own policy refuse or "
    "normalise what servers read in several ways (%2F, a semicolon, encoded letters, a name twice, another method in a header).",
    "Legacy doesn't stand in for a dead service; that is for the gateway's own policies, like outlier detection and limits.",
    "Only routes whose path is literal, or literal with a {rest:path}, stand here, with method, headers and query as they ask for; all "
    "others would need regular expressions, whose place in the order is each gateway's own affair.",
)
SPREAD: Final = "Each call is divided anew by weight: a caller doesn't stay on one side."
FENCED: Final = "What is refused is answered with 500 and without Retry-After, since the Gateway API has no answer of its own."
TLS: Final = "Upstreams by https need a BackendTLSPolicy for their Service."
AWAY: Final = "What can't be said goes to the facade: {}."


def compile(plane: Plane) -> Export:
    """The picture as objects of Kubernetes. Raises StranglerError where it can't be said and there is no facade."""
    made = _Objects(plane)
    notes = (*plane.notes, *NOTES, *made.notes())
    text = yaml.safe_dump_all(made.objects, sort_keys=False, allow_unicode=True, width=120)
    return Export({FILE: f"{heading(plane, 'the Gateway API', notes, followed=False)}---\n{text}"}, notes)


class _Objects:
    def __init__(self, plane: Plane) -> None:
        if plane.ignore_case:
            raise StranglerError(
                "facade.ignore_case can't be said in the Gateway API",
                why="a gateway tells the case of paths",
                do="let the facade stand in front, or put all spellings into the routes and leave ignore_case out",
            )
        self._plane, self._backends = plane, Backends(plane)
        self._actions: list[Action] = [To(LEGACY)]
        self._unsaid: list[str] = []
        matches = self._matches()
        self._refuses = any(isinstance(action, Refuse) for action in matches)
        routes = self._routes(matches)
        self.objects = [self._gateway(), *routes, *self._backends.made]

    def notes(self) -> Iterator[str]:
        if any(isinstance(action, Split) for action in self._actions):
            yield SPREAD
        if self._refuses:
            yield FENCED
        if any(each.tls for each in self._plane.upstreams.values()):
            yield TLS
        if self._unsaid:
            yield AWAY.format(_some(self._unsaid))

    def _meaning(self, rule: Rule | None) -> str:
        action = To(LEGACY) if rule is None else self._plain(rule.action)
        if action not in self._actions:
            self._actions.append(action)
        return str(self._actions.index(action))

    def _plain(self, action: Action) -> Action:
        """The action without what can't be said."""
        if isinstance(action, Refuse):
            return To(FACADE) if FACADE in self._plane.upstreams else action
        if isinstance(action, To):
            return action._replace(fallback=None)
        return action._replace(
            inside=action.inside._replace(fallback=None), outside=action.outside._replace(fallback=None)
        )

    def _matches(self) -> dict[Action, list[Json]]:
        found: dict[Action, list[Json]] = {}
        for position in positions(build(self._plane.rules), self._meaning):
            for action, match in self._of(position):
                found.setdefault(action, []).append(match)
        if self._unsaid and FACADE not in self._plane.upstreams:
            raise StranglerError(
                f"the Gateway API can't say what becomes of {_some(self._unsaid)}",
                why="a parameter amid a path, a host, a cookie or any value of a header (*) would need regular expressions, which gateways "
                "order differently",
                do="name a running facade with --facade URL, which such calls are then sent to; or write such routes with {rest:path}",
            )
        return found

    def _of(self, position: Position) -> Iterator[tuple[Action, Json]]:
        path = "/" + "/".join(quote(segment, safe="!$&'()*+,;=:@~") for segment in position.path)
        if position.by_method is None:
            self._unsaid.append(path if position.exact else f"{path.rstrip('/')}/…")
            yield from ((To(FACADE), {"path": each}) for each in _paths(path, position.exact))
            return
        others = position.by_method[OTHERS]
        for method in (*METHODS, OTHERS):
            told = position.by_method[method]
            if method == OTHERS or told != others:
                for each in told:
                    for where in _paths(path, position.exact):
                        yield self._actions[int(each.way)], _match(where, method, each)

    def _routes(self, matches: dict[Action, list[Json]]) -> list[Json]:
        rules = [
            self._rule(action, some) for action, all_ in matches.items() for some in _pieces(all_, MATCHES)
        ]
        name = label(self._plane.name)
        return [
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": f"{name}-{number}"},
                "spec": {"parentRefs": [{"name": name}], "rules": some},
            }
            for number, some in enumerate(_pieces(rules, RULES))
        ]

    def _rule(self, action: Action, matches: Sequence[Json]) -> Json:
        if isinstance(action, Refuse):
            return {"matches": list(matches)}
        if isinstance(action, Split):
            refs = [
                self._backends.of(action.inside.upstream) | {"weight": action.weight},
                self._backends.of(action.outside.upstream) | {"weight": 10_000 - action.weight},
            ]
            mirrored = action.outside.mirrored
        else:
            refs, mirrored = [self._backends.of(action.upstream)], action.mirrored
        return {
            "matches": list(matches),
            "filters": [*self._headers(), *([self._mirror(mirrored)] if mirrored else [])],
            "backendRefs": refs,
            "timeouts": {"request": f"{round(self._plane.limits.total * 1000)}ms"},
        }

    def _headers(self) -> Iterator[Json]:
        yield {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": list(REPLACED)}}
        generation = {"name": "X-Strangler-Generation", "value": str(self._plane.stamp.generation)}
        yield {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [generation]}}

    def _mirror(self, share: float) -> Json:
        fraction = {"numerator": round(share * 10_000), "denominator": 10_000}
        return {
            "type": "RequestMirror",
            "requestMirror": {"backendRef": self._backends.of(COMPARER), "fraction": fraction},
        }

    def _gateway(self) -> Json:
        listener = {"name": "http", "protocol": "HTTP", "port": int(self._plane.listen.rpartition(":")[2])}
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": label(self._plane.name)},
            "spec": {"gatewayClassName": "strangler", "listeners": [listener]},
        }


def _paths(path: str, exact: bool) -> list[Json]:
    if not exact:
        return [{"type": "PathPrefix", "value": path}]
    return [{"type": "Exact", "value": each} for each in dict.fromkeys([path, f"{path.rstrip('/')}/"])]


def _match(path: Json, method: str, told: Told) -> Json:
    match: Json = {"path": path}
    if method:
        match["method"] = method
    if told.headers:
        match["headers"] = [{"name": name, "value": value} for name, value in told.headers]
    if told.query:
        match["queryParams"] = [{"name": name, "value": value} for name, value in told.query]
    return match


def _pieces(all_: list[Json], most: int) -> list[list[Json]]:
    return [all_[start : start + most] for start in range(0, len(all_), most)]


def _some(texts: Iterable[str]) -> str:
    all_ = list(dict.fromkeys(texts))
    return ", ".join(all_[:5]) + (f" and {len(all_) - 5} more" if len(all_) > 5 else "")
