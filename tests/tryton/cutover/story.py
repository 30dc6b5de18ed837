"""The story: each move, what the clerks do meanwhile, and the figures of both sides after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from examples.tryton import processes
from examples.tryton.cutover.client import Client, Record
from examples.tryton.cutover.documents import FIRST
from examples.tryton.tally import Tally
from strangler.errors import ExitCode, StranglerError
from tests.tryton.cutover import figures
from tests.tryton.cutover.scene import MOVED, Scene

STAY: Final = ("tax", "ledger")
"""Functions that stay on legacy; others need what of them is in a store."""

STEPS: Final = 6
"""Most steps from syncing to live."""

WITHIN: Final = 180.0
"""Seconds within which the gates of a step pass while the clerks work."""

Tell = Callable[[str], Any]


class Story:
    """Moves functions while the client works. Everything raises AssertionError when it isn't as it must be."""

    def __init__(self, scene: Scene, client: Client, tell: Tell) -> None:
        self._scene, self._client, self._tell = scene, client, tell

    def begin(self) -> None:
        """Every store is filled and kept up to date; sales are told apart by company also where they are removed."""
        for function in (*STAY, *MOVED):
            self._scene.strangler("advance", function, "--to", "syncing")
            self._scene.strangler("backfill", function)
        self.agree("syncing")

    def move(self, function: str, cohort: str | None = None, to: str = "live") -> None:
        """Advance step by step as soon as the gates pass."""
        which = _which(function, cohort)
        for _ in range(STEPS):
            if self.stage(function, cohort) == to:
                break
            self._until_gates_pass(function, cohort)
            began = time.monotonic()
            said = self._scene.strangler("advance", *which)
            self._tell(f"  {said.splitlines()[-1]} [{time.monotonic() - began:.1f} s]")
        assert self.stage(function, cohort) == to
        self.work()
        self.agree(f"{' '.join(which)} in {to}")

    def back(self, function: str, cohort: str | None = None) -> None:
        """Roll back: what the new service wrote is there for who reads legacy."""
        which = _which(function, cohort)
        said = self._scene.strangler("rollback", *which, "--reason", "the story wants it")
        self._tell(f"  {said.splitlines()[-1]}")
        self.work()
        self.agree(f"{' '.join(which)} rolled back")

    def refused(self, *words: str) -> None:
        """A command that may not be obeyed now."""
        said = self._scene.strangler(*words, expect=ExitCode.FAILED)
        self._tell(f"  refused, as it must be: {said.splitlines()[0]}")

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
            compared = figures.agree(self._scene)
            shown = self._shown_by_tryton()
        finally:
            self._client.go_on()
        told = ", ".join(f"{count} {name}" for name, count in compared.items())
        self._tell(f"[{when}] agree: {told}; Tryton itself shows {shown} records as they were written")
        self.sound()

    def sides(self, new: set[int]) -> None:
        """Orders of these companies are begun in the new service, those of others in legacy: their numbers say which made them."""
        highest = self._highest()
        self.work()
        made = self._highest(beyond=highest)
        for company, (legacy, ours) in made.items():
            assert (ours > 0, legacy > 0) == (company in new, company not in new), (
                f"company {company}: {legacy} in legacy, {ours} in new"
            )
        self._tell(f"  orders begun meanwhile, in legacy and in new: {made}")

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

    def _shown_by_tryton(self) -> int:
        """How many records of the clerks' Tryton itself reads as they were left, around the facade, as its own forms read them."""
        count = 0
        for worker, clerk in zip(self._client.workers, self._scene.clerks, strict=True):
            session = self._scene.session(clerk)
            for (model, fields), wanted in _alike(worker.remembered).items():
                for row in session.model(f"{model}.read", list(wanted), list(fields)):
                    found = {name: row[name] for name in fields}
                    assert found == wanted[row["id"]], (
                        f"Tryton shows {model} {row['id']} as {found}, not {wanted[row['id']]}"
                    )
                    count += 1
            session.close()
        return count

    def _highest(self, beyond: dict[int, tuple[int, int]] | None = None) -> dict[int, tuple[int, int]]:
        """Company → the highest number of an order begun in legacy, and in new; or how many there are beyond these."""
        side = f"id >= {FIRST}"
        figure = "COALESCE(MAX(id) FILTER (WHERE {}), 0)"
        with psycopg.connect(self._scene.tryton.database_url) as connection:
            if beyond is None:
                query = f"SELECT company, {figure.format(f'NOT {side}')}, {figure.format(side)} FROM sale_sale GROUP BY company"
                return {company: (legacy, new) for company, legacy, new in connection.execute(query)}  # type: ignore[arg-type]
            found = {}
            for company, (legacy, new) in beyond.items():
                query = (
                    f"SELECT COUNT(*) FILTER (WHERE NOT {side} AND id > {legacy}), COUNT(*) FILTER (WHERE {side} AND id > {new})"
                    f" FROM sale_sale WHERE company = {company}"
                )
                ((before, after),) = connection.execute(query).fetchall()  # type: ignore[arg-type]
                found[company] = (int(before), int(after))
            return found


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
    story.refused("rollback", "party", "--reason", "too early: sales of company 1 depend on it")
    story.back("sale", "1")
    story.sides(new=set())
    story.move("sale", "1")
    story.sides(new={1})
    story.move("sale")
    story.sides(new={1, 2})
    for function in reversed(MOVED):
        story.move(function, to="retired")
    story.agree("the end")


def _which(function: str, cohort: str | None) -> tuple[str, ...]:
    return (function,) if cohort is None else (function, "--cohort", cohort)


def _alike(remembered: dict[tuple[str, int], Record]) -> dict[tuple[str, tuple[str, ...]], dict[int, Record]]:
    """Records by model and the fields that are known of them."""
    found: dict[tuple[str, tuple[str, ...]], dict[int, Record]] = {}
    for (model, id), wanted in remembered.items():
        found.setdefault((model, tuple(sorted(wanted))), {})[id] = wanted
    return found


def _orders(remembered: dict[tuple[str, int], Any]) -> list[int]:
    return [id for model, id in remembered if model == "sale.sale"]
