"""What a request must be for a route of Envoy (`RouteMatch`), and what makes it unclear there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from strangler.planes.plane import Rule
from strangler.routing.paths import Rank, Template
from strangler.routing.route import ANY, BODY, Condition
from strangler_adapters.dataplanes import re2

Json = dict[str, Any]

EVERYTHING: Final[Json] = {"prefix": "/"}


def matches(rule: Rule, ignore_case: bool) -> Json:
    """A request that the rule takes by its head."""
    route = rule.route
    headers, query = [], []
    if route.methods is not None:
        headers.append(header(":method", values=route.methods))
    if route.host is not None:
        headers.append(header(":authority", regex=re2.host(route.host)))
    for each in _told(rule):
        if each.axis == "query":
            query.append({"name": each.name, **_present_or(each)})
        else:
            headers.append(_of_head(each))
    return _match(path(route.template, ignore_case), headers, query)


def unclear(rule: Rule, ignore_case: bool) -> Iterator[Json]:
    """Requests on the rule's path that say what it looks at in several ways."""
    here = path(rule.route.template, ignore_case)
    methods = [header(":method", values=rule.route.methods)] if rule.route.methods is not None else []
    for each in _told(rule):
        if each.axis == "query":
            yield _match(here, [*methods, header(":path", regex=re2.query_unclear(each.name))])
        elif each.axis == "cookie":
            yield _match(here, [*methods, header("cookie", regex=re2.cookie_twice(each.name))])
        else:
            yield _match(here, [*methods, *_listed(each)])


def _told(rule: Rule) -> list[Condition]:
    """What the rule wants of the head."""
    return [each for each in rule.route.conditions if each.axis not in BODY]


def _match(path: Json, headers: list[Json], query: list[Json] | None = None) -> Json:
    return path | ({"headers": headers} if headers else {}) | ({"query_parameters": query} if query else {})


def path(template: Template, ignore_case: bool) -> Json:
    """The paths that a template takes. Where that is all below a literal one, no regular expression is needed."""
    prefix = re2.literals(template)
    if template and template[-1][0] is Rank.REST and prefix and re2.is_plain(template):
        return {"path_separated_prefix": prefix} | ({"case_sensitive": False} if ignore_case else {})
    if [rank for rank, _ in template] == [Rank.REST]:
        return dict(EVERYTHING)
    return {"safe_regex": {"regex": re2.path(template, ignore_case)}}


def header(
    name: str, *, values: Collection[str] | None = None, regex: str | None = None, but: bool = False
) -> Json:
    """A header that is one of these values, or fits the expression; `but`: that isn't."""
    if values is not None and len(values) == 1:
        found: Json = {"exact": next(iter(values))}
    else:
        found = {"safe_regex": {"regex": regex if values is None else re2.any_of(values)}}
    return {"name": name, "string_match": found} | ({"invert_match": True} if but else {})


def _present_or(condition: Condition) -> Json:
    if ANY in condition.values:
        return {"present_match": True}
    one = header("", values=condition.values)
    return {"string_match": one["string_match"]}


def _of_head(condition: Condition) -> Json:
    if condition.axis == "cookie":
        values = None if ANY in condition.values else condition.values
        return header("cookie", regex=re2.cookie(condition.name, values))
    return {"name": condition.name, **_present_or(condition)}


def _listed(condition: Condition) -> Iterator[Json]:
    """A header with several values in a list that isn't itself a value that is asked for."""
    yield {"name": condition.name, "string_match": {"contains": ","}}
    if lists := sorted(value for value in condition.values if "," in value):
        yield header(condition.name, values=lists, but=True)
