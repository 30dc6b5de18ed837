"""Tolerances held against the fields that they are about: what a rule allows has to be something that the field's type can be off by.

That the fields are there is seen before, by the configuration alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from strangler.mapping.nodes import Node
from strangler.mapping.problems import Problems
from strangler.settings import Tolerance
from strangler.shapes import FieldType

NUMBERS: Final = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT)
TIMES: Final = (FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.INSTANT)
TEXTS: Final = (FieldType.TEXT, FieldType.JSON)


def check_tolerances(
    rules: Sequence[Tolerance], fields: Mapping[str, Node | None], problems: Problems
) -> None:
    """Note each rule that doesn't fit the type of its field."""
    for index, rule in enumerate(rules):
        node = fields.get(rule.field)
        if node is None:
            continue
        if rule.within is not None:
            _check_within(f"tolerances.{index}.within", rule, node.type, problems)
        elif node.type not in TEXTS:
            what = f"{rule.field} is {node.type.value}, which has neither blanks nor case"
            problems.add(
                f"tolerances.{index}.ignore", what, _WITHIN.get(node.type, "leave the tolerance out")
            )


def _check_within(path: str, rule: Tolerance, kind: FieldType, problems: Problems) -> None:
    fits = TIMES if isinstance(rule.within, timedelta) else NUMBERS
    if kind not in fits:
        measure = "a duration" if fits is TIMES else "a number"
        instead = _WITHIN.get(kind, "ignore: trailing blanks" if kind in TEXTS else "leave the tolerance out")
        problems.add(path, f"{rule.field} is {kind.value}, which isn't off by {measure}", instead)


_WITHIN: Final = {
    **dict.fromkeys(NUMBERS, "within: 0.01"),
    **dict.fromkeys(TIMES, "within: 1s"),
    FieldType.DATE: "within: 1d",
}
