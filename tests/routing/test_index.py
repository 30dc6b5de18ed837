"""The index against a naive matcher that tries every route on every request, and what must hold whatever the routes are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.cutover.stages import Side, Stage
from strangler.routing import Asked, BadPath, Values
from tests.routing.tables import Routes, ask, standings, table

SEGMENTS = ("a", "b", "c")
VALUES = ("1", "2", "*")

templates = st.builds(
    lambda parts, rest: "/" + "/".join([*parts, *rest]),
    st.lists(st.sampled_from((*SEGMENTS, "{x}")), max_size=3),
    st.sampled_from(([], ["{rest:path}"])),
)
accepted = st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True)
matches = st.fixed_dictionaries(
    {"path": templates},
    optional={
        "method": st.lists(st.sampled_from(("GET", "PUT")), min_size=1, max_size=2, unique=True),
        "host": st.sampled_from(("x.example.com", "*.example.com", "*.com")),
        "headers": st.fixed_dictionaries({"x-org": accepted}),
        "query": st.dictionaries(st.sampled_from(("p", "q")), accepted, min_size=1, max_size=2),
        "cookies": st.fixed_dictionaries({"c": accepted}),
        "json": st.dictionaries(st.sampled_from(("m", "n")), accepted, min_size=1, max_size=2),
        "form": st.fixed_dictionaries({"f": accepted}),
    },
)
routes = st.lists(matches, min_size=1, max_size=8)
value = st.sampled_from(("1", "2", "3", None))
requests = st.fixed_dictionaries(
    {
        "path": st.lists(st.sampled_from(SEGMENTS), max_size=4).map(lambda parts: "/" + "/".join(parts)),
        "method": st.sampled_from(("GET", "PUT", "DELETE")),
        "host": st.sampled_from(("x.example.com", "y.example.com", "example.com", "other.org")),
        "x-org": value,
        "p": value,
        "q": value,
        "c": value,
        "m": value,
        "n": value,
        "f": value,
    }
)


def sent(request: Mapping[str, Any]) -> tuple[Asked, Values]:
    query = "&".join(f"{name}={request[name]}" for name in ("p", "q") if request[name])
    headers = {"host": request["host"]}
    if request["x-org"]:
        headers["x-org"] = request["x-org"]
    if request["c"]:
        headers["cookie"] = f"other=2; c={request['c']}"
    values = {(kind, name): request[name] for kind, name in (("json", "m"), ("json", "n"), ("form", "f"))}
    return Asked(request["method"], request["path"] + (f"?{query}" if query else ""), headers), values


def fits(match: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether a request meets a route, said as plainly as can be."""
    parts = [part for part in request["path"].split("/") if part]
    steps = [part for part in match["path"].split("/") if part]
    if steps and steps[-1] == "{rest:path}":
        steps.pop()
        parts = parts[: len(steps)] if len(parts) >= len(steps) else []
    if len(parts) != len(steps) or any(s not in ("{x}", p) for s, p in zip(steps, parts, strict=True)):
        return False
    if "method" in match and request["method"] not in match["method"]:
        return False
    host = match.get("host", request["host"])
    if host != request["host"] and not (host[0] == "*" and request["host"].endswith(host[1:])):
        return False
    named = [
        each
        for place in ("headers", "query", "cookies", "json", "form")
        for each in match.get(place, {}).items()
    ]
    return all(request[name] and ("*" in values or request[name] in values) for name, values in named)


def rank(match: Mapping[str, Any]) -> tuple[Any, ...]:
    """Lower is more specific, by the rules of docs/routing.md."""
    steps = [part for part in match["path"].split("/") if part]
    path = [3 if step == "{rest:path}" else 2 if step == "{x}" else 1 for step in steps] + [0]
    host = match.get("host")
    hosts = 0 if host is None else -len(host) if host[0] == "*" else -1000
    named = [
        each
        for place in ("headers", "query", "cookies", "json", "form")
        for each in match.get(place, {}).values()
    ]
    method = "method" in match
    return path, hosts, -len(named) - method, -sum("*" not in values for values in named) - method


@settings(max_examples=400, deadline=None)
@given(routes=routes, request=requests)
def test_the_index_agrees_with_trying_every_route(
    routes: list[dict[str, Any]], request: dict[str, Any]
) -> None:
    compiled = table({f"f{n}": [{"kind": "read", "match": match}] for n, match in enumerate(routes)})
    fitting = [n for n, match in enumerate(routes) if fits(match, request)]
    best = min((rank(routes[n]) for n in fitting), default=None)
    asked, values = sent(request)
    allowed = {f"f{n}" for n in fitting if rank(routes[n]) == best} or {None}
    assert ask(compiled, asked, values).function in allowed


@settings(max_examples=400, deadline=None)
@given(routes=routes, request=requests)
def test_what_path_and_method_settle_is_what_all_of_the_request_comes_to(
    routes: list[dict[str, Any]], request: dict[str, Any]
) -> None:
    compiled = table({f"f{n}": [{"kind": "read", "match": match}] for n, match in enumerate(routes)})
    asked, values = sent(request)
    settled = compiled.settle(asked)
    for seen in (values, None):
        if settled is not None:
            assert (settled or None) is compiled.find(asked).choose(asked, seen)


def test_most_routes_are_settled_by_path_and_method_alone() -> None:
    compiled = table({"f": [{"kind": "read", "match": {"path": "/a/{x}", "method": ["GET"]}}]})
    settled = compiled.settle(Asked("GET", "/a/1?p=2", {"host": "erp"}))
    assert settled
    assert settled.function == "f"
    assert compiled.settle(Asked("GET", "/b", {})) is False
    assert compiled.settle(Asked("POST", "/a/1", {})) is None, "a header may make another method of it"


@settings(max_examples=400, deadline=None)
@given(routes=routes, request=requests, before=st.lists(requests, max_size=3), override=st.booleans())
def test_what_a_table_found_before_changes_nothing(
    routes: list[dict[str, Any]], request: dict[str, Any], before: list[dict[str, Any]], override: bool
) -> None:
    functions = {f"f{n}": [{"kind": "read", "match": match}] for n, match in enumerate(routes)}
    used, fresh = table(functions), table(functions)
    for each in before:
        used.find(sent({**each, "path": request["path"], "method": request["method"]})[0])
    asked, values = sent(request)
    if override:
        asked.headers["x-http-method-override"] = "PUT"  # type: ignore[index]
    for seen in (values, None):
        assert ask(used, asked, seen) == ask(fresh, asked, seen)


@settings(max_examples=200, deadline=None)
@given(routes=routes, request=requests)
def test_a_body_is_asked_for_only_where_it_can_change_the_answer(
    routes: list[dict[str, Any]], request: dict[str, Any]
) -> None:
    compiled = table({f"f{n}": [{"kind": "read", "match": match}] for n, match in enumerate(routes)})
    asked, values = sent(request)
    wanted = compiled.find(asked).wanted
    known = {(kind, name): values[kind, name] for kind, names in wanted.items() for name in names}
    assert ask(compiled, asked, known) == ask(compiled, asked, values)
    if not wanted:
        assert ask(compiled, asked, None) == ask(compiled, asked, values)


@settings(max_examples=200, deadline=None)
@given(
    routes=routes,
    request=requests,
    live=st.sets(st.integers(0, 7)),
    other=st.fixed_dictionaries({"m": value, "n": value, "f": value}),
)
def test_invariant_4_a_hidden_body_never_reaches_legacy_past_a_function_that_left_it(
    routes: list[dict[str, Any]], request: dict[str, Any], live: set[int], other: dict[str, str | None]
) -> None:
    compiled = table({f"f{n}": [{"kind": "write", "match": match}] for n, match in enumerate(routes)})
    at = standings(**{f"f{n}": Stage.LIVE for n in live})
    asked, _ = sent(request)
    hidden = ask(compiled, asked, None, at)
    shown = ask(compiled, asked, sent({**request, **other})[1], at)
    if hidden.status is None and hidden.side is Side.LEGACY:
        assert shown.side is Side.LEGACY, "legacy was let have what the body shows to be new's"


def spelled(path: str) -> st.SearchStrategy[str]:
    """The same path as servers may be told it."""

    def segment(text: str) -> st.SearchStrategy[str]:
        encoded = "".join(f"%{ord(each):02x}" for each in text)
        twice = encoded.replace("%", "%25")
        return st.sampled_from(
            (text, quote(text), encoded, encoded.upper(), twice, f"{text};v=1", f"{text};")
        )

    slash = st.sampled_from(("/", "//", "%2F", "%2f", "\\", "%5C", "%252F"))
    parts = [part for part in path.split("/") if part]
    pieces = [piece for part in parts for piece in (slash, segment(part))]
    return st.tuples(*pieces).map(lambda chosen: "/" + "".join(chosen).lstrip("/\\"))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_spelling_never_escapes(data: st.DataObject) -> None:
    path = data.draw(
        st.sampled_from(("/parties/merge", "/parties/7", "/odata/Orders", "/odata/Orders('1')/Items"))
    )
    compiled = table(
        {
            "party": [{"kind": "write", "match": {"path": "/parties/{id}"}}],
            "merge": [{"kind": "write", "match": {"path": "/parties/merge"}}],
            "order": [{"kind": "write", "match": {"path": "/odata", "odata": "Orders"}}],
        }
    )
    live = standings(party=Stage.LIVE, merge=Stage.LIVE, order=Stage.LIVE)
    try:
        decision = ask(compiled, Asked("POST", data.draw(spelled(path)), {}), None, live)
    except BadPath:
        return
    assert decision.side is Side.NEW or decision.status == 422


@pytest.mark.parametrize("inside", [False, True])
def test_the_cost_of_a_request_doesnt_grow_with_the_functions(inside: bool) -> None:
    def route(number: int) -> Routes:
        if inside:
            return [{"kind": "read", "match": {"path": "/rpc", "json": {"method": f"f{number}.read"}}}]
        return [{"kind": "read", "match": {"path": f"/api/f{number}/{{id}}"}}]

    def asking(count: int) -> Callable[[], None]:
        compiled = table({f"f{number}": route(number) for number in range(count)})
        asked = Asked("POST", "/rpc" if inside else f"/api/f{count // 2}/7", {})
        values = {("json", "method"): f"f{count // 2}.read"}
        at = standings()

        def ask_often() -> None:
            for _ in range(50):
                assert ask(compiled, asked, values, at).function == f"f{count // 2}"

        return ask_often

    # Taken in turns, so that what else the machine does weighs on both.
    few, many = asking(2), asking(2000)
    took = [(seconds(few), seconds(many)) for _ in range(40)]
    least = [min(each) for each in zip(*took, strict=True)]
    assert least[1] < least[0] * 3, (
        f"{least[1] / least[0]:.1f} times the cost for a thousand times the functions"
    )


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_matching_is_whole_for_every_pair_of_methods_and_hosts() -> None:
    matches = [
        {"path": "/p", "method": [method], "host": [host]}
        for method, host in product(("GET", "PUT"), ("a.example.com", "b.example.com"))
    ]
    compiled = table({f"f{n}": [{"kind": "read", "match": match}] for n, match in enumerate(matches)})
    for number, match in enumerate(matches):
        asked = Asked(match["method"][0], "/p", {"host": match["host"][0]})
        assert ask(compiled, asked).function == f"f{number}"
