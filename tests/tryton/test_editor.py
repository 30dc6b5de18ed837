"""What the editor puts into one call, which Tryton makes one transaction."""

from __future__ import annotations

from random import Random
from typing import cast

from examples.tryton.whole.kinds import Change, Edit, Values, form, together
from examples.tryton.whole.world import World

NO_WORLD = cast(World, None)


def change(name: str, touches: str, values: Values | None) -> Change:
    return Change(name, 1, touches, lambda dice, world, id: values)


def test_a_form_holds_several_changes_and_their_lines_are_joined() -> None:
    added = change("line added", "new line", {"lines": [["create", [{}]]]})
    deleted = change("line deleted", "lines", {"lines": [["delete", [7]]]})
    edit = form("sale.sale", 3, [added, deleted], Random(1), NO_WORLD)
    values = {"lines": [["create", [{}]], ["delete", [7]]]}
    assert edit == Edit(("line added", "line deleted"), "sale.sale", "write", ([3], values), 3)


def test_two_changes_of_the_same_part_never_meet_in_a_form() -> None:
    priced = change("unit price changed", "lines", {"lines": [["write", [7], {"unit_price": 1}]]})
    deleted = change("line deleted", "lines", {"lines": [["delete", [7]]]})
    edit = form("sale.sale", 3, [deleted, priced], Random(1), NO_WORLD)
    assert edit is not None
    assert edit.names == ("line deleted",)


def test_a_form_in_which_nothing_can_be_changed_is_no_edit() -> None:
    assert form("sale.sale", 3, [change("line deleted", "lines", None)], Random(1), NO_WORLD) is None


def test_writes_of_several_records_are_one_call() -> None:
    edits = [Edit(("named",), "party.party", "write", ([id], {"name": str(id)}), id) for id in (1, 2)]
    assert together(edits) == ([1], {"name": "1"}, [2], {"name": "2"})


def test_creations_and_buttons_take_all_records_in_one_list() -> None:
    edits = [Edit(("quoted",), "sale.sale", "quote", ([id],), id) for id in (1, 2)]
    assert together(edits) == ([1, 2],)
