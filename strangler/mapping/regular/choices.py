"""Choices: whether a pattern leaves an engine any, and how many.

Perl's engines take the first way that leads to a match, PostgreSQL's the longest match. They agree where each character of
the text leaves but one way on. To see that, each place of the pattern that takes a character is a state, with the states
that may come next (Glushkov's automaton); what may come next must then have no character in common.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final, NamedTuple

from strangler.mapping.regular.tree import Characters, Choice, Pattern, Repeat, Sequence, Tree

_MOST_STATES: Final = 1_000
_MOST_STEPS: Final = 1_000_000
"""A tenth of what MariaDB allows, since a step isn't always one of its own."""
_LONGEST: Final = 10_000
"""Characters of a text for which MySQL has the memory."""


def ends_alike(pattern: Pattern) -> bool:
    """Whether every engine ends a match at the same place."""
    return ends_alike_in(Choice(tuple(branch.body for branch in pattern.branches)))


def ends_alike_in(tree: Tree) -> bool:
    """The same of a part."""
    automaton = _Automaton([], {})
    try:
        whole = automaton.add(tree)
    except _TooLarge:
        return False
    return all(map(automaton.apart, [whole.first, *automaton.follow.values()]))


def longest(pattern: Pattern) -> int:
    """The length of a text up to which no engine gives up."""
    if ends_alike(pattern):
        return _LONGEST
    ways = [_ways(branch.body) for branch in pattern.branches]
    power = max(each.power for each in ways) + (not all(branch.begin for branch in pattern.branches))
    steps = _MOST_STEPS / sum(each.factor for each in ways)
    return min(_LONGEST, int(steps ** (1 / power) + 1e-9) if power else _LONGEST if steps >= 1 else 0)


class _Ways(NamedTuple):
    """Ways to read a text of n characters: at most factor × n to the power."""

    power: int
    factor: int


def _ways(tree: Tree) -> _Ways:
    match tree:
        case Characters():
            return _Ways(0, 1)
        case Sequence(parts=parts):
            power, factor = 0, 1
            for each in map(_ways, parts):
                power, factor = power + each.power, factor * each.factor
            return _Ways(power, factor)
        case Choice(branches=branches):
            ways = list(map(_ways, branches))
            return _Ways(max(each.power for each in ways), sum(each.factor for each in ways))
        case Repeat(body=body, most=1):
            once = _ways(body)
            return _Ways(once.power, once.factor + 1)
        case Repeat(most=None):
            return _Ways(1, 1)
        case Repeat(least=least, most=int() as most):
            return _Ways(0, most - least + 1)
    raise AssertionError(tree)


class _TooLarge(Exception):
    """More states than are worth looking at."""


class _Part(NamedTuple):
    """The states with which a part begins and ends, and whether it may be empty."""

    first: list[int]
    last: list[int]
    empty: bool


@dataclass
class _Automaton:
    states: list[Characters]
    follow: dict[int, list[int]]

    def add(self, tree: Tree) -> _Part:
        match tree:
            case Characters():
                return self._state(tree)
            case Sequence(parts=parts):
                return self._one_after_the_other([self.add(part) for part in parts])
            case Choice(branches=branches):
                added = [self.add(branch) for branch in branches]
                first = [state for part in added for state in part.first]
                last = [state for part in added for state in part.last]
                return _Part(first, last, any(part.empty for part in added))
            case Repeat():
                return self._repeat(tree)

    def apart(self, states: list[int]) -> bool:
        """Whether no two of the states take the same character; one that is led to in two ways is two."""
        taken = sorted(stretch for state in states for stretch in self.states[state].stretches)
        return all(before[1] < after[0] for before, after in itertools.pairwise(taken))

    def _state(self, characters: Characters) -> _Part:
        number = len(self.states)
        if number >= _MOST_STATES:
            raise _TooLarge
        self.states.append(characters)
        self.follow[number] = []
        return _Part([number], [number], empty=False)

    def _one_after_the_other(self, parts: list[_Part]) -> _Part:
        first: list[int] = []
        last: list[int] = []
        empty = True
        for part in parts:
            for state in last:
                self.follow[state] += part.first
            first += part.first if empty else []
            last = part.last + (last if part.empty else [])
            empty = empty and part.empty
        return _Part(first, last, empty)

    def _repeat(self, repeat: Repeat) -> _Part:
        """As often as it is counted, one after the other: first those that must be, then those that may."""
        copies = max(repeat.least, 1) if repeat.most is None else repeat.most
        parts = [self.add(repeat.body) for _ in range(copies)]
        if repeat.most is None:
            for state in parts[-1].last:
                self.follow[state] += parts[-1].first
        optional = [
            part._replace(empty=part.empty or number >= repeat.least) for number, part in enumerate(parts)
        ]
        return self._one_after_the_other(optional)
