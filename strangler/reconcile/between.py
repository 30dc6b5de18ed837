"""Between two runs: which keys are newly different, which have healed, which still differ. Pure.

Only what both runs looked at whole can be told apart: a key that a run didn't list, since it listed no more, or of an entity that it
left out, isn't known to be equal. Nor is one of rows that a run passed over, since new owned them then.
"""

from __future__ import annotations

from dataclasses import dataclass

from strangler.control.reconciliations import Finding
from strangler.reconcile.showing.account import Account


@dataclass(frozen=True, slots=True)
class Between:
    """What has become of the keys between an older and a newer run. `still` are as the newer run found them. `untold` says what can't
    be told, in words."""

    newly: tuple[Finding, ...]
    healed: tuple[Finding, ...]
    still: tuple[Finding, ...]
    untold: tuple[str, ...]


def between(older: Account, newer: Account) -> Between:
    """Compare what two runs of a function found."""
    before = {(each.entity, each.key): each for each in older.findings}
    after = {(each.entity, each.key): each for each in newer.findings}
    known_before, known_after = _listed_whole(older, newer), _listed_whole(newer, older)
    return Between(
        newly=tuple(each for key, each in after.items() if key not in before and key[0] in known_before),
        healed=tuple(each for key, each in before.items() if key not in after and key[0] in known_after),
        still=tuple(each for key, each in after.items() if key in before),
        untold=(
            *_cut(older),
            *_cut(newer),
            *_left_out(older, newer),
            *_left_out(newer, older),
            *_passed_over(older, newer),
            *_passed_over(newer, older),
        ),
    )


def _listed_whole(found: Account, other: Account) -> set[str]:
    """The entities of which a run lists every key that differs, as far as the other one says anything of it."""
    if _passed_over(found, other):
        return set()
    return {each.entity for each in found.entities if not each.hidden}


def _passed_over(one: Account, other: Account) -> list[str]:
    if not one.run.left_out or one.run.left_out == other.run.left_out:
        return []
    return [f"in run {one.run.id} {'; '.join(one.run.left_out)}"]


def _cut(found: Account) -> list[str]:
    return [
        f"run {found.run.id} kept {len(each.findings):,} of {each.drift:,} keys of {each.entity} that differ"
        for each in found.entities
        if each.hidden
    ]


def _left_out(one: Account, other: Account) -> list[str]:
    compared = {entity.entity for entity in one.entities}
    return [
        f"run {one.run.id} didn't compare {entity.entity}"
        for entity in other.entities
        if entity.entity not in compared
    ]
