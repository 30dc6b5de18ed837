"""Numbers while cohorts of a function stand on either side: both draw, cohort after cohort moves there and back, processes die in the
middle, and no number ever comes twice."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from strangler import assembly
from strangler.changes import Position
from strangler.control import deliveries, ledger, standings, stretches
from strangler.control.store import Control
from strangler.control.stretches import Stretch
from strangler.cutover import journal
from strangler.cutover.journal import Intent
from strangler.cutover.means import Means
from strangler.cutover.moving import Moving
from strangler.cutover.recovery import perform, recover
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.ways import WAYS, ahead, leading
from strangler.cutover.world import Outside
from strangler.errors import Refused
from strangler.numbering import apart, leaping, separable
from strangler.numbering.handing import Numbering
from strangler.numbering.watching import Watching, both_draw
from strangler.ports import Acting, Hand
from strangler.settings import Settings
from tests.fencing.legacies import Legacy, made
from tests.fencing.test_numbers import counting as counting
from tests.fencing.test_numbers import draw_legacy, draw_new

GAP = 16
COMPANY = {"from": [{"header": "X-Company"}], "of": {"party": "company"}}
NUMBERS = [
    {"legacy": "party_code", "new": "party_code", "gap": GAP},
    {
        "legacy": {"table": "counter", "column": "last", "where": "object = 'PARTY'"},
        "new": "other",
        "gap": GAP,
    },
]
TARGET = {Side.NEW: Stage.LIVE, Side.LEGACY: Stage.SYNCING}


def stand(control: Control, cohort: str, side: Side) -> None:
    standings.amend(control, "party", cohort, at=1.0, stage=TARGET[side], owner=side)


# One cohort after the other, on every kind of database


def move(legacy: Legacy, control: Control, cohort: str, to: Side, lines: Sequence[dict[str, Any]]) -> None:
    """What a switch of this cohort does to numbers, up to its decision, and the new owner."""
    with legacy.moving(control, cohort, numbers=list(lines), cohorts=COMPANY) as moving:
        Numbering(moving).ready()
        Numbering(moving).hand_over(to)
        before = standings.of(control, "party", cohort)
        intent = Intent("party", cohort, TARGET[to], 0, "eva@host", "", [])
        at = journal.begin(control, intent, before, journal.Step.HANDED_OVER, at=1.0)
        means = Means(
            control, Outside(lambda: None, lambda t: Position(""), lambda: 0, lambda: 0), "eva@host"
        )
        decided = next(
            action for action in WAYS[leading(intent.stage)] if action.step is journal.Step.DECIDED
        )
        perform(means, at, replace(decided, do=lambda means, at: None))
        stand(control, cohort, to)
        journal.advance(control, journal.get(control, at.id), journal.Step.FINISHED, at=2.0)


def test_cohort_after_cohort_moves_and_no_number_comes_twice(counting: Legacy, control: Control) -> None:
    line = {"legacy": "party_code", "new": "party_code", "gap": 10}
    configured = counting.settings(numbers=[line], cohorts=COMPANY)
    given: list[int] = []

    def draw(times: int, *sides: Callable[[Legacy], int]) -> None:
        for _ in range(times):
            given.extend(side(counting) for side in sides)

    for cohort, to in (
        ("1", Side.NEW),
        ("2", Side.NEW),
        ("1", Side.LEGACY),
        ("1", Side.NEW),
        (EVERYONE, Side.NEW),
    ):
        move(counting, control, cohort, to, [line])
        if not both_draw(control, "party"):
            break
        for _ in range(4):
            draw(3, draw_legacy, draw_new)
            Watching(configured, control).look()
    assert stretches.of(control, "party") == {}, "new draws alone"
    draw(30, draw_new)
    assert Counter(given).most_common(1)[0][1] == 1, "no number is given twice"
    leaps = [entry.body for entry in ledger.entries(control) if entry.kind == leaping.KIND]
    assert {body["side"] for body in leaps} == set(Side), "either side leaps over the other"


def test_a_counter_that_is_set_back_is_set_ahead_again(counting: Legacy, control: Control) -> None:
    line = {"legacy": NUMBERS[1]["legacy"], "new": "party_code", "gap": 10}
    configured = counting.settings(numbers=[line], cohorts=COMPANY)
    stand(control, EVERYONE, Side.NEW)
    move(counting, control, "1", Side.LEGACY, [line])
    ((set_to,),) = counting.run("SELECT last FROM counter WHERE object = 'PARTY'")
    counting.run("UPDATE counter SET last = '0000000041' WHERE object = 'PARTY'")
    Watching(configured, control).look()
    assert int(counting.run("SELECT last FROM counter WHERE object = 'PARTY'")[0][0]) >= int(set_to)


def test_numbers_that_were_configured_with_cohorts_on_either_side_are_parted_then(
    counting: Legacy, control: Control
) -> None:
    stand(control, "1", Side.NEW)
    configured = counting.settings(numbers=[{"legacy": "party_code", "new": "party_code"}], cohorts=COMPANY)
    Watching(configured, control).look()
    assert draw_new(counting) == 1041
    assert draw_legacy(counting) == 41


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [{"legacy": {"table": "party", "column": "id"}, "new": "party_code"}],
            "follows every row that comes over",
        ),
        (
            [{"legacy": "party_code", "new": "party_code"}, NUMBERS[1] | {"new": "party_code"}],
            "stands in several lines",
        ),
        ([{"legacy": "party_code", "new": "party_code", "gap": 1}], "a gap of 1 leaves"),
        (
            [{"legacy": "party_code", "new": "party"}],
            "sequence party of new follows every row that comes over from legacy: SQLite raises",
        ),
    ],
)
def test_what_can_not_be_kept_apart_moves_as_a_whole_only(
    counting: Legacy, control: Control, lines: list[dict[str, Any]], words: str
) -> None:
    with closing(sqlite3.connect(counting.home / "new.db")) as store:
        store.execute("CREATE TABLE party (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    with legacy_moving(counting, control, EVERYONE, lines) as moving:
        Numbering(moving).ready()
    with legacy_moving(counting, control, "1", lines) as moving, pytest.raises(Refused) as refused:
        Numbering(moving).ready()
    assert words in refused.value.why
    assert "or move the whole function at once" in refused.value.do


def legacy_moving(legacy: Legacy, control: Control, cohort: str, lines: list[dict[str, Any]]) -> Any:
    return legacy.moving(control, cohort, numbers=lines, cohorts=COMPANY)


def test_what_other_cohorts_draw_from_is_not_set_back(counting: Legacy, control: Control) -> None:
    line = {"legacy": "party_code", "new": "party_code", "gap": 10}
    with legacy_moving(counting, control, "2", [line]) as moving:
        Numbering(moving).hand_over(Side.NEW)
    move(counting, control, "1", Side.NEW, [line])
    with legacy_moving(counting, control, "2", [line]) as moving:
        Numbering(moving).take_back()
    assert draw_new(counting) == 51
    assert "other cohorts draw from new's" in ledger.entries(control)[-1].body["numbers"]


@pytest.mark.parametrize("looked", [True, False])
def test_numbers_that_are_new_in_the_configuration_are_parted_by_a_switch_as_by_a_look(
    counting: Legacy, control: Control, looked: bool
) -> None:
    """New has drawn for a cohort already, beyond legacy's last number, when the next one moves."""
    line = {"legacy": "party_code", "new": "party_code", "gap": 10}
    configured = counting.settings(numbers=[line], cohorts=COMPANY)
    stand(control, "1", Side.NEW)
    given = [draw_new(counting) for _ in range(80)]
    if looked:
        Watching(configured, control).look()
    move(counting, control, "2", Side.NEW, [line])
    for _ in range(20):
        given += [draw_legacy(counting), draw_new(counting)]
        Watching(configured, control).look()
    assert Counter(given).most_common(1)[0][1] == 1, "no number is given twice"


def test_a_counter_that_follows_the_rows_that_come_over_is_warned_of_by_a_look(
    counting: Legacy, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    """And left alone; the other lines are kept apart."""
    largest = {"legacy": {"table": "party", "column": "id"}, "new": "other"}
    with closing(sqlite3.connect(counting.home / "new.db")) as store:
        store.execute("CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    stand(control, "1", Side.NEW)
    line = {"legacy": "party_code", "new": "party_code", "gap": 10}
    Watching(counting.settings(numbers=[largest, line], cohorts=COMPANY), control).look()
    assert list(stretches.of(control, "party")) == ["sequence party_code / sequence party_code"]
    assert "the numbers of party can't be kept apart while both sides draw" in caplog.text


def test_into_which_tables_rows_come_over(tmp_path: Path) -> None:
    legacy = made("sqlite", f"sqlite:///{tmp_path}/erp.db", tmp_path)
    back = {"return": {"through": "tables"}}
    assert separable.fed(legacy.settings(), "party", Side.LEGACY) == set()
    assert separable.fed(legacy.settings(**back), "party", Side.LEGACY) == {"party"}
    lines = {"table": "party_line", "on": {"party": "id"}, "key": "id", "fields": {"id": "id"}}
    party = {"table": "party", "key": "id", "fields": {"id": "id"}, "into": "partner"}
    configured = legacy.settings(entities={"party": party | {"children": {"lines": lines}}})
    assert separable.fed(configured, "party", Side.NEW) == {"partner", "partner_lines"}


def test_who_draws_within_an_open_transaction_keeps_nobody_from_drawing_while_a_counter_leaps(
    mariadb_url: str, tmp_path: Path, control: Control
) -> None:
    legacy = made("mysql", mariadb_url, tmp_path)
    legacy.run("CREATE SEQUENCE party_code START WITH 41")
    with closing(sqlite3.connect(tmp_path / "new.db")) as store, store:
        store.execute("CREATE TABLE party_code (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        store.execute("INSERT INTO party_code VALUES (5000)")
    stand(control, "1", Side.NEW)
    line = {"legacy": "party_code", "new": "party_code", "gap": 10}
    watching = Watching(legacy.settings(numbers=[line], cohorts=COMPANY), control)
    with legacy.connection() as drawing, closing(drawing.cursor()) as cursor:
        cursor.execute("SELECT NEXTVAL(party_code)")
        watching.look()
        assert draw_legacy(legacy) > 5010, "it has leapt, and is drawn from, with that transaction still open"
    watching.look()
    assert [entry.kind for entry in ledger.entries(control)].count(leaping.KIND) == 1


def test_a_leap_that_does_not_succeed_is_on_the_ledger_once(tmp_path: Path, control: Control) -> None:
    legacy = made("sqlite", f"sqlite:///{tmp_path}/erp.db", tmp_path)
    legacy.run("CREATE TABLE counter (object TEXT, last TEXT)", "INSERT INTO counter VALUES ('PARTY', '40')")
    legacy.run(
        "CREATE TRIGGER undone AFTER UPDATE ON counter BEGIN UPDATE counter SET last = '41'; END",
    )
    with closing(sqlite3.connect(tmp_path / "new.db")) as store, store:
        store.execute("CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        store.execute("INSERT INTO other VALUES (100)")
    stand(control, "1", Side.NEW)
    watching = Watching(legacy.settings(numbers=[NUMBERS[1]], cohorts=COMPANY), control)
    for _ in range(3):
        watching.look()
    legacy.run("DROP TRIGGER undone")
    watching.look()
    (leap,) = ledger.entries(control, kind=leaping.KIND)
    assert legacy.run("SELECT last FROM counter") == [(str(leap.body["after"]),)]


def test_a_switch_leaves_alone_what_that_of_another_cohort_has_just_set(
    counting: Legacy, control: Control
) -> None:
    """Its callers may draw at any moment."""
    line = {"legacy": "party_code", "new": "party_code", "gap": 10}
    for cohort in ("1", "2"):
        intent = Intent("party", cohort, Stage.LIVE, 0, "eva@host", "", [])
        before = standings.of(control, "party", cohort)
        journal.begin(control, intent, before, journal.Step.CHECKED, at=1.0)
        with legacy_moving(counting, control, cohort, [line]) as moving:
            Numbering(moving).hand_over(Side.NEW)
        assert [draw_legacy(counting) for _ in range(3)]
    with legacy_moving(counting, control, "1", [line]) as moving:
        Numbering(moving).take_back()
    assert draw_new(counting) == 51, "neither set anew for the second cohort, nor back for the first"


def test_the_side_behind_has_what_is_left_of_the_gap() -> None:
    stretch = Stretch(Side.NEW, 100)
    assert apart.left(stretch, {Side.LEGACY: 70, Side.NEW: 130}) == 30
    assert apart.left(stretch, {Side.LEGACY: 103, Side.NEW: 130}) == -3
    assert not apart.runs_low(stretch, {Side.LEGACY: 50, Side.NEW: 130}, 100)
    assert apart.runs_low(stretch, {Side.LEGACY: 51, Side.NEW: 130}, 100)
    assert apart.runs_low(replace(stretch, leap=230), {Side.LEGACY: 50, Side.NEW: 130}, 100)


# Whatever happens, in whatever order


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """A hand; before each thing that it does other callers draw, and at the end of the fuse the process dies."""

    hand: Hand
    burn: Callable[[], None]

    @property
    def dialect(self) -> str:
        return self.hand.dialect

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        self.burn()
        return self.hand.ask(sql)

    def do(self, statements: Sequence[str]) -> None:
        self.burn()
        self.hand.do(statements)


@dataclass
class Estate:
    """A function in three cohorts, one of them the rest. `given`: the numbers of each line that anybody got; `life`: what its process may
    still do before it is killed; `meanwhile`: who draws in between."""

    control: Control
    settings: Settings
    legacy: sqlite3.Connection
    store: sqlite3.Connection
    hands: dict[Side, Hand] = field(default_factory=dict)
    given: tuple[Counter[int], Counter[int]] = field(default_factory=lambda: (Counter(), Counter()))
    life: int | None = None
    meanwhile: list[Side] = field(default_factory=list)
    since_look: int = 0
    now: float = 1.0

    def moving(self, cohort: str) -> Moving:
        opened = SimpleNamespace(
            legacy_hand=Fuse(self.hands[Side.LEGACY], self.burn),
            store_hand=Fuse(self.hands[Side.NEW], self.burn),
        )
        kept: Any = SimpleNamespace(opened=opened, close=lambda: None)
        return Moving(self.settings, self.control, "party", cohort, kept, lambda: self.now)

    def burn(self) -> None:
        if self.meanwhile:
            self.draw(self.meanwhile.pop())
        if self.life is not None:
            if self.life == 0:
                raise Killed
            self.life -= 1

    def draw(self, side: Side) -> None:
        """Somebody of this side draws a number of each line, if the side writes anything now."""
        writing = {each.owner for each in standings.snapshot(self.control).all_of("party") if not each.fenced}
        if side not in writing:
            return
        if side is Side.LEGACY:
            code = self.legacy.execute("INSERT INTO party_code DEFAULT VALUES RETURNING id").fetchone()[0]
            self.legacy.execute("UPDATE counter SET last = printf('%010d', last + 1)")
            other = int(self.legacy.execute("SELECT last FROM counter").fetchone()[0])
        else:
            code, other = (
                self.store.execute(f"INSERT INTO {table} DEFAULT VALUES RETURNING id").fetchone()[0]
                for table in ("party_code", "other")
            )
        self.since_look += 1
        for known, number in zip(self.given, (code, other), strict=True):
            known[number] += 1
            assert known[number] == 1, f"{side} draws {number}, which was given before"

    def outside(self, function: str, cohort: str) -> Outside:
        numbering = Numbering(self.moving(cohort))
        return Outside(
            numbering.ready,
            lambda timeout: Position("5"),
            lambda: 0,
            lambda: 0,
            hand_over=numbering.hand_over,
            take_back=numbering.take_back,
        )

    def switch(self, cohort: str) -> None:
        """The cohort changes its owner, or dies on the way."""
        before = standings.of(self.control, "party", cohort)
        intent = Intent("party", cohort, TARGET[before.owner.other], 0, "eva@host", "", [])
        with suppress(Refused, Killed):
            journal.refuse_while_open(self.control, "party", cohort)
            means = Means(self.control, self.outside("party", cohort), "eva@host", lambda: self.now)
            means.outside.way_back()
            first = WAYS[leading(intent.stage)][0]
            with self.control.begin():
                at = journal.begin(self.control, intent, before, first.step, at=self.now)
                first.record(means, at)
            for action in ahead(at, means.outside):
                self.burn()
                at = perform(means, at, action)

    def look(self) -> None:
        """The worker ends what is half done, and looks after the numbers; it may die, too, and comes again."""
        with suppress(Killed):
            self._look()
        self.life = None
        self._look()
        self.since_look = 0

    def _look(self) -> None:
        self.now += 20.0
        recover(self.control, self.outside, actor="worker", clock=lambda: self.now)
        Watching(self.settings, self.control).look_at(self.moving(EVERYONE))


@pytest.fixture(scope="module")
def template() -> Iterator[tuple[Path, Settings]]:
    folder = Path(mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    legacy = made("sqlite", f"sqlite:///{folder}/erp.db", folder)
    legacy.run(
        "CREATE TABLE party_code (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO party_code VALUES (40)"
    )
    legacy.run(
        "CREATE TABLE counter (object TEXT, last TEXT)", "INSERT INTO counter VALUES ('PARTY', '0000000040')"
    )
    with closing(sqlite3.connect(folder / "new.db")) as store:
        for table in ("party_code", "other"):
            store.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    configured = legacy.settings(numbers=NUMBERS, cohorts=COMPANY)
    with Control.open(f"sqlite:///{folder}/control.db") as control:
        stand(control, EVERYONE, Side.LEGACY)
        deliveries.report(
            control, "party", position=Position("9"), generation=10**6, rows=0, late_writes=0, lag=0.0
        )
    yield folder, configured
    shutil.rmtree(folder, ignore_errors=True)


DRAW = st.sampled_from(Side).map(lambda side: partial(Estate.draw, side=side))
SWITCH = st.sampled_from(["1", "2", EVERYONE]).map(lambda cohort: partial(Estate.switch, cohort=cohort))
STEP = st.tuples(
    DRAW | DRAW | SWITCH, st.none() | st.integers(0, 30), st.lists(st.sampled_from(Side), max_size=3)
)
LIFE = st.lists(STEP, min_size=40, max_size=80)


def live(template: tuple[Path, Settings], steps: list[Any]) -> None:
    """These steps, with a look of the worker as often as it takes for half of a gap not to be used up in between."""
    folder, configured = template
    with ExitStack() as stack:
        home = Path(mkdtemp(dir=folder))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        for name in ("erp.db", "new.db", "control.db"):
            shutil.copy(folder / name, home)
        control = stack.enter_context(Control.open(f"sqlite:///{home}/control.db", upgrade=False))
        moved = _moved(configured, home)
        estate = Estate(control, moved, _callers(stack, home / "erp.db"), _callers(stack, home / "new.db"))
        for side, opened in (
            (Side.LEGACY, assembly.source(moved, "erp")),
            (Side.NEW, assembly.store(moved, "new")),
        ):
            assert isinstance(opened, Acting)
            estate.hands[side] = stack.enter_context(closing(opened.hand()))
            stack.callback(opened.close)
        for act, life, meanwhile in steps:
            estate.life, estate.meanwhile = life, list(meanwhile)
            act(estate)
            if estate.since_look >= GAP // 4:
                estate.look()


def _callers(stack: ExitStack, path: Path) -> sqlite3.Connection:
    """Those who draw, each draw a transaction."""
    return stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))


def _moved(configured: Settings, home: Path) -> Settings:
    """The same over the databases in this folder."""
    said = configured.model_dump(mode="json", by_alias=True, exclude_unset=True)
    said["sources"]["erp"]["url"] = f"sqlite:///{home}/erp.db"
    said["stores"]["new"]["url"] = f"sqlite:///{home}/new.db"
    return Settings.model_validate(said)


LIVES = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@settings(LIVES, max_examples=8, derandomize=True)
@given(LIFE)
def test_no_number_comes_twice_whatever_happens(template: tuple[Path, Settings], steps: list[Any]) -> None:
    live(template, steps)


@pytest.mark.nightly
@settings(LIVES, max_examples=3000)
@given(LIFE)
def test_no_number_comes_twice_whatever_happens_for_long(
    template: tuple[Path, Settings], steps: list[Any]
) -> None:
    live(template, steps)


SEEDED: dict[str, tuple[Any, str, Any]] = {
    "nobody leaps": (leaping, "runs_low", lambda stretch, lasts, gap: False),
    "a leap has no gap": (leaping, "_next", lambda pair, lasts: max(lasts.values())),
    "the new owner isn't brought ahead": (leaping.Leaping, "bring_ahead", lambda *given: None),
}
"""What each of these breaks shows only in some order of things."""


@pytest.mark.nightly
@pytest.mark.parametrize("defect", SEEDED)
def test_a_defect_shows(
    template: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch, defect: str
) -> None:
    monkeypatch.setattr(*SEEDED[defect])

    @settings(LIVES, max_examples=400, derandomize=True, phases=[Phase.generate])
    @given(LIFE)
    def lived(steps: list[Any]) -> None:
        live(template, steps)

    with pytest.raises(AssertionError, match="which was given before"):
        lived()
