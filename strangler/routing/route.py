"""Route: a route of the settings in the form in which it is matched, and which of two is the more specific one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from strangler.routing.asked import OPERATION
from strangler.routing.paths import Rank, Template, below, compile_template, lowered, specificity
from strangler.routing.scope import Scope, scope_of
from strangler.settings import Function, Match, Route

Kind = Literal["read", "write"]

Axis = Literal["header", "query", "cookie", "json", "form", "xml"]
"""Where a value is looked for."""

ANY: Final = "*"
"""In a route: any value, as long as there is one."""

BODY: Final = frozenset[Axis](("json", "form", "xml"))
"""The axes for which the body must be looked into."""


class Condition(NamedTuple):
    """What a request must have at one place: one of these values."""

    axis: Axis
    name: str
    values: frozenset[str]

    @property
    def exact(self) -> bool:
        return ANY not in self.values


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRoute:
    """A route, with one host and one entity set at most: one that names several is as many of these.

    `index` is its place among the routes of the function. An `opaque` one takes requests which hold others inside, as OData's `$batch`
    does: which function they are about isn't known.
    """

    function: str
    index: int
    kind: Kind
    operation: str | None
    template: Template
    methods: frozenset[str] | None
    host: str | None
    conditions: tuple[Condition, ...]
    opaque: bool = False
    scope: Scope | None = None

    @property
    def order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Sort key: the more specific path first, then what `rank` says."""
        return specificity(self.template), self.rank

    @property
    def rank(self) -> tuple[int, ...]:
        """Sort key behind the path: a host before none, the longer before the shorter, more conditions before fewer, exact ones before
        `*`. Routes alike in all this are in conflict where a request meets both; then a write comes first, as the safe answer."""
        wide = self.host is not None and self.host.startswith("*")
        host = 0 if self.host is None else -len(self.host) if wide else -1000
        method = self.methods is not None
        exact = sum(each.exact for each in self.conditions) + method
        return (self.opaque, host, -len(self.conditions) - method, -exact)

    @property
    def place(self) -> str:
        """Where it stands in the configuration."""
        return f"functions.{self.function}.routes[{self.index}]"

    @property
    def looks_inside(self) -> bool:
        """Whether the body tells if it takes a request."""
        return any(each.axis in BODY for each in self.conditions)


def compiled(functions: Mapping[str, Function], *, ignore_case: bool) -> Iterator[CompiledRoute]:
    """All routes of all functions. Raises ValueError for a template that can't be read."""
    for name, function in functions.items():
        for index, route in enumerate(function.routes):
            for each in compile_route(name, index, route):
                template = lowered(each.template) if ignore_case else each.template
                yield replace(each, template=template, scope=scope_of(function, template))


def compile_route(function: str, index: int, route: Route) -> Iterator[CompiledRoute]:
    """What one route of the settings is when it is matched. Raises ValueError for a template that can't be read."""
    match, root = route.match, compile_template(route.match.path)
    methods = frozenset(method.upper() for method in match.method) if match.method is not None else None
    conditions = tuple(_conditions(match))
    for host in match.host or (None,):
        plain = CompiledRoute(
            function,
            index,
            route.kind,
            route.operation,
            root,
            methods,
            host.lower() if host else None,
            conditions,
        )
        if not match.odata:
            yield plain
        for entity_set in match.odata:
            yield replace(plain, template=below(root, entity_set))
        if match.odata:
            head = tuple(each for each in conditions if each.axis not in BODY)
            batch = (*root, (Rank.LITERAL, "$batch"))
            yield replace(plain, template=batch, methods=None, kind="write", conditions=head, opaque=True)


def _conditions(match: Match) -> Iterator[Condition]:
    given: tuple[tuple[Axis, Mapping[str, list[str]]], ...] = (
        ("header", {name.lower(): values for name, values in match.headers.items()}),
        ("query", match.query),
        ("cookie", match.cookies),
        ("json", match.json_body),
        ("form", match.form),
        ("xml", match.xml | ({OPERATION: match.soap} if match.soap else {})),
    )
    for axis, named in given:
        for name, values in named.items():
            yield Condition(axis, name, frozenset(values))
