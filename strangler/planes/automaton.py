"""Automaton: all rules as one walk over a request's parts, whose length doesn't grow with the number of rules. Pure.

The parts come in a fixed order: the segments of the path one by one, the method, then what conditions look at. At each step the walk goes
from its node to the one that the part's value leads to, or to the node for any other value. A node stands for the rules that are
still possible, so nothing is ever tried twice, and where the walk ends is the first rule that the request fits.

A proxy needs no more for it than a table of texts for each step, which it looks up by a hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from strangler.paths import Rank
from strangler.planes.plane import Rule

END: Final = ""
"""The value of a segment behind the last one."""


class Part(NamedTuple):
    """What a step looks at: `segment` with its number from 0, `method`, `header`, `query`, `cookie` or `host`. A part that a request
    doesn't have is the empty text."""

    kind: str
    name: str = ""
    number: int = 0


class Node(NamedTuple):
    """A place in the walk: `edges` by value, `other` for any other one. Both name nodes."""

    id: int
    edges: dict[str, int]
    other: int


@dataclass(frozen=True, slots=True)
class Step:
    """One part, and the nodes that look at it. A walk that stands at none of them stays where it is."""

    part: Part
    nodes: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Automaton:
    """The walk begins at `start`; `ends` are the nodes where it is over, each with the place of the rule in `rules`, None for no rule."""

    start: int
    steps: Sequence[Step]
    ends: dict[int, int | None]

    def walk(self, values: dict[Part, str]) -> int | None:
        """The place of the first rule that fits. `values`: the parts that the request has."""
        at = self.start
        for step in self.steps:
            for node in step.nodes:
                if node.id == at:
                    at = node.edges.get(values.get(step.part, END), node.other)
                    break
        return self.ends[at]


def build(rules: Sequence[Rule]) -> Automaton:
    """The automaton of the rules, first come first."""
    return _Building(rules).automaton()


def parts(rules: Sequence[Rule]) -> list[Part]:
    """What the rules look at, in the order of the walk. One segment more than the longest template has, so that its end is seen."""
    longest = max((len(rule.template) for rule in rules), default=0)
    named = {(condition.part, condition.name) for rule in rules for condition in rule.conditions}
    segments = [Part("segment", number=number) for number in range(longest + 1)]
    return [*segments, Part("method"), *(Part(kind, name) for kind, name in sorted(named))]


_State = tuple[int, tuple[int, ...]]
"""The number of the step to come, and the places of the rules that are still possible."""


class _Building:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._parts = parts(rules)
        self._head = next(n for n, part in enumerate(self._parts) if part.kind == "method")
        self._wanted = [_wanted(rule) for rule in rules]
        self._ids: dict[_State, int] = {}
        self._steps = [Step(part) for part in self._parts]
        self._ends: dict[int, int | None] = {}
        self._open: list[_State] = []

    def automaton(self) -> Automaton:
        start = self._node(0, range(len(self._rules)))
        while self._open:
            step, alive = state = self._open.pop()
            edges = self._segment_edges if step < self._head else self._head_edges
            known, other = edges(step, alive)
            self._steps[step].nodes.append(Node(self._ids[state], known, other))
        return Automaton(start, [step for step in self._steps if step.nodes], self._ends)

    def _node(self, step: int, alive: Sequence[int] | range | Iterator[int]) -> int:
        """The node for the rules that are still possible, made when there is none."""
        state = self._settled(step, tuple(alive))
        if state not in self._ids:
            self._ids[state] = number = len(self._ids)
            step, left = state
            if step == len(self._parts):
                self._ends[number] = left[0] if left else None
            else:
                self._open.append(state)
        return self._ids[state]

    def _settled(self, step: int, alive: tuple[int, ...]) -> _State:
        """The state with all steps passed over that change nothing."""
        over = len(self._parts)
        if not alive:
            return over, ()
        if step < self._head:
            if not all(self._takes_rest(rule, step) for rule in alive):
                return step, alive
            step = self._head
        for place, rule in enumerate(alive):
            if not self._asks(rule, step):
                alive = alive[: place + 1]
                break
        while step < over and not any(self._parts[step] in self._wanted[rule] for rule in alive):
            step += 1
        return step, alive if step < over else alive[:1]

    def _asks(self, rule: int, step: int) -> bool:
        return any(part in self._wanted[rule] for part in self._parts[step:])

    def _takes_rest(self, rule: int, step: int) -> bool:
        return any(rank is Rank.REST for rank, _ in self._rules[rule].template[: step + 1])

    def _segment_edges(self, step: int, alive: tuple[int, ...]) -> tuple[dict[str, int], int]:
        templates = {rule: self._rules[rule].template for rule in alive}
        rest = {rule for rule in alive if self._takes_rest(rule, step)}
        at = {
            rule: templates[rule][step] for rule in alive if rule not in rest and step < len(templates[rule])
        }
        ended = [r for r in alive if r in rest or len(templates[r]) == step]
        edges = {END: self._node(self._head, ended)}
        for text in dict.fromkeys(text for rank, text in at.values() if rank is Rank.LITERAL):
            edges[text] = self._node(
                step + 1,
                [
                    r
                    for r in alive
                    if r in rest or (r in at and at[r] in ((Rank.LITERAL, text),)) or _named(at, r)
                ],
            )
        return edges, self._node(step + 1, [r for r in alive if r in rest or _named(at, r)])

    def _head_edges(self, step: int, alive: tuple[int, ...]) -> tuple[dict[str, int], int]:
        asked = {rule: self._wanted[rule].get(self._parts[step]) for rule in alive}
        values = dict.fromkeys(value for wanted in asked.values() for value in wanted or ())
        edges = {
            value: self._node(step + 1, [r for r in alive if asked[r] is None or value in asked[r]])  # type: ignore[operator]
            for value in values
        }
        return edges, self._node(step + 1, [r for r in alive if asked[r] is None])


def _named(at: dict[int, tuple[Rank, str]], rule: int) -> bool:
    return rule in at and at[rule][0] is Rank.NAMED


def _wanted(rule: Rule) -> dict[Part, tuple[str, ...]]:
    """What the rule wants of the head, by part."""
    wanted = {Part(condition.part, condition.name): condition.values for condition in rule.conditions}
    return wanted if rule.methods is None else {Part("method"): rule.methods, **wanted}
