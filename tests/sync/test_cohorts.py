"""Which cohort a row is of, from the mapping over the boundary to events: of changed and removed rows, and of aggregates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, Change, Operation
from strangler.control.standings import Snapshot
from strangler.cutover.stages import EVERYONE, Side, Stage, at_the_start
from strangler.errors import MappingError
from strangler.events import Effect, Event, to_cloudevent
from strangler.mapping import EntityMapping, compile_entity
from strangler.mirror import Mirror
from strangler.mirror.file import MirrorFile
from strangler.quarantine import to_record
from strangler.sensitive import Sensitive
from strangler.settings import Entity
from strangler.shapes import Table
from tests.mirror.sales import ENTITY as SALE
from tests.mirror.sales import TABLES, Erp
from tests.sync.partners import ENTITY, TABLE, insert, mapping, position, row, transaction, update

KEYED = replace(TABLE, removal=("id",), whole_removal="ALTER TABLE partner REPLICA IDENTITY FULL")
"""As PostgreSQL has it by default: of an old row it sends the key."""


def compiled(cohort: str, table: Table = TABLE, **more: Any) -> EntityMapping:
    return compile_entity("partners", "partner", ENTITY, table, cohort=cohort, **more)


def events(made_by: EntityMapping, *changes: Change) -> list[Event]:
    into = Translation([], [])
    Boundary([made_by]).translate(transaction(1, *changes), into)
    assert not into.held, into.held
    return into.events


def cohorts(*made: Event) -> list[tuple[str | None, str | None]]:
    return [(event.cohort, event.cohort_before) for event in made]


def removed(old: dict[str, Any]) -> Change:
    return Change(position(1), "partner", Operation.DELETE, old, None)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("name", "Łódź"), ("number", "7"), ("UPPER(name)", "ŁóDź"), ("number % 2", "1"), ("note", None)],
)
def test_an_event_has_the_cohort_of_its_row(expression: str, expected: str | None) -> None:
    assert cohorts(*events(compiled(expression), insert(position(1), row(1, name=" Łódź ")))) == [
        (expected, None)
    ]


def test_without_an_expression_events_are_of_no_cohort() -> None:
    assert cohorts(*events(mapping(), insert(position(1), row(1)))) == [(None, None)]


def test_a_row_that_goes_over_tells_both_cohorts() -> None:
    by_note = compiled("note")
    assert cohorts(
        *events(by_note, update(position(1), row(1, note="B"), row(1, note="A"))),
        *events(by_note, update(position(1), row(1, note="B"), row(1))),
        *events(by_note, update(position(1), row(1), row(1, note="A"))),
        *events(by_note, update(position(1), row(1, note="B", name="x"), row(1, note="B"))),
    ) == [("B", "A"), ("B", EVERYONE), (None, "A"), ("B", None)]


def test_a_removal_is_of_the_cohort_of_the_row_that_it_removes() -> None:
    (gone,) = events(compiled("note"), removed(row(1, note="A")))
    assert cohorts(gone) == [("A", None)]
    assert gone.data == {}


def test_a_row_under_another_key_leaves_one_cohort_and_comes_to_the_other() -> None:
    gone, come = events(compiled("id"), update(position(1), row(2), row(1)))
    assert cohorts(gone, come) == [("1", None), ("2", None)]


def test_what_is_held_says_of_which_cohorts_it_is_as_far_as_that_can_be_told() -> None:
    def held(made_by: EntityMapping, *changes: Change) -> list[tuple[str, ...] | None]:
        into = Translation([], [])
        Boundary([made_by]).translate(transaction(1, *changes), into)
        return [to_record(each, 1.0).cohorts for each in into.held]

    wrong = {"number": "x"}
    by_note = compiled("note")
    assert held(by_note, insert(position(1), row(1, note="A", **wrong))) == [("A",)]
    assert held(by_note, insert(position(1), row(1, **wrong))) == [(EVERYONE,)]
    assert held(by_note, update(position(1), row(1, note="B", **wrong), row(1, note="A"))) == [("A", "B")]
    assert held(compiled("number"), insert(position(1), row(1, **wrong))) == [None]
    assert held(mapping(), insert(position(1), row(1, **wrong))) == [None]


def test_old_values_that_arent_sent_are_the_new_ones() -> None:
    assert cohorts(*events(compiled("id % 2", KEYED), update(position(1), row(3)))) == [("1", None)]


@pytest.mark.parametrize(
    ("expression", "more", "what"),
    [
        ("note", {"table": KEYED}, "doesn't tell note when a row is removed or its key changes"),
        ("active", {}, "this is a boolean, which names no cohort"),
        ("nme", {}, "nme"),
        ("name", {"sensitive": Sensitive(frozenset({"name"}), frozenset({"name"}))}, "name is sensitive"),
    ],
)
def test_what_cant_name_a_cohort_is_refused(expression: str, more: dict[str, Any], what: str) -> None:
    with pytest.raises(MappingError) as refused:
        compiled(expression, **more)
    (problem,) = refused.value.problems
    assert problem.path == "functions.partners.cohorts.of.partner"
    assert what in f"{problem.what} {problem.instead}"


def test_the_version_of_a_mapping_says_nothing_of_cohorts() -> None:
    assert compiled("note").version == mapping().version


def test_a_cloudevent_has_cohorts_as_attributes_only_where_there_are_any() -> None:
    one, other = events(
        compiled("note"), insert(position(1), row(1, note="A")), insert(position(1, 1), row(2))
    )
    assert to_cloudevent(one)["cohort"] == "A"
    assert "cohort" not in to_cloudevent(other)
    assert to_cloudevent(one._replace(cohort_before="*"))["cohortbefore"] == "*"


def test_the_standing_of_a_cohort_is_its_own_or_that_of_the_rest() -> None:
    rest = replace(at_the_start("party"), stage=Stage.SYNCING)
    own = replace(at_the_start("party", "DE"), stage=Stage.LIVE, owner=Side.NEW)
    snapshot = Snapshot(2, (own, rest, at_the_start("sale", "FR")))
    assert snapshot.of_cohort("party", "DE") is own
    assert snapshot.of_cohort("party", "FR") is rest
    assert snapshot.of_cohort("party", None) is rest
    assert snapshot.of_cohort("sale", "DE") == at_the_start("sale")
    assert Snapshot(2, (own,)).of_cohort("party", "FR") == at_the_start("party")


@pytest.mark.parametrize("seed", range(4))
def test_every_event_of_an_aggregate_tells_the_cohort_that_a_joined_row_gives_it(
    seed: int, tmp_path: Path
) -> None:
    sale = compile_entity(
        "sales", "sale", Entity.model_validate(SALE), TABLES["sale"], others=TABLES, cohort="party"
    )
    erp, mirror = Erp(seed), Mirror(MirrorFile(tmp_path / "erp.mirror.db"), [sale])
    mirror.fill(
        "capture", ORIGIN, lambda layout: ((name, erp.read(name)) for name in layout.tables), lambda: ORIGIN
    )
    boundary, known, went = Boundary([sale], mirror=mirror), dict[str, str | None](), 0
    for _ in range(300):
        work, into = erp.work(), Translation([], [])
        mirror.bring([work])
        boundary.translate(work, into)
        mirror.commit(work.position)
        for event in into.events:
            was = known.get(event.key)
            if event.effect is Effect.REMOVE:
                assert cohorts(event) == [(known.pop(event.key), None)]
                continue
            before = None if event.key not in known or was == event.data["party"] else was or EVERYONE
            assert cohorts(event) == [(event.data["party"], before)]
            known[event.key] = event.data["party"]
            went += before is not None
    assert went > 5
