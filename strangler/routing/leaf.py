"""Leaf: all routes that share a path, and which of them takes a request, at a cost that doesn't depend on how many there are. Pure.

The routes are numbered, the most specific first. For each thing that any of them asks for (a method, a header, a name in the body) there
is a table: value → the routes that take it, as bits of one number; the routes that don't ask for it have their bit in every
entry. A request's routes are then the `&` of one entry for each thing asked, and the lowest bit is the one that answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from strangler.routing.asked import OPERATION, Asked, Values, Wanted
from strangler.routing.paths import BadPath
from strangler.routing.route import ANY, BODY, Axis, CompiledRoute, Condition

PLANS: Final = 4096
"""Most sets of routes for which a leaf remembers what they want of the body."""

PLAIN: Final = frozenset(("GET", "HEAD", "PUT", "PATCH", "DELETE"))
"""Methods that are nothing but themselves."""

HOST: Final = 253
"""Longest name of a host, as DNS has it; a longer one is none that a route could name."""

_WHERE: Final[Mapping[Axis, str]] = {"header": "head", "query": "query", "cookie": "cookies"}


class Contradiction(ValueError):
    """The request says two things about what it asks for; `bits` are the routes that either could mean."""

    def __init__(self, bits: int) -> None:
        super().__init__("the SOAPAction and the body name different operations")
        self.bits = bits


class Plan(NamedTuple):
    """What becomes of a request that meets certain routes of a leaf by its head.

    `routes` are those that may answer, the most specific first, up to the first that asks nothing of the body. `inside`: the body
    decides among them. `final`: one of them answers, whatever is in the body. `wanted` is what must be known of it.
    """

    routes: tuple[CompiledRoute, ...]
    inside: bool
    final: bool
    wanted: Wanted


class Choice:
    """The routes by the value at one place of a request."""

    __slots__ = ("absent", "axis", "by_value", "key", "name", "present")

    def __init__(self, axis: Axis, name: str, asking: Mapping[int, Condition], every: int) -> None:
        self.axis, self.name, self.key = axis, name, (axis, name)
        self.absent = every & ~_bits(asking)
        self.present = self.absent | _bits(bit for bit, each in asking.items() if ANY in each.values)
        self.by_value = _table(((bit, each.values) for bit, each in asking.items()), self.present)

    def of(self, value: str | None) -> int:
        """The routes that take this value, or that there is none."""
        return self.absent if value is None else self.by_value.get(value, self.present)

    def of_all(self, values: Collection[str]) -> int:
        """The same where a request has several values, of which servers obey one or another. Raises BadPath when that matters."""
        known = {self.by_value[value] for value in values if value in self.by_value}
        if len(known) > 1:
            where = _WHERE[self.axis]
            raise BadPath(f"the {where} gives {self.name} twice, and servers differ in which one they obey")
        return known.pop() if known else self.present

    def alike(self, asking: Condition | None) -> int:
        """The routes that some request meets there that also meets this condition."""
        if asking is None or ANY in asking.values:
            return ~0
        bits = 0
        for value in asking.values:
            bits |= self.of(value)
        return bits

    def by_head(self, asked: Asked) -> int:
        """The routes that take what the head has there."""
        if self.axis == "header":
            value = asked.headers.get(self.name)
            if value is None or value in self.by_value or "," not in value:
                return self.of(value)
            return self.of_all([part.strip() for part in value.split(",")])
        values = (asked.query if self.axis == "query" else asked.cookies).get(self.name)
        if not values:
            return self.absent
        return self.of(values[0]) if len(values) == 1 else self.of_all(values)


class Hosts:
    """The routes by the host that is asked for."""

    __slots__ = ("below", "exact", "free")

    def __init__(self, routes: Sequence[CompiledRoute]) -> None:
        named = [(number, route.host) for number, route in enumerate(routes) if route.host]
        self.free = _bits(number for number, route in enumerate(routes) if not route.host)
        self.exact = _table((number, (host,)) for number, host in named)
        self.below = _table((number, (host[2:],)) for number, host in named if host.startswith("*."))

    def of(self, host: str) -> int:
        bits = self.free | self.exact.get(host, 0)
        if len(host) <= HOST and self.below:
            while "." in host:
                host = host.partition(".")[2]
                bits |= self.below.get(host, 0)
        return bits


class Leaf:
    """The routes of one path. `order` is how specific the path is."""

    __slots__ = (
        "_any_method",
        "_by_method",
        "_head",
        "_hosts",
        "_inside",
        "_operation",
        "_plans",
        "every",
        "members",
        "order",
        "routes",
        "settled",
    )

    def __init__(self, order: tuple[int, ...], routes: Iterable[CompiledRoute]) -> None:
        self.order = order
        self.routes = tuple(sorted(routes, key=lambda route: (route.rank, route.kind == "read")))
        self.members = frozenset(self.routes)
        self.every = (1 << len(self.routes)) - 1
        self._any_method = _bits(n for n, route in enumerate(self.routes) if route.methods is None)
        self._by_method = _table(
            ((n, route.methods) for n, route in enumerate(self.routes) if route.methods), self._any_method
        )
        self._hosts = Hosts(self.routes) if any(route.host for route in self.routes) else None
        choices = list(_choices(self.routes, self.every))
        self._head = tuple(each for each in choices if each.axis not in BODY)
        self._inside = tuple(each for each in choices if each.axis in BODY and each.name != OPERATION)
        self._operation = next((each for each in choices if each.name == OPERATION), None)
        self._plans: dict[int, Plan] = {}
        self.settled = dict(self._settle())
        """Method → the route that takes every request with it, where nothing else of one matters."""

    @property
    def by_line(self) -> bool:
        """Whether nothing of a head matters but its first line, and what puts another method in its place."""
        return self._hosts is None and not self._head

    def _settle(self) -> Iterator[tuple[str, CompiledRoute]]:
        if not self.by_line:
            return
        # A POST may be another method to those who heed a header.
        for method in (*self._by_method, *PLAIN.difference(self._by_method)):
            bits = self._by_method.get(method, self._any_method) if self._by_method else self.every
            if bits and method != "POST" and (plan := self.plan(bits)).final:
                best = self.best(bits)
                if not plan.inside and not best.opaque and best.scope is None:
                    yield method, best

    def by_head(self, asked: Asked, unknown: Collection[str] = ()) -> int:
        """The routes that the request meets as far as its head tells, as bits; what is at an `unknown` axis (or `host`) isn't known of it
        and counts as met. Raises BadPath."""
        bits = self.every
        if self._by_method:
            bits = self._by_method.get(asked.method, self._any_method)
            if asked.method == "POST":
                for method in asked.methods[1:]:
                    bits |= self._by_method.get(method, self._any_method)
        if self._hosts is not None and "host" not in unknown:
            bits &= self._hosts.of(asked.host)
        for choice in self._head:
            if choice.axis not in unknown:
                bits &= choice.by_head(asked)
        return bits

    def by_body(self, bits: int, asked: Asked, values: Values) -> int:
        """Those of the routes that the request meets with what its body has. Raises Contradiction."""
        for choice in self._inside:
            bits &= choice.of(values.get(choice.key))
        if self._operation is not None:
            bits &= self._by_operation(bits, asked, values.get(self._operation.key))
        return bits

    def _by_operation(self, bits: int, asked: Asked, operation: str | None) -> int:
        assert self._operation is not None
        known = self._operation.by_value
        told = next((known[action] for action in asked.actions if action in known), 0)
        found = known.get(operation, 0) if operation is not None else 0
        if told and found and told & bits != found & bits:
            raise Contradiction((told | found) & bits)
        return found or told or self._operation.of(operation)

    def alike(self, route: CompiledRoute) -> int:
        """The routes that some request meets which meets this one too, as bits; hosts aside."""
        bits = self.every
        if self._by_method and route.methods is not None:
            bits = 0
            for method in route.methods:
                bits |= self._by_method.get(method, self._any_method)
        asking = {(each.axis, each.name): each for each in route.conditions}
        for choice in (*self._head, *self._inside, *([self._operation] if self._operation else [])):
            bits &= choice.alike(asking.get(choice.key))
        return bits

    def best(self, bits: int) -> CompiledRoute:
        """The most specific of the routes."""
        return self.routes[(bits & -bits).bit_length() - 1]

    def among(self, bits: int) -> Iterator[CompiledRoute]:
        """The routes, the most specific first."""
        while bits:
            low = bits & -bits
            yield self.routes[low.bit_length() - 1]
            bits ^= low

    def plan(self, bits: int) -> Plan:
        """What becomes of a request that meets these routes by its head."""
        plan = self._plans.get(bits)
        if plan is None:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            plan = self._plans[bits] = _plan(self.among(bits))
        return plan


def _plan(routes: Iterator[CompiledRoute]) -> Plan:
    able: list[CompiledRoute] = []
    final = False
    for route in routes:
        # Several opaque routes are as one: whatever is inside may be about the function of any of them.
        if final and not (route.opaque and able[-1].opaque):
            break
        able.append(route)
        final = not route.looks_inside
    wanted: dict[str, set[str]] = {}
    for route in able:
        inside = [(each.axis, each.name) for each in route.conditions if each.axis in BODY]
        for kind, name in (*inside, *(route.scope.wanted if route.scope else ())):
            wanted.setdefault(kind, set()).add(name)
    told = {kind: frozenset(names) for kind, names in wanted.items()}
    return Plan(tuple(able), any(route.looks_inside for route in able), final, told)


def _choices(routes: Sequence[CompiledRoute], every: int) -> Iterator[Choice]:
    asking: dict[tuple[Axis, str], dict[int, Condition]] = {}
    for number, route in enumerate(routes):
        for condition in route.conditions:
            asking.setdefault((condition.axis, condition.name), {})[number] = condition
    for (axis, name), conditions in asking.items():
        yield Choice(axis, name, conditions, every)


def _bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def _table(takes: Iterable[tuple[int, Collection[str]]], always: int = 0) -> dict[str, int]:
    table: dict[str, int] = {}
    for number, values in takes:
        for value in values:
            table[value] = table.get(value, always) | 1 << number
    return table
