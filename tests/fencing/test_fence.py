"""The fence in legacy databases as they are: who is refused, who passes, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import pytest

from strangler import plugins, urls
from strangler.control import fences, standings
from strangler.control.store import Control
from strangler.cutover.foretelling import foretell, lines
from strangler.cutover.journal import Step
from strangler.cutover.kept import Kept
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.errors import Refused, Unavailable
from strangler.fencing import passing
from strangler.fencing.fence import LegacyFence
from strangler.ports import Hand
from strangler.settings import Fence, Settings
from tests.fencing.legacies import Legacy

WRITES = {
    "INSERT": "INSERT INTO party VALUES (3, 'Eve', {company})",
    "UPDATE": "UPDATE party SET name = 'x' WHERE company = {company}",
    "DELETE": "DELETE FROM party WHERE company = {company}",
}


class Standing:
    """A fence by trigger, each act with a connection of its own."""

    def __init__(self, legacy: Legacy, control: Control, cohort: str, **more: object) -> None:
        cohorts = {"cohorts": {"from": [{"header": "company"}], "of": {"party": "company"}}}
        self._moving = partial(legacy.moving, control, cohort, fence={"by": "trigger", **more}, **cohorts)

    def put_up(self) -> None:
        with self._moving() as moving:
            assert moving.section.fence is not None
            LegacyFence(moving, moving.section.fence).put_up()


def fence(legacy: Legacy, control: Control, cohort: str = EVERYONE, **more: object) -> Standing:
    return Standing(legacy, control, cohort, **more)


@contextmanager
def hand_of(settings: Settings) -> Iterator[Hand]:
    with closing(Kept(settings, "party")) as kept:
        yield kept.opened.legacy_hand


def refused(legacy: Legacy, statement: str) -> bool:
    """Whether legacy refuses it, and says who does so."""
    said = legacy.refusal(statement)
    if said and "Strangler: party is moving to the new service, or has moved" not in said:
        raise AssertionError(said)
    return bool(said)


def rows(legacy: Legacy) -> list[tuple[object, ...]]:
    return sorted(legacy.run("SELECT id, name, company FROM party"))


@pytest.mark.parametrize("operation", WRITES)
def test_who_writes_past_the_facades_is_refused_until_it_is_taken_down(
    legacy: Legacy, control: Control, operation: str
) -> None:
    there, statement = rows(legacy), WRITES[operation].format(company=1000)
    standing = fence(legacy, control)
    for _ in range(2):
        standing.put_up()
        assert refused(legacy, statement)
        assert rows(legacy) == there
    for _ in range(2):
        legacy.take_down(control)
    assert not refused(legacy, statement)
    assert rows(legacy) != there
    assert _objects(legacy) == []


def test_what_is_foretold_of_a_switch_and_of_a_retirement_is_what_refuses_writes(
    legacy: Legacy, control: Control
) -> None:
    deactivating = "DELETE FROM party_line"
    settings = legacy.settings(
        fence={"by": "trigger"}, retire={"by": "trigger", "statements": [deactivating]}
    )
    with closing(outside(settings, control, "party", EVERYONE)) as world:
        told = {each.step: each.statements for each in foretell(Stage.LIVE, world)}
        last = {each.step: each.statements for each in foretell(Stage.RETIRED, world)}
    assert [step for step, statements in told.items() if statements] == [Step.LEGACY_FENCED]
    assert last == dict.fromkeys(last, ()) | {Step.DEACTIVATED: (*told[Step.LEGACY_FENCED], deactivating)}
    assert _objects(legacy) == [], "it was only told"
    with hand_of(settings) as hand:
        hand.do(told[Step.LEGACY_FENCED])
    assert refused(legacy, WRITES["DELETE"].format(company=1000))


def test_what_is_foretold_of_the_way_back_is_what_lets_legacy_write_again(
    legacy: Legacy, control: Control
) -> None:
    settings = legacy.settings(fence={"by": "trigger"})
    fence(legacy, control).put_up()
    with closing(outside(settings, control, "party", EVERYONE)) as world:
        told = {each.step: each.statements for each in foretell(Stage.SYNCING, world)}
    assert [step for step, statements in told.items() if statements] == [Step.LEGACY_LIFTED]
    with hand_of(settings) as hand:
        hand.do(told[Step.LEGACY_LIFTED])
    assert _objects(legacy) == []


def test_what_cannot_be_foretold_says_why(legacy: Legacy, control: Control) -> None:
    settings = legacy.settings(fence={"by": "revoke", "roles": ["clerk"]})
    with closing(outside(settings, control, "party", "1000")) as world:
        (fenced,) = [each for each in foretell(Stage.LIVE, world) if each.untold]
    assert (fenced.step, fenced.statements) == (Step.LEGACY_FENCED, ())
    why = "privileges are on tables, and the other cohorts stay in the same ones"
    assert fenced.untold == f"cohort 1000 of party can't be fenced by: revoke: {why}"
    assert any(fenced.untold in line for line in lines([fenced]))


def _objects(legacy: Legacy) -> list[object]:
    """What of a fence is left in the database."""
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE 'strangler_fence%'",
        "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
        "postgres": "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
        "SELECT proname::text FROM pg_proc WHERE proname LIKE 'strangler%'",
    }[legacy.kind]
    return [row[0] for row in legacy.run(query)]


def test_what_strangler_brings_back_passes_in_its_transaction_and_no_longer(
    legacy: Legacy, control: Control
) -> None:
    fence(legacy, control).put_up()
    dialect = legacy.kind
    own = "UPDATE party SET name = 'back' WHERE id = 1"
    legacy.run(*passing.opened(dialect, "party"), own, *passing.closed(dialect))
    assert rows(legacy)[0][1] == "back"
    assert refused(legacy, "UPDATE party SET name = 'x' WHERE id = 1")
    with pytest.raises(Exception, match="Strangler"):  # The mark of another function doesn't help.
        legacy.run(*passing.opened(dialect, "sale"), own)
    with legacy.connection() as connection, closing(connection.cursor()) as cursor:
        for statement in (*passing.opened(dialect, "party"), own, *passing.closed(dialect)):
            cursor.execute(statement)
        with pytest.raises(Exception, match="Strangler"):
            cursor.execute(own)


@pytest.mark.parametrize("operation", WRITES)
def test_a_cohort_is_fenced_and_the_others_write_on(legacy: Legacy, control: Control, operation: str) -> None:
    fence(legacy, control, "1000").put_up()
    assert refused(legacy, WRITES[operation].format(company=1000))
    assert refused(legacy, "UPDATE party SET company = 1000 WHERE id = 2")
    assert refused(legacy, "UPDATE party SET company = 2000 WHERE id = 1")
    assert not refused(legacy, WRITES[operation].format(company=2000))
    legacy.take_down(control, "1000")
    assert not refused(legacy, WRITES[operation].format(company=1000).replace("(3,", "(4,"))


def test_invariant_4_the_rest_is_fenced_while_a_cohort_stays_with_legacy(
    legacy: Legacy, control: Control
) -> None:
    standings.amend(control, "party", "2000", at=1.0, stage=Stage.CANARY, owner=Side.LEGACY)
    fence(legacy, control).put_up()
    assert refused(legacy, WRITES["UPDATE"].format(company=1000))
    assert refused(legacy, "UPDATE party SET company = 1000 WHERE id = 2")
    assert not refused(legacy, WRITES["UPDATE"].format(company=2000))
    legacy.take_down(control)
    assert _objects(legacy) == []


def test_the_rest_is_not_fenced_where_its_rows_cannot_be_told_from_those_of_legacy(
    legacy: Legacy, control: Control
) -> None:
    standings.amend(control, "party", "2000", at=1.0, stage=Stage.CANARY, owner=Side.LEGACY)
    with pytest.raises(Refused, match="as a whole") as raised:
        fence(legacy, control, tables=["party"]).put_up()
    assert "legacy owns cohort 2000" in raised.value.why
    assert not refused(legacy, WRITES["UPDATE"].format(company=2000))


def test_invariant_4_a_cohort_goes_back_and_the_fence_stands_for_the_others(
    legacy: Legacy, control: Control
) -> None:
    cohorts = {"cohorts": {"from": [{"header": "company"}], "of": {"party": "company"}}}
    standings.amend(control, "party", at=1.0, stage=Stage.LIVE, owner=Side.NEW)
    fence(legacy, control).put_up()
    settings = legacy.settings(fence={"by": "trigger"}, **cohorts)
    for cohort in ("1000", "2000"):
        standings.amend(control, "party", cohort, at=1.0, stage=Stage.SYNCING, owner=Side.LEGACY)
        with closing(outside(settings, control, "party", cohort)) as world:
            assert world.lift_legacy is not None
            for _ in range(2):
                world.lift_legacy()
        assert not refused(legacy, WRITES["UPDATE"].format(company=1000))
        assert refused(legacy, WRITES["UPDATE"].format(company=2000)) == (cohort == "1000")
        assert refused(legacy, "INSERT INTO party VALUES (9, 'z', 3000)")
    legacy.take_down(control)
    assert _objects(legacy) == []


def test_a_plan_shows_the_statements_and_runs_none(legacy: Legacy, control: Control) -> None:
    settings = legacy.settings(fence={"by": "trigger"})
    with closing(outside(settings, control, "party", EVERYONE)) as reached:
        assert reached.statements is not None
        assert any("CREATE TRIGGER" in each for each in reached.statements())
    assert fences.of(control, "party", EVERYONE) is None
    assert _objects(legacy) == []


def test_one_that_was_only_remembered_is_taken_down(legacy: Legacy, control: Control) -> None:
    """Its process died between the note and the first statement."""
    standing = fence(legacy, control)
    standing.put_up()
    lift = fences.of(control, "party", EVERYONE)
    assert lift is not None
    legacy.take_down(control)
    fences.remember(control, "party", EVERYONE, "erp", lift.lift, at=1.0)
    # Also when the configuration has none any more: what is in force is known from the control store.
    undo = outside(legacy.settings(), control, "party", EVERYONE).lift_legacy
    assert undo is not None
    undo()
    assert outside(legacy.settings(), control, "party", EVERYONE).lift_legacy is None


def test_one_who_has_written_and_not_committed_is_named(server: Legacy, control: Control) -> None:
    standing = fence(server, control)
    with server.connection() as connection, closing(connection.cursor()) as cursor:
        cursor.execute("UPDATE party SET name = 'slow' WHERE id = 1")
        with pytest.raises(Unavailable, match="an open transaction in the legacy database") as raised:
            standing.put_up()
        assert str(_session(server, connection)) in raised.value.do
        connection.commit()
    standing.put_up()
    assert refused(server, WRITES["UPDATE"].format(company=1000))


def _session(legacy: Legacy, connection: object) -> int:
    if legacy.kind == "postgres":
        return int(connection.info.backend_pid)  # type: ignore[attr-defined]
    return int(connection.thread_id())  # type: ignore[attr-defined]


def test_truncate_is_refused_where_the_database_has_triggers_for_it(
    request: pytest.FixtureRequest, server: Legacy, control: Control
) -> None:
    if server.kind == "postgres":
        fence(server, control).put_up()
        assert refused(server, "TRUNCATE party")


def test_a_fence_by_revoke_says_from_whom() -> None:
    with pytest.raises(ValueError, match="needs `roles`"):
        Fence(by="revoke")
    with pytest.raises(ValueError, match="refuse everybody"):
        Fence(by="trigger", roles=["erp"])


def test_a_hand_sees_the_legacy_database(legacy: Legacy) -> None:
    with hand_of(legacy.settings()) as hand:
        hand.do(["UPDATE party SET name = 'Zoe' WHERE id = 1"])
        assert [str(name) for (name,) in hand.ask("SELECT name FROM party WHERE id = 1")] == ["Zoe"]


def test_the_way_back_writes_through_the_fence(legacy: Legacy, control: Control) -> None:
    fence(legacy, control).put_up()
    writer = plugins.load("writers", urls.kind(legacy.url))("erp", legacy.url, "party")
    with closing(writer):
        writer.prepare()
        with writer.transaction() as transaction:
            transaction.run("UPDATE party SET name = 'returned' WHERE id = 1")
            transaction.record(["1"])
    assert rows(legacy)[0][1] == "returned"
    assert refused(legacy, "UPDATE party SET name = 'x' WHERE id = 1")


def test_invariant_4_a_cohort_that_goes_back_is_not_kept_out_by_the_fence_of_the_whole(
    legacy: Legacy, control: Control
) -> None:
    fence(legacy, control).put_up()
    standings.amend(control, "party", "1000", at=1.0, stage=Stage.SYNCING)
    with closing(outside(legacy.settings(), control, "party", "1000")) as world:
        assert world.lift_legacy is not None
        world.lift_legacy()
    assert not refused(legacy, WRITES["UPDATE"].format(company=1000))


def test_invariant_4_the_fence_of_a_cohort_that_rejoined_goes_with_that_of_the_whole(
    legacy: Legacy, control: Control
) -> None:
    for cohort in ("1000", "2000", EVERYONE):
        fence(legacy, control, cohort).put_up()
    standings.amend(control, "party", "2000", at=1.0, stage=Stage.LIVE, owner=Side.NEW)
    legacy.take_down(control)
    assert not refused(legacy, WRITES["UPDATE"].format(company=1000))
    assert refused(legacy, WRITES["UPDATE"].format(company=2000))
