"""Random edits through Tryton's own API, as people make them: mostly one form at a time, now and then many records in one go.

    python -m examples.tryton.whole.edits http://127.0.0.1:8000/tryton --password … --edits 10000 --seed 1

One call is one transaction of Tryton's. The same seed on the same database makes the same edits.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import click

from examples.tryton.rpc import Fault, Session
from examples.tryton.whole import catalogs, kinds, parties, products, sales
from examples.tryton.whole.company import work_for_company
from examples.tryton.whole.kinds import Act, Change, Edit
from examples.tryton.whole.wizards import Wizard
from examples.tryton.whole.world import World, discover

ACTS: Final[tuple[Act, ...]] = (*parties.ACTS, *products.ACTS, *sales.ACTS, *catalogs.ACTS)
MOST_IN_FORM: Final = 4
MOST_IN_BULK: Final = 25
BULK: Final = 0.08
"""Share of the calls that edit many records."""


@dataclass(frozen=True, slots=True)
class Form:
    """A record that is edited in a form, and how often."""

    model: str
    weight: int
    editable: Callable[[World], list[int]]
    changes: Sequence[Change]


FORMS: Final = (
    Form(parties.MODEL, 90, parties.editable, parties.CHANGES),
    Form(products.MODEL, 25, products.editable, products.CHANGES),
    Form(sales.MODEL, 60, sales.editable, sales.CHANGES),
)


@dataclass(slots=True)
class Tally:
    """What was done. `refused` are edits that Tryton forbids, e.g. to delete a party that has sales; they changed nothing."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    @property
    def edits(self) -> int:
        return self.done.total()


class Editor:
    """Edits the records of one database. Belongs to one thread, and nobody else may edit meanwhile."""

    def __init__(self, session: Session, seed: int) -> None:
        work_for_company(session)
        self._session = session
        self._dice = Random(seed)
        self._world = discover(session)
        self.tally = Tally()

    def seed(self, parties_: int, templates: int, sales_: int) -> None:
        """Create something to edit, many records in each call."""
        for model, make, count in (
            (parties.MODEL, parties.new, parties_),
            (products.MODEL, products.new, templates),
            (sales.MODEL, sales.new, sales_),
        ):
            records = (make(self._dice, self._world) for _ in range(count))
            for batch in _batches([record for record in records if record], 100):
                created = self._session.model(f"{model}.create", batch)
                self._world.look(model, created)

    def edit(self, edits: int) -> None:
        """Make at least so many edits more."""
        goal = self.tally.edits + edits
        while self.tally.edits < goal:
            self.step()

    def step(self) -> None:
        """Make one call: an edit, a form's worth of them, or many."""
        options: list[Form | Act] = [*FORMS, *ACTS]
        (option,) = self._dice.choices(options, [each.weight for each in options])
        count = self._dice.randrange(2, MOST_IN_BULK) if self._dice.random() < BULK else 1
        edits = (
            self._forms(option, count)
            if isinstance(option, Form)
            else self._acts(option, count if option.bulk else 1)
        )
        if edits:
            self._make(edits)

    def _forms(self, form: Form, count: int) -> list[Edit]:
        editable = form.editable(self._world)
        ids = self._dice.sample(editable, min(count, len(editable)))
        weights = [each.weight for each in form.changes]
        made = []
        for id in ids:
            changes = self._dice.choices(form.changes, weights, k=self._dice.randrange(1, MOST_IN_FORM + 1))
            made.append(kinds.form(form.model, id, changes, self._dice, self._world))
        return [edit for edit in made if edit]

    def _acts(self, act: Act, count: int) -> list[Edit]:
        """Up to so many of them, no record twice."""
        made = [edit for edit in (act.make(self._dice, self._world) for _ in range(count)) if edit]
        alike = [edit for edit in made if edit.names == made[0].names]
        return list({edit.of or -place: edit for place, edit in enumerate(alike)}.values())

    def _make(self, edits: list[Edit]) -> None:
        names = [name for edit in edits for name in edit.names]
        self.tally.calls += 1
        try:
            answer = self._call(edits)
        except Fault as refusal:
            if refusal.name != "UserError":
                raise
            self.tally.refused.update(names)
            return
        self.tally.done.update(names)
        self._look_again(edits, answer)

    def _call(self, edits: list[Edit]) -> Any:
        model, method = edits[0].model, edits[0].method
        if method == "replace":
            source, destination = edits[0].arguments
            with Wizard(self._session, "party.replace") as wizard:
                return wizard.go("replace", ask={"source": source, "destination": destination})
        return self._session.model(f"{model}.{method}", *kinds.together(edits))

    def _look_again(self, edits: list[Edit], answer: Any) -> None:
        model, method = edits[0].model, edits[0].method
        if model == sales.LINE:
            moved = {edit.of for edit in edits}
            givers = [id for id, sale in self._world.sales.items() if moved & set(sale.lines)]
            self._world.look(sales.MODEL, [*givers, *(edit.arguments[1]["sale"] for edit in edits)])
        elif method == "create":
            self._world.look(model, answer)
        elif method == "replace":
            self._world.look(model, edits[0].arguments)
        elif model in (parties.MODEL, products.MODEL, sales.MODEL):
            self._world.look(model, [edit.of for edit in edits])


def _batches(records: list[Any], size: int) -> itertools.chain[Any]:
    return itertools.chain(records[start : start + size] for start in range(0, len(records), size))


@click.command()
@click.argument("url")
@click.option("--user", default="admin", show_default=True)
@click.option("--password", required=True)
@click.option("--edits", type=int, default=10_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(url: str, user: str, password: str, edits: int, seed: int) -> None:
    """Make random edits in the Tryton database at URL, and count them by kind."""
    session = Session(url)
    session.login(user, password)
    editor = Editor(session, seed)
    editor.edit(edits)
    click.echo(told(editor.tally))


def told(tally: Tally) -> str:
    """The tally as a table."""
    lines = [f"{count:7,}  {name}" for name, count in sorted(tally.done.items())]
    lines.append(
        f"{tally.edits:7,}  edits in {tally.calls:,} transactions; refused by Tryton: {tally.refused.total():,}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
