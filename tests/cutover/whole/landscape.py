"""A whole landscape under cutover: two functions, one of them in cohorts, legacy and new as small tables with what runs between them,
facades with the real routing, keeper and flight, and conductors with the real switch, all over a real control store.

What is a model here is faithful to its promise: delivery applies nothing beyond the limit and guards by position; the reverse feed
keeps what new writes until legacy has it; a write that a facade gave up may still land for as long as the facade says.
Every landing is judged: it has to be on the side that owns the row at that moment (invariant 4), and in legacy not behind a
recorded position (invariant 5).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from sqlalchemy import Engine, event, select

from strangler.changes import Position
from strangler.control import deliveries, facades, ledger, standings, tables
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.conductor import Acting
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Journal, Step
from strangler.cutover.plan import moved
from strangler.cutover.recovery import recover
from strangler.cutover.stages import EVERYONE, RULES, Side, Stage, Standing, at_the_start
from strangler.cutover.steps import Target, arrival
from strangler.cutover.ways import Way, leading
from strangler.cutover.world import Outside
from strangler.errors import StranglerError
from strangler.facade.flight import Flight
from strangler.facade.memory import Memory
from strangler.facade.standing import LEASE, Keeper
from strangler.routing import Asked, Decision, Trust, Who, compile_routes, decide
from strangler.settings import Facade, Function
from tests.cutover.whole.clockwork import Process, Reaching, Time, stop

BUDGET, DOUBTFUL = 4.0, 4.0
"""Seconds that a facade gives a write, and for which one that it gave up counts on; whoever lets one through says the sum."""

TIME_LIMIT = 30.0
POLLS = 400
"""Most times that a process is resumed at once."""

ENTITY = {"table": "t", "key": "id", "fields": {"id": "id", "company": "company"}}
COMPANY = {"from": [{"path": "company"}], "of": {"e": "company"}}


class Row(NamedTuple):
    function: str
    cohort: str
    id: str


class Unit(NamedTuple):
    """What moves by itself: a function, or a cohort of one."""

    function: str
    cohort: str


UNITS = (Unit("party", "north"), Unit("party", "south"), Unit("sale", EVERYONE))
ROWS = (
    Row("party", "north", "1"),
    Row("party", "south", "1"),
    Row("sale", "any", "1"),
    Row("sale", "any", "2"),
)
RETURNING = "party"
"""The function whose new service's writes come back to legacy, and whose tables legacy can lock; the other has neither."""


class Ask(Enum):
    """What somebody may ask for."""

    FORWARDS = "forwards"
    BACK = "back"
    RETIRE = "retire"


WAY: dict[Ask, dict[Stage, Stage]] = {
    Ask.FORWARDS: {
        Stage.LEGACY: Stage.SYNCING,
        Stage.SYNCING: Stage.SHADOW,
        Stage.SHADOW: Stage.CANARY,
        Stage.CANARY: Stage.LIVE,
    },
    Ask.BACK: {Stage.LIVE: Stage.SYNCING, Stage.CANARY: Stage.SYNCING, Stage.SHADOW: Stage.SYNCING},
    Ask.RETIRE: {Stage.LIVE: Stage.RETIRED},
}


def unit_of(row: Row) -> Unit:
    return Unit(row.function, row.cohort if row.function == "party" else EVERYONE)


@dataclass(eq=False)
class Write:
    """A write that a facade let through. `given_up`: the moment at which nobody waited for it any more."""

    row: Row
    value: int
    side: Side
    front: Front
    generation: int
    begun: float
    given_up: float | None = None

    @property
    def latest(self) -> float:
        """The last moment at which it may land."""
        return self.begun + BUDGET + DOUBTFUL


class Front:
    """A facade process."""

    def __init__(self, world: World, id: str) -> None:
        self.world, self.control, self.offset, self.dead = world, Reaching(world.engine), 0.0, False
        self.flight = Flight(lambda: world.time.now)
        memory = Memory(world.functions, world.facade, world.time.wall)
        self.keeper = Keeper(lambda: self.control, id, self.flight, memory, LEASE, BUDGET + DOUBTFUL)
        self.keeper.address, self.memory = id, memory
        self.visit: Process | None = None

    def look(self, turns: int = POLLS) -> None:
        """A round of the keeper, or some of its transactions; the next call goes on with it."""
        if self.visit is None or self.visit.over:
            self.visit = Process(self.keeper.id, lambda: _drive(self.keeper.round()), lambda: self.offset)
        self.world.turn(self.visit, turns)
        if self.visit.over and not isinstance(self.visit.error, StranglerError | None):
            raise self.visit.error

    @property
    def behind(self) -> bool:
        """Whether it has to say something new."""
        keeper = self.keeper
        return not keeper.trouble and self.flight.settled(keeper.current().generation) != keeper._acknowledged

    def decide(self, method: str, row: Row) -> Decision:
        standings = self.keeper.current()
        asked = Asked(method, f"/{row.function}/{row.cohort}/{row.id}", {})
        found = self.world.table.find(asked)
        return decide(self.world.table, standings, asked, found, {}, Who("someone"), 0.9, self.memory)

    def kill(self) -> None:
        self.dead = True
        if self.visit is not None:
            self.visit.kill()


def _drive(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


async def at_once(seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
    """In the place of `strangler.facade.within.within`: in this very thread."""
    return work(*arguments)


@dataclass
class Seen:
    """What was seen of a switch."""

    decided: bool = False
    ended: bool = False


@cache
def _template() -> Path:
    """A control store with its tables, made once."""
    folder = Path(mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    Control.open(f"sqlite:///{folder}/control.db").close()
    return folder


@cache
def _configured() -> tuple[dict[str, Function], Facade]:
    def function(name: str, **more: Any) -> Function:
        path = f"/{name}/{{company}}/{{id}}"
        routes = [
            {"match": {"path": path, "method": kind[0]}, "kind": kind[1]}
            for kind in (("GET", "read"), ("POST", "write"))
        ]
        given = {"source": "s", "store": "s", "entities": {"e": ENTITY}, "routes": routes}
        return Function.model_validate(given | more)

    functions = {"party": function("party", cohorts=COMPANY), "sale": function("sale", depends_on=["party"])}
    return functions, Facade.model_validate({"legacy": "http://127.0.0.1"})


@dataclass
class World:
    """Everything, and what it must come to. `truth`: row → what its owner has to have; `since`: rows that new has been written to
    since it owns them."""

    time: Time = field(default_factory=Time)
    legacy: dict[Row, int] = field(default_factory=dict)
    log: list[tuple[Row, int, bool]] = field(default_factory=list)
    store: dict[Row, tuple[int, int]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=lambda: {"party": 0, "sale": 0})
    outbox: list[Row] = field(default_factory=list)
    locked: set[Unit] = field(default_factory=set)
    keeping: set[Unit] = field(default_factory=set)
    truth: dict[Row, int] = field(default_factory=dict)
    since: set[Row] = field(default_factory=set)
    flying: list[Write] = field(default_factory=list)
    fronts: list[Front] = field(default_factory=list)
    seen: dict[int, Seen] = field(default_factory=dict)
    orphans: set[int] = field(default_factory=set)
    moves: int = 0
    restless: bool = False
    """Whether a job writes in legacy before and after each step of a switch."""
    offset: float = 0.0
    conducting: Process | None = None
    rescuing: Process | None = None
    working: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.functions, self.facade = _configured()
        self.table = compile_routes(self.functions, self.facade)
        self.folder = Path(mkdtemp(dir=_template().parent))
        shutil.copytree(_template(), self.folder, dirs_exist_ok=True)
        self.control = Control.open(f"sqlite:///{self.folder}/control.db", upgrade=False)
        self.engine = self.control.engine
        _hasten(self.engine)
        self.conductor = Reaching(self.engine)
        self.worker = Reaching(self.engine)
        self.standings: dict[Unit, Standing] = {}
        self._numbers, self._names = count(1), count(1)

    def begin(self, stages: dict[Unit, Stage]) -> None:
        """Where everything stands at the start, with rows that both sides have."""
        for row in ROWS:
            self.write_past_the_facades(row)
        for function in self.functions:
            self.work(function)
        with self.control.begin():
            for unit, stage in stages.items():
                if stage is not Stage.LEGACY:
                    before = at_the_start(*unit)
                    after = replace(moved(before, arrival(stage, 100)), sync_until=self._limit(stage))
                    standings.change(self.control, before, after, at=self.time.wall())
                if unit.function == RETURNING and RULES[stage].owner is Side.NEW:
                    self.locked.add(unit)
                    self.keeping.add(unit)

    def _limit(self, stage: Stage) -> Position | None:
        return _position(len(self.log)) if RULES[stage].owner is Side.NEW else None

    # Processes

    def turn(self, process: Process, turns: int, to: str = "sleeps") -> bool:
        """Resume it so many times, at most until it sleeps, or comes to a place; whether it is over."""
        for _ in range(turns):
            if process.over:
                break
            process.resume()
            if self.restless and process.where.endswith((" True", " False")):
                self.write_past_the_facades(ROWS[0])
            if process.where in ("sleeps", to):
                break
        return process.over

    def process(self, name: str, work: Callable[[], object]) -> Process:
        return Process(f"{name}-{next(self._names)}", work, lambda: self.offset)

    def open_front(self) -> Front:
        front = Front(self, f"front-{next(self._names)}")
        self.fronts.append(front)
        return front

    def conduct(self, unit: Unit, ask: Ask) -> None:
        """Somebody asks for a move of a unit."""
        self.conducting = self.process("conductor", lambda: self._move(unit, ask))

    def _move(self, unit: Unit, ask: Ask) -> None:
        """All moves up to a change of owner, and that; or the retirement."""
        hand = Acting(
            self.conductor, "eva@host", TIME_LIMIT, self.reach, lambda s, d: stop(f"{s} {d}"), self.time.wall
        )
        while True:
            before = standings.of(self.conductor, *unit)
            stage = WAY[ask].get(before.stage)
            if stage is None:
                return
            target = arrival(stage, 100)
            intent = Intent(unit.function, unit.cohort, target.stage, target.weight, "eva@host", "", [])
            if RULES[stage].owner is not before.owner or stage is Stage.RETIRED:
                hand.switch(intent, before)
                return
            kind = Kind.ADVANCED if ask is Ask.FORWARDS else Kind.ROLLED_BACK
            hand.move(intent, before, moved(before, Target(target.stage, target.weight)), kind)
            self.observe()

    def kill_conductor(self) -> None:
        """And remember what it leaves behind undecided."""
        if self.conducting is not None and not self.conducting.over:
            for found in journal.unfinished(self.control):
                if self.conducting.name in found.holder and not found.decided:
                    self.orphans.add(found.id)
            self.conducting.kill()

    def rescue(self) -> None:
        """A worker looks for what was abandoned."""
        self.rescuing = self.process("worker", self._recover)

    def _recover(self) -> None:
        recover(self.worker, self.reach, actor="worker", clock=self.time.wall)

    def work(self, function: str, turns: int = POLLS) -> None:
        """Delivery and reverse feed of a function go on."""
        process = self.working.get(function)
        if process is None or process.over:
            control = Reaching(self.engine)
            process = self.process("worker", lambda: self._sync(control, function))
            self.working[function] = process
        self.turn(process, turns)
        if process.over and process.error:
            raise process.error

    def _sync(self, control: Control, function: str) -> None:
        self._deliver(control, function)
        self._feed_back(function)

    def _deliver(self, control: Control, function: str) -> None:
        picture = standings.snapshot(control)
        limits = [
            int(each.sync_until)
            for each in picture.standings
            if each.function == function and each.owner is Side.LEGACY and each.sync_until
        ]
        end = min([len(self.log), *limits])
        stop("applies")
        for number in range(self.marks[function] + 1, end + 1):
            row, value, ours = self.log[number - 1]
            if row.function == function and not ours:
                standing = picture.of_cohort(*unit_of(row))
                if standing.owner is Side.LEGACY and number > self.store.get(row, (0, 0))[1]:
                    self.store[row] = value, number
        self.marks[function] = max(self.marks[function], end)
        deliveries.report(
            control, function, position=_position(self.marks[function]), generation=picture.generation,
            rows=0, late_writes=0, lag=0.0,
        )  # fmt: skip

    def _feed_back(self, function: str) -> None:
        batch = [row for row in self.outbox if row.function == function]
        stop("feeds back")
        for row in batch:
            self._log(row, self.store[row][0], ours=True)
            self.outbox.remove(row)

    # What a switch asks of the world

    def reach(self, function: str, cohort: str) -> Outside:
        unit = Unit(function, cohort)

        def position(timeout: float) -> Position:
            stop("asks for the position")
            return _position(len(self.log))

        def lost() -> int:
            rows = [row for row in ROWS if unit_of(row) == unit]
            return sum(self.store[row][0] != self.legacy[row] for row in rows if row in self.store)

        def returned() -> str:
            left = [row for row in self.outbox if unit_of(row) == unit]
            return f"{len(left)} rows are to come back" if left else ""

        if function != RETURNING:
            return Outside(lambda: None, position, lambda: 0, lost)
        return Outside(
            way_back=lambda: None,
            safe_position=position,
            drift=lambda: 0,  # Blind, so that only the order of the steps protects the writes.
            only_new=lost,
            fence_legacy=lambda: (stop("locks legacy"), self.locked.add(unit))[1],
            lift_legacy=lambda: (stop("unlocks legacy"), self.locked.discard(unit))[1],
            open_return=lambda: (stop("opens the return"), self.keeping.add(unit))[1],
            close_return=lambda: (stop("closes the return"), self.keeping.discard(unit))[1],
            returned=returned,
        )

    # Callers

    def write(self, front: Front, row: Row) -> Decision:
        """A caller writes through a facade."""
        decision = front.decide("POST", row)
        if decision.status is None:
            generation = front.keeper.current().generation
            front.flight.begin(generation)
            value = next(self._numbers)
            self.flying.append(Write(row, value, decision.side, front, generation, self.time.now))
        return decision

    def land(self, write: Write) -> None:
        """The side that was asked does it, and the caller hears of it if somebody still waits."""
        self.judge(write.row, write.side, f"a write through {write.front.keeper.id}")
        self._apply(write.row, write.value, write.side)
        self._forget(write)

    def lose(self, write: Write) -> None:
        """It never arrives."""
        self._forget(write)

    def give_up(self, write: Write) -> None:
        """The facade waits no longer."""
        write.given_up = self.time.now
        write.front.flight.end(write.generation, DOUBTFUL)

    def _forget(self, write: Write) -> None:
        self.flying.remove(write)
        if write.given_up is None:
            write.front.flight.end(write.generation)

    def write_past_the_facades(self, row: Row) -> bool:
        """A batch job in legacy; False where legacy refuses it."""
        if unit_of(row) in self.locked:
            return False
        if self.standing(row).owner is Side.NEW:
            return False  # A late write, which is for others to show.
        if row.function != RETURNING and self._behind_position(row):
            return False  # Without a lock nothing protects from it but the gates for late writes.
        self._apply(row, next(self._numbers), Side.LEGACY)
        return True

    def read(self, front: Front, row: Row) -> None:
        """A caller reads through a facade: nobody reads from legacy what new has by now, unless the facade has been cut off."""
        decision = front.decide("GET", row)
        if decision.status is None and front.keeper.silence() < LEASE:
            stale = (
                decision.side is Side.LEGACY and row in self.since and self.standing(row).owner is Side.NEW
            )
            assert not stale, f"{front.keeper.id} reads {row} from legacy, and new has been written to"

    def _apply(self, row: Row, value: int, side: Side) -> None:
        self.truth[row] = value
        if side is Side.LEGACY:
            self._log(row, value, ours=False)
            return
        self.store[row] = value, self.store.get(row, (0, 0))[1]
        self.since.add(row)
        if unit_of(row) in self.keeping and row not in self.outbox:
            self.outbox.append(row)

    def _log(self, row: Row, value: int, *, ours: bool) -> None:
        self.legacy[row] = value
        self.log.append((row, value, ours))

    # What must hold

    def standing(self, row: Row) -> Standing:
        return standings.snapshot(self.control).of_cohort(*unit_of(row))

    def open_switch(self, row: Row) -> Journal | None:
        return journal.open_of(self.control, *unit_of(row))

    def _behind_position(self, row: Row) -> bool:
        found = self.open_switch(row)
        return found is not None and found.intent.owner is Side.NEW and found.position is not None

    def judge(self, row: Row, side: Side, what: str) -> None:
        """A write lands: on the owner's side (invariant 4), and not behind the position that was recorded (invariant 5)."""
        standing, found = self.standing(row), self.open_switch(row)
        assert standing.owner is side, f"invariant 4: {what} lands in {side}, and {standing.owner} owns {row}"
        if found is not None and leading(found.intent.stage) is not Way.RETIRE:
            assert found.step is Step.FENCED, f"invariant 5: {what} lands in {side} after: {found.step}"

    def observe(self) -> None:
        """What holds at every moment."""
        with self.control.read() as connection:
            picture = standings.snapshot(self.control)
            ids = list(connection.execute(select(tables.journal.c.id).order_by("id")).scalars())
            journals = [journal.get(self.control, id) for id in ids]
            kinds = list(connection.execute(select(tables.ledger.c.kind)).scalars())
        switches = {
            Unit(each.intent.function, each.intent.cohort): each for each in journals if not each.finished
        }
        for unit in UNITS:
            self._watch_standing(unit, picture.of(*unit), switches.get(unit))
        for found in journals:
            self._watch_journal(found, picture.of(found.intent.function, found.intent.cohort))
        told = {kind: kinds.count(kind) for kind in Kind}
        assert told[Kind.ADVANCED] + told[Kind.ROLLED_BACK] == self.moves, (
            f"invariant 8: {told}, {self.moves} moves"
        )
        assert told[Kind.BEGUN] == len(self.seen), f"invariant 8: {told}"

    def _watch_standing(self, unit: Unit, now: Standing, switch: Journal | None) -> None:
        assert now.owner is RULES[now.stage].owner, (
            f"invariant 4: {unit} is in {now.stage}, owned by {now.owner}"
        )
        fencing = switch is not None and leading(switch.intent.stage) is not Way.RETIRE
        assert now.fenced == fencing, (
            f"{unit} is {'' if now.fenced else 'not '}fenced, its switch is {switch}"
        )
        before = self.standings.get(unit, now)
        self.moves += (before.stage, before.weight, before.owner) != (now.stage, now.weight, now.owner)
        if before.owner is not now.owner:
            self.since -= {row for row in ROWS if unit_of(row) == unit}
        self.standings[unit] = now
        for row in self.truth:
            if unit_of(row) == unit:
                owned = self.legacy[row] if now.owner is Side.LEGACY else self.store.get(row, (0, 0))[0]
                assert owned == self.truth[row], (
                    f"{now.owner} owns {row} and has {owned}, not {self.truth[row]}"
                )
        for front in self.fronts:
            known = front.keeper.current()
            if known.trust is Trust.SURE and not front.dead and not now.fenced:
                owner = known.of(unit.function, unit.cohort).owner
                assert owner is now.owner, (
                    f"writes go through again, and {front.keeper.id} takes {owner} for the owner"
                )
        if switch is None and unit.function == RETURNING:
            assert (unit in self.locked) == (now.owner is Side.NEW), f"legacy's lock contradicts {now.owner}"
            assert (unit in self.keeping) == (now.stage is Stage.LIVE), f"the return contradicts {now.stage}"

    def _watch_journal(self, found: Journal, now: Standing) -> None:
        seen, undone = self.seen.setdefault(found.id, Seen()), found.step is Step.UNDONE
        seen.decided |= found.decided
        assert not (seen.decided and undone), "invariant 6: what was decided was undone"
        assert not found.finished or undone or seen.decided, "invariant 6: finished, and never decided"
        assert not (found.id in self.orphans and found.decided), (
            "invariant 6: undecided, interrupted, and gone on with"
        )
        if found.finished and not seen.ended:
            seen.ended = True
            end = found.before if undone else found.intent
            assert (now.stage, now.owner, now.fenced) == (end.stage, end.owner, False), (
                f"invariant 6: {found}, {now}"
            )
            if undone:
                assert now.sync_until == found.before.sync_until, f"invariant 6: undone, and limited to {now}"

    # The end

    def calm(self) -> None:
        """Everything comes to rest, and then nothing is left over: no fence, no lock, no difference."""
        self.kill_conductor()
        if self.rescuing is not None:
            self.rescuing.kill()
        for write in list(self.flying):
            self.lose(write)
        self.fronts = [front for front in self.fronts if not front.dead]
        for front in self.fronts:
            front.control.away = False
        for each in facades.everyone(self.control):
            if each.id not in {front.keeper.id for front in self.fronts}:
                facades.forget(self.control, each.id)
        self.time.now += 40.0
        for _ in range(2):
            self.settle()
        self._rest()

    def settle(self) -> None:
        """Everybody does what there is to do, and a worker ends what was abandoned."""
        self.rescue()
        assert self.rescuing is not None
        for _ in range(40):
            self.oblige()
            if self.turn(self.rescuing, POLLS):
                break
        self.oblige()
        self.observe()

    def oblige(self, seconds: float = 0.3, *, landing: bool = False, syncing: bool = True) -> None:
        """Time passes, and every facade that lives does what there is to do; with `landing` the writes under way are done, with `syncing`
        delivery and reverse feed go on, too."""
        self.time.now += seconds
        if landing:
            for write in [each for each in self.flying if each.given_up is None]:
                self.land(write)
        for front in self.fronts:
            if not front.dead:
                front.look()
                if front.behind:
                    front.look()
        for function in self.functions if syncing else ():
            self.work(function)

    def _rest(self) -> None:
        assert journal.unfinished(self.control) == [], "a switch is left over that nobody ends"
        for front in self.fronts:
            for row in ROWS:
                assert self.write(front, row).status is None, f"{front.keeper.id} refuses a write to {row}"
                self.land(self.flying[-1])
        self.oblige()
        self.observe()
        for row in ROWS:
            if self.standing(row).owner is Side.LEGACY or unit_of(row) in self.keeping:
                assert self.store[row][0] == self.legacy[row], f"both sides of {row} differ at rest"
        verified = ledger.verify(self.control)
        assert verified.problem is None, f"invariant 8: {verified.problem}"

    def close(self) -> None:
        for process in (
            self.conducting,
            self.rescuing,
            *self.working.values(),
            *(f.visit for f in self.fronts),
        ):
            if process is not None:
                process.kill()
        self.control.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _position(number: int) -> Position:
    return Position(f"{number:08}")


def _hasten(engine: Engine) -> None:
    """What is in memory anyway needn't be flushed."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")
