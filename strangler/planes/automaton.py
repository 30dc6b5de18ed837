"""Automaton: all rules as one walk over a request's parts, whose length doesn't grow with the number of rules. Pure.

The parts come in a fixed order: the segments of the path one by one, the method, then what conditions look at. At each step the walk goes
from its node to the one that the part's value leads to, or to the node for any other value. A node stands for the rules that are
still possible, so nothing is ever tried twice, and where the walk ends is the first rule that the request fits.

A proxy needs no more for it than a table of texts for each step, which it looks up by a hash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from strangler.planes.plane import Rule
from strangler.routing.paths import Rank
from strangler.routing.route import ANY, BODY

UNCLEAR: Final = "?"
"""The value of a part that a request says in several ways; of a part of the head only."""

_PATH: Final = ("segment", "set", "short")


class Part(NamedTuple):
    """What a step looks at, by kind.

    `segment`: one of the path, by its number from 0; `set` and `short`: the same without what stands in parentheses behind it, and then
    without the name space before it too, which is how OData names entity sets. The others are parts of the head: `method`, `host`,
    `header`, `query`, `cookie`.
    """

    kind: str
    name: str = ""
    number: int = 0

    @property
    def of_path(self) -> bool:
        return self.kind in _PATH


class Node(NamedTuple):
    """A place in the walk: where it goes on by the value, where there is `absent` value, where with any `other`."""

    id: int
    edges: dict[str, int]
    absent: int
    other: int


@dataclass(frozen=True, slots=True)
class Step:
    """One part, and the nodes that look at it. A walk that stands at none of them stays where it is."""

    part: Part
    nodes: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Automaton:
    """The walk begins at `start`; `ends` are the nodes where it is over, each with its rule, None for no rule. With the value
    `UNCLEAR` it ends at `unclear`."""

    start: int
    unclear: int
    steps: Sequence[Step]
    ends: dict[int, Rule | None]

    @property
    def segments(self) -> int:
        """How many segments of a path the walk looks at."""
        return 1 + max((step.part.number for step in self.steps if step.part.of_path), default=-1)

    def names(self, kind: str) -> list[str]:
        """The headers, cookies… that the walk looks at."""
        return [step.part.name for step in self.steps if step.part.kind == kind]

    def values(self, part: Part) -> list[str]:
        """The values of a part that lead somewhere of their own, each once."""
        return list(
            dict.fromkeys(
                v for step in self.steps if step.part == part for node in step.nodes for v in node.edges
            )
        )


def build(rules: Sequence[Rule]) -> Automaton:
    """The automaton of the rules, first come first."""
    return _Building(rules).automaton()


_State = tuple[int, tuple[int, ...]]
"""The number of the step to come, and the places of the rules that are still possible."""


class _Building:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._templates = [rule.route.template for rule in rules]
        self._wanted = [_wanted(rule) for rule in rules]
        longest = max((len(template) for template in self._templates), default=0)
        path = [Part(kind, number=n) for n in range(longest + 1) for kind in _PATH]
        head = sorted({part for wanted in self._wanted for part in wanted}, key=_place)
        self._parts, self._head = [*path, *head], len(path)
        self._steps = [Step(part) for part in self._parts]
        self._ids: dict[_State, int] = {}
        self._open: list[_State] = []
        self._ends: dict[int, Rule | None] = {}

    def automaton(self) -> Automaton:
        unclear = self._ids.setdefault((-1, ()), 0)
        start = self._node(0, range(len(self._rules)))
        while self._open:
            step, alive = state = self._open.pop()
            edges = self._path_edges if step < self._head else self._head_edges
            self._steps[step].nodes.append(Node(self._ids[state], *edges(step, alive)))
        return Automaton(start, unclear, [step for step in self._steps if step.nodes], self._ends)

    def _node(self, step: int, alive: Iterable[int]) -> int:
        """The node for the rules that are still possible, made when there is none."""
        state = self._settled(step, tuple(alive))
        if state not in self._ids:
            self._ids[state] = number = len(self._ids)
            step, left = state
            if step == len(self._parts):
                self._ends[number] = self._rules[left[0]] if left else None
            else:
                self._open.append(state)
        return self._ids[state]

    def _settled(self, step: int, alive: tuple[int, ...]) -> _State:
        """The state with all steps passed over that change nothing."""
        over = len(self._parts)
        if not alive:
            return over, ()
        if step < self._head:
            if not all(self._takes_rest(rule, self._parts[step].number) for rule in alive):
                return step, alive
            step = self._head
        while step < over:
            alive = self._among(step, alive)
            if any(self._parts[step] in self._wanted[rule] for rule in alive):
                return step, alive
            step += 1
        return over, alive[:1]

    def _among(self, step: int, alive: tuple[int, ...]) -> tuple[int, ...]:
        """Those of the rules that may still be chosen: none behind one that asks for nothing more."""
        for place, rule in enumerate(alive):
            if not any(part in self._wanted[rule] for part in self._parts[step:]):
                return alive[: place + 1]
        return alive

    def _takes_rest(self, rule: int, number: int) -> bool:
        return any(rank is Rank.REST for rank, _ in self._templates[rule][: number + 1])

    def _path_edges(self, step: int, alive: tuple[int, ...]) -> tuple[dict[str, int], int, int]:
        kind, _, number = self._parts[step]
        at = {rule: self._at(rule, number) for rule in alive}
        open_ = [r for r in alive if at[r][0] in (Rank.NAMED, Rank.REST)]
        sets = [r for r in alive if r in open_ or at[r][0] is Rank.SET]
        asked = Rank.LITERAL if kind == "segment" else Rank.SET
        behind = len(_PATH) * (number + 1)
        edges = {
            text: self._node(behind, [r for r in alive if r in open_ or _takes(kind, at[r], text)])
            for text in dict.fromkeys(text for rank, text in at.values() if rank is asked)
        }
        deeper = kind != _PATH[-1] and len(sets) > len(open_)
        other = self._node(step + 1, sets) if deeper else self._node(behind, open_)
        if kind != "segment":
            return edges, other, other
        ended = self._node(self._head, [r for r in alive if at[r][0] in (Rank.END, Rank.REST)])
        return edges, ended, other

    def _at(self, rule: int, number: int) -> tuple[Rank, str]:
        """What the rule's template has for a segment of the path."""
        template = self._templates[rule]
        if self._takes_rest(rule, number):
            return Rank.REST, ""
        return template[number] if number < len(template) else (Rank.END, "")

    def _head_edges(self, step: int, alive: tuple[int, ...]) -> tuple[dict[str, int], int, int]:
        asked = {rule: self._wanted[rule].get(self._parts[step]) for rule in alive}
        values = dict.fromkeys(
            value for wanted in asked.values() for value in sorted(wanted or ()) if value != ANY
        )

        def after(fits: Iterator[int]) -> int:
            return self._node(step + 1, fits)

        edges = {
            value: after(r for r in alive if _fits(asked[r], self._parts[step], value)) for value in values
        }
        absent = after(r for r in alive if asked[r] is None)
        other = after(r for r in alive if (wanted := asked[r]) is None or ANY in wanted)
        return edges, absent, other


def _takes(kind: str, at: tuple[Rank, str], value: str) -> bool:
    """Whether what a template has for a segment takes the value."""
    rank, text = at
    if rank is Rank.LITERAL:
        return kind == "segment" and text == value
    name = value.partition("(")[0]
    return rank is Rank.SET and text in (name, name.rpartition(".")[2])


def _fits(wanted: Collection[str] | None, part: Part, value: str) -> bool:
    if wanted is None or value in wanted or (ANY in wanted and part.kind != "host"):
        return True
    return part.kind == "host" and any(each.startswith("*.") and value.endswith(each[1:]) for each in wanted)


def _wanted(rule: Rule) -> dict[Part, Collection[str]]:
    """What the rule wants of the head, by part."""
    route = rule.route
    wanted: dict[Part, Collection[str]] = {
        Part(each.axis, each.name): each.values for each in route.conditions if each.axis not in BODY
    }
    if route.methods is not None:
        wanted[Part("method")] = route.methods
    if route.host is not None:
        wanted[Part("host")] = (route.host,)
    return wanted


def _place(part: Part) -> tuple[bool, str, str]:
    return part.kind != "method", part.kind, part.name
