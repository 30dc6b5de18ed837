"""Whose changes those of a transaction are, where it is said within it; and that what is one transaction in legacy stays one."""

from __future__ import annotations

import pytest

from strangler.boundary import Boundary, Translation
from strangler.changes import Change, Operation, Position, Transaction
from strangler.fencing.telling import TABLE
from strangler.sync.authors import Authors
from tests.sync.partners import delete, insert, mapping, position, row, transaction, update


def said(at: Position, author: str) -> Change:
    return Change(at, TABLE, Operation.INSERT, None, {"said": author})


def each_said(*changes: Change) -> Transaction:
    """A transaction in which it is said with each row, as MySQL and MariaDB do."""
    together = [each for change in changes for each in (said(change.position, "etl"), change)]
    return transaction(1, *together)


@pytest.mark.parametrize(
    ("changes", "events"),
    [
        (
            [insert(position(1, 1), row(1, name="draft")), update(position(1, 2), row(1))],
            ["PartnerRegistered"],
        ),
        ([delete(position(1, 1), 1), insert(position(1, 2), row(1, name="again"))], ["PartnerChanged"]),
        ([insert(position(1, 1), row(1)), delete(position(1, 2), 1)], []),
    ],
    ids=["filled in", "written anew", "came and went"],
)
def test_what_is_said_with_each_row_changes_no_event(changes: list[Change], events: list[str]) -> None:
    [told] = Authors().told(each_said(*changes))
    assert (told.author, told.changes) == ("etl", changes)
    boundary, translation = Boundary([mapping()]), Translation([], [])
    boundary.translate(told, translation)
    assert [event.type for event in translation.events] == events


def test_another_author_begins_another_piece() -> None:
    first, second, third = (insert(position(1, at), row(at)) for at in (1, 3, 5))
    whole = transaction(
        1,
        said(position(1, 0), "ann"),
        first,
        said(position(1, 2), "bob"),
        second,
        said(position(1, 4), "bob"),
        third,
    )._replace(altered=["partner"])
    one, other = Authors().told(whole)
    assert (one.author, one.changes, one.position, one.altered) == ("ann", [first], first.position, ())
    assert (other.author, other.changes, other.position) == ("bob", [second, third], whole.position)
    assert other.altered == ["partner"]


def test_what_comes_before_the_first_word_is_the_same_authors() -> None:
    """The session wrote first to a table without the triggers."""
    first, second = insert(position(1, 1), row(1)), insert(position(1, 3), row(2))
    [told] = Authors().told(transaction(1, first, said(position(1, 2), "ann"), second))
    assert (told.author, told.changes) == ("ann", [first, second])


def test_it_is_known_for_the_parts_of_a_large_transaction_and_no_longer() -> None:
    authors = Authors()
    [_] = authors.told(transaction(1, said(position(1, 0), "ann"), insert(position(1, 1), row(1))))
    [part] = authors.told(transaction(1, insert(position(1, 2), row(2))))
    [next_one] = authors.told(transaction(2, insert(position(2, 1), row(3))))
    assert (part.author, next_one.author) == ("ann", "")
