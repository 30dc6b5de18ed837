"""The story: each move, what the clerks do meanwhile, and the figures of both sides after it."""

from __future__ import annotations

import shlex
import time
from contextlib import closing
from typing import Any, Final

import psycopg

from examples.tryton import processes
from examples.tryton.cutover.client import Client, Record
from examples.tryton.cutover.documents import FIRST
from examples.tryton.tally import Tally
from strangler.errors import ExitCode, StranglerError
from tests.tryton.cutover import figures
from tests.tryton.cutover.scene import MOVED, Scene, Tell

STAY: Final = ("tax", "ledger")
"""Functions that stay on legacy; others need what of them is in a store."""

STEPS: Final = 6
"""Most steps from syncing to live."""

FORMS: Final = ("sale.sale", "sale.line")
"""Models whose forms are retired with sales: Tryton knows nothing of the orders that are begun after that."""

WITHIN: Final = 180.0
"""Seconds within which the gates of a step pass while the clerks work."""


class Story:
    """Moves functions while the client works. Everything raises AssertionError when it isn't as it must be."""

    def __init__(self, scene: Scene, client: Client, tell: Tell) -> None:
        self._scene, self._client, self._tell = scene, client, tell
        self._told = (0, 0)
        self._left: set[Any] | None = None
        """Tryton's orders when sales were retired."""

    def begin(self) -> None:
        """Every store is filled and kept up to date; sales are told apart by company also where they are removed."""
        for function in (*STAY, *MOVED):
            self._scene.strangler("advance", function, "--to", "syncing")
            self._scene.strangler("backfill", function)
        self.agree("all stores are filled and follow Tryton")

    def move(self, function: str, cohort: str | None = None) -> None:
        """Advance step by step to live, as soon as the gates pass."""
        for _ in range(STEPS):
            if self.stage(function, cohort) == "live":
                break
            self._until_gates_pass(function, cohort)
            self._do("advance", *_which(function, cohort))
        assert self.stage(function, cohort) == "live"
        self.work()
        self.agree(f"{_named(function, cohort)} is live")

    def back(self, function: str, cohort: str | None = None) -> None:
        """Roll back: what the new service wrote is there for who reads legacy."""
        self._do("rollback", *_which(function, cohort), "--reason", "the story wants it")
        self.work()
        self.agree(f"{_named(function, cohort)} was rolled back")

    def retire(self, function: str) -> None:
        """End the way back: what Tryton has by then stays as it is, and takes no writes any more; callers go on, in pages of their own."""
        self._until_gates_pass(function, None)
        self._tell("the clerks leave Tryton's forms for orders, which go with it")
        self._client.leave_forms(*FORMS)
        self._do("advance", function, "--to", "retired")
        assert self.stage(function) == "retired"
        self._left = figures.orders_in_tryton(self._scene)
        self._refuses_orders()
        self.work()
        self.agree(f"{function} is retired")

    def rejoin(self, function: str, cohort: str) -> None:
        """Let a cohort go with all the others from now on."""
        self._do("rejoin", *_which(function, cohort))

    def refused(self, *words: str, because: str) -> None:
        """A command that may not be obeyed now."""
        said = self._scene.strangler(*words, expect=ExitCode.FAILED)
        self._tell(f"$ strangler {shlex.join(words)}")
        for line in said.splitlines():
            self._tell(f"    {line}")
        assert because in said, f"it is refused, but not because {because}"

    def work(self, orders: int = 2) -> None:
        """Let the clerks of each company write so many orders more, at least."""
        before = [len(_orders(worker.remembered)) for worker in self._client.workers]

        def done() -> bool:
            now = [len(_orders(worker.remembered)) for worker in self._client.workers]
            return all(more - few >= orders for few, more in zip(before, now, strict=True)) or self._failed()

        processes.wait_until(done, f"{orders} more orders of each company", WITHIN)
        self.sound()

    def agree(self, when: str) -> None:
        """The clerks rest, both sides come to the same, and Tryton's own forms show all that was ever written."""
        self._client.rest()
        try:
            found = figures.agree(self._scene, retired=self._left is not None)
            shown = self._shown_by_tryton()
            assert self._left in (None, figures.orders_in_tryton(self._scene)), (
                "Tryton's retired orders have changed"
            )
        finally:
            self._client.go_on()
        self._tell(f"✓ {when}, and both sides agree")
        for line in figures.told(found):
            self._tell(f"    {line}")
        by = "Tryton" if self._left is None else "Tryton, and for orders the facade,"
        self._tell(f"    {by} shows {shown} records as the clerks left them; {self._calls()}")
        self.sound()

    def sides(self, new: set[int]) -> None:
        """Orders of these companies are begun in the new service, those of others in legacy: their numbers say which made them."""
        before = {worker.company: set(_orders(worker.remembered)) for worker in self._client.workers}
        self.work()
        for worker in self._client.workers:
            made = set(_orders(worker.remembered)) - before[worker.company]
            ours = {id for id in made if id >= FIRST}
            assert made, f"company {worker.company} has begun no order"
            assert ours == (made if worker.company in new else set()), (
                f"company {worker.company}: {sorted(ours)} of its new orders {sorted(made)} were made by the new service"
            )
            side = "the new service" if ours else "Tryton"
            self._tell(f"    company {worker.company} has begun {len(made)} orders meanwhile, all in {side}")

    def sound(self) -> None:
        tally = self._client.tally
        assert not tally.failed, f"{tally.failed} calls failed: {tally.failures[:5]}"

    def stage(self, function: str, cohort: str | None = None) -> str:
        return str(self._scene.standing(function, cohort)["stage"])

    def _failed(self) -> bool:
        return bool(self._client.tally.failed)

    def _until_gates_pass(self, function: str, cohort: str | None) -> None:
        wrong: list[Any] = []

        def passing() -> bool:
            gates = self._scene.standing(function, cohort)["gates"]
            wrong[:] = [gate for gate in gates if gate["verdict"] != "pass"]
            for command in (("reconcile", "run"), ("rehearse",)):
                if any(f"strangler {' '.join(command)} {function}" in gate["do"] for gate in wrong):
                    self._scene.strangler(*command, function)
            return not wrong or self._failed()

        try:
            processes.wait_until(passing, "the gates", WITHIN)
        except StranglerError as error:
            raise AssertionError(f"{function} stays in {self.stage(function, cohort)}: {wrong}") from error
        self.sound()

    def _do(self, *words: str) -> None:
        """What somebody types, what is answered, and how long it took."""
        began = time.monotonic()
        said = self._scene.strangler(*words)
        self._tell(f"$ strangler {shlex.join(words)}")
        self._tell(f"    {said.splitlines()[-1]} ({time.monotonic() - began:.1f} s)")

    def _calls(self) -> str:
        """What the clerks' calls came to since this was told last."""
        tally, before = self._client.tally, self._told
        self._told = (tally.succeeded, tally.repeated)
        calls, repeated = (now - then for now, then in zip(self._told, before, strict=True))
        return f"{calls:,} calls since, {tally.failed} failed, {repeated} repeated after a 503"

    def _refuses_orders(self) -> None:
        """Whoever writes an order past the facade is told so by Tryton's database."""
        with psycopg.connect(self._scene.tryton.database_url) as connection:
            try:
                connection.execute("UPDATE sale_sale SET reference = 'past the facade'")
            except psycopg.Error as error:
                self._tell(f"    past the facade: {str(error).splitlines()[0]}")
                return
        raise AssertionError("Tryton's database still takes orders")

    def _shown_by_tryton(self) -> int:
        """How many records of the clerks' Tryton itself reads as they were left, around the facade, as its own forms read them; orders that
        are retired there through the facade."""
        count = 0
        for worker, clerk in zip(self._client.workers, self._scene.clerks, strict=True):
            with (
                closing(self._scene.session(clerk)) as around,
                closing(self._scene.session(clerk, self._scene.url)) as through,
            ):
                for (model, fields), wanted in _alike(worker.remembered).items():
                    retired = self._left is not None and model == "sale.sale"
                    for row in (through if retired else around).model(
                        f"{model}.read", list(wanted), list(fields)
                    ):
                        found = {name: row[name] for name in fields}
                        assert found == wanted[row["id"]], (
                            f"Tryton shows {model} {row['id']} as {found}, not {wanted[row['id']]}"
                        )
                        count += 1
        return count


def play(scene: Scene, tell: Tell) -> Tally:
    """The whole of it. Raises AssertionError."""
    client = Client(scene.url, scene.clerks)
    story = Story(scene, client, tell)
    client.start()
    try:
        _tell_it(story)
    finally:
        tally = client.stop()
    story.sound()
    return tally


def _tell_it(story: Story) -> None:
    story.begin()
    story.move("party")
    story.back("party")
    story.move("party")
    story.move("product")
    story.move("sale", "1")
    story.sides(new={1})
    story.refused("rollback", "party", "--reason", "too early", because="sale --cohort 1 (live) stands on it")
    story.back("sale", "1")
    story.sides(new=set())
    story.move("sale", "1")
    story.sides(new={1})
    story.move("sale")
    story.sides(new={1, 2})
    story.refused("advance", "sale", "--to", "retired", because="cohort 1 (live) moves on its own")
    story.rejoin("sale", "1")
    story.retire("sale")
    story.sides(new={1, 2})
    story.refused("advance", "party", "--to", "retired", because="legacy still owns ledger")
    story.agree("this is the end")


def _which(function: str, cohort: str | None) -> tuple[str, ...]:
    return (function,) if cohort is None else (function, "--cohort", cohort)


def _named(function: str, cohort: str | None) -> str:
    return function if cohort is None else f"{function} of company {cohort}"


def _alike(remembered: dict[tuple[str, int], Record]) -> dict[tuple[str, tuple[str, ...]], dict[int, Record]]:
    """Records by model and the fields that are known of them."""
    found: dict[tuple[str, tuple[str, ...]], dict[int, Record]] = {}
    for (model, id), wanted in remembered.items():
        found.setdefault((model, tuple(sorted(wanted))), {})[id] = wanted
    return found


def _orders(remembered: dict[tuple[str, int], Any]) -> list[int]:
    return [id for model, id in remembered if model == "sale.sale"]
