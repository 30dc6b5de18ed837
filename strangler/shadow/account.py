"""Account: what shadow has found about one function, put together from the control store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from strangler.control import comparisons, effects
from strangler.control.comparisons import Compared, Failure, Field, Hidden, Latency, Mismatch
from strangler.control.counted import Since
from strangler.control.effects import Effects, Place
from strangler.control.store import Control
from strangler.settings import Shadow, ShadowRule
from strangler.shadow.noise import excused, noise


@dataclass(frozen=True, slots=True)
class RuleHidden:
    """A rule with what it hid: so many differences, in so many answers. `ended`: its time is over."""

    rule: ShadowRule
    calls: int
    differences: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Account:
    """Everything about one function, or one cohort of it, counted since it entered the stage shadow.

    `fields` are those that differ, the most frequent first, noise last; `noise` (place, kind) of those that legacy doesn't answer the
    same twice. `gone` are rules that are no longer in the configuration, but hid something.
    """

    function: str
    cohort: str
    compared: Compared
    fields: Sequence[Field]
    noise: frozenset[tuple[str, str]]
    rules: Sequence[RuleHidden]
    gone: Sequence[Hidden]
    failures: Sequence[Failure]
    latencies: Sequence[Latency]
    samples: Sequence[Mismatch]
    writes: Writes | None = None
    """The same of writes; None where they aren't shadowed."""


@dataclass(frozen=True, slots=True)
class Writes:
    """What the effects of writes were like: events and fields that differ, the most frequent first, why others weren't compared, and
    the newest samples."""

    effects: Effects
    places: Sequence[Place]
    failures: Sequence[Failure]
    samples: Sequence[Mismatch]


def counted(control: Control, function: str, cohort: str, since: Since) -> Compared:
    """What was compared of a cohort since it entered shadow, and how much of what differed is noise."""
    found = comparisons.sums(control, function, cohort, since=since.minute)
    return _with_noise(
        control, function, cohort, since, found, _noise(control, function, cohort, since, found.pairs)
    )


def account(
    control: Control,
    function: str,
    cohort: str,
    shadow: Shadow,
    since: Since,
    today: date,
    *,
    samples: int,
    writes: bool = False,
) -> Account:
    """All of it; of the samples the newest. `shadow` is how the function is shadowed now, `writes` whether its writes are too."""
    with control.read():
        found = comparisons.sums(control, function, cohort, since=since.minute)
        fields = comparisons.fields(control, function, cohort, since=since.moment)
        noisy = noise(fields, found.pairs)
        hidden = {
            each.rule: each for each in comparisons.hidden(control, function, cohort, since=since.moment)
        }
        return Account(
            function=function,
            cohort=cohort,
            compared=_with_noise(control, function, cohort, since, found, noisy),
            fields=sorted(fields, key=lambda field: (field.place, field.kind) in noisy),
            noise=noisy,
            rules=[_rule(rule, hidden, today) for rule in shadow.rules],
            gone=[each for rule, each in hidden.items() if rule not in {rule.words for rule in shadow.rules}],
            failures=comparisons.failures(control, function, cohort, since=since.moment),
            latencies=comparisons.latencies(control, function, cohort, since=since.moment),
            samples=comparisons.mismatches(control, function, cohort, limit=samples),
            writes=_writes(control, function, cohort, since, samples) if writes else None,
        )


def _writes(control: Control, function: str, cohort: str, since: Since, samples: int) -> Writes:
    return Writes(
        effects.sums(control, function, cohort, since=since.minute),
        effects.places(control, function, cohort, since=since.moment),
        effects.failures(control, function, cohort, since=since.moment),
        comparisons.mismatches(control, function, cohort, limit=samples, kind="write"),
    )


def _rule(rule: ShadowRule, hidden: Mapping[str, Hidden], today: date) -> RuleHidden:
    found = hidden.get(rule.words, Hidden(rule.words, 0, 0))
    return RuleHidden(rule, found.calls, found.differences, rule.has_ended(today))


def _noise(
    control: Control, function: str, cohort: str, since: Since, pairs: int
) -> frozenset[tuple[str, str]]:
    return noise(comparisons.fields(control, function, cohort, since=since.moment), pairs)


def _with_noise(
    control: Control,
    function: str,
    cohort: str,
    since: Since,
    found: Compared,
    noise: frozenset[tuple[str, str]],
) -> Compared:
    """With how many differ in nothing but noise: never more than differ at all."""
    if not noise:
        return found
    shapes = comparisons.shapes(control, function, cohort, since=since.moment)
    return replace(found, noisy=min(excused(shapes, noise), found.mismatched))
