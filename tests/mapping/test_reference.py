"""The reference page of the language says what the language does, and leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from strangler.mapping import compile_entity
from strangler.mapping.explained import CODE_MAPS, SECTIONS, Explained
from strangler.mapping.inverse.explained import TABLE as WIDE
from strangler.mapping.inverse.explained import UNDONE
from strangler.mapping.inverse.ways import RULES
from strangler.mapping.language import COMPARISONS, OPERATIONS
from strangler.mapping.nodes import Call, walk
from strangler.mapping.reference import can_fail, null_gives_null, page, trees
from strangler.mapping.typing import check
from strangler.settings import Entity

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"
EXPLAINED = [explained for section in SECTIONS.values() for explained in section]


def test_every_operation_that_is_undone_is_explained() -> None:
    shown = {
        each.name
        for undone in UNDONE
        for expression, _ in undone.examples
        for each in walk(check(expression, WIDE, CODE_MAPS))
        if isinstance(each, Call)
    }
    assert {family(name) for name in RULES} - {"narrow"} <= {family(name) for name in shown}


def test_the_reverse_of_the_page_leads_back() -> None:
    (written,) = re.findall(r"```yaml\n(fields:.*?)```", PAGE.read_text(), re.DOTALL)
    given = {"table": "partner", "key": "id", **yaml.safe_load(written)}
    made = compile_entity("crm", "partner", Entity.model_validate(given), WIDE)
    row = {"id": 1, "code": "0000004711", "flag": "X", "name": "Anna"}
    data = made.translate(row)
    assert data == {"id": 1, "number": "4711", "deleted": True, "initial": "A"}
    assert made.inverse.row(data) == {"id": 1, "code": "0000004711", "flag": "X"}
    assert made.inverse.lost == (("initial", "`reverse: false`"),)


def family(name: str) -> str:
    """The comparisons of all types are one operation to a reader."""
    return next((known for known in (*COMPARISONS, "null_if") if name.startswith(f"{known}_")), name)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "python -m strangler.mapping.reference > docs/expressions.md"


def test_every_operation_of_the_language_is_explained() -> None:
    shown = {
        family(each.name)
        for explained in EXPLAINED
        for tree in trees(explained)
        for each in walk(tree)
        if isinstance(each, Call)
    }
    assert {family(name) for name in OPERATIONS} | {"concat", "in_list", "surrogate"} == shown


@pytest.mark.parametrize("explained", EXPLAINED, ids=lambda explained: explained.written)
def test_what_can_fail_and_what_differs_with_null_is_said(explained: Explained) -> None:
    assert bool(explained.untranslatable) == can_fail(explained)
    assert bool(explained.null) != null_gives_null(explained)
