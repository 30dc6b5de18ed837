"""A client that never stops: clerks of both companies at work through Tryton's own client library, and every answer held to account.

Each clerk makes parties, products and orders, changes them, takes orders as far as their confirmation, and posts what somebody owes.
It is told nothing of cutovers. What it has written it knows, and what it reads must be that.

    python -m examples.tryton.cutover.client http://127.0.0.1:8080/tryton --password … --seconds 30
"""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import click

from examples.tryton.cutover import founding
from examples.tryton.cutover.founding import Books, Clerk
from examples.tryton.cutover.workplace import Workplace
from examples.tryton.erp import NAMES
from examples.tryton.rpc import Fault, Rejected
from examples.tryton.tally import Tally

SHOWN_WITHIN: Final = 30.0
"""Seconds within which Tryton's own completion must offer what was written."""
AGAIN: Final = 0.2
KEPT: Final = 30
"""Records of each kind that a clerk goes on working with."""

Record = dict[str, Any]


class Worker:
    """One clerk. `remembered` is what each record that it wrote must read like: model and id → field → value."""

    def __init__(self, url: str, clerk: Clerk, tally: Tally, pace: float) -> None:
        self._workplace = Workplace(url, clerk.login, clerk.password, tally)
        self._clerk, self._tally, self._pace = clerk, tally, pace
        self._dice = random.Random(clerk.company)
        self._serial = itertools.count(1)
        self._books = Books(self._workplace.session)
        self._parties: list[int] = []
        self._templates: list[int] = []
        self._orders: list[int] = []
        self._resting = threading.Event()
        self._ended = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._work, name=clerk.login, daemon=True)
        self.remembered: dict[tuple[str, int], Record] = {}
        self.numbers: list[str] = []

    @property
    def company(self) -> int:
        return self._clerk.company

    def start(self) -> None:
        self._thread.start()

    def leave_forms(self, models: Sequence[str]) -> None:
        """Work on these in pages of the new service from now on."""
        self._workplace.elsewhere |= frozenset(models)

    def rest(self) -> None:
        """Lay down the pen when what is under way is done. `go_on` takes it up again."""
        self._resting.set()
        self._idle.wait()

    def go_on(self) -> None:
        self._idle.clear()
        self._resting.clear()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        actions: dict[Callable[[], None], int] = {
            self._new_party: 3, self._edit_party: 4, self._new_product: 2, self._edit_product: 3, self._new_order: 4,
            self._edit_order: 4, self._send_on: 6, self._post: 2, self._look: 8,
        }  # fmt: skip
        for first in (self._new_party, self._new_product):
            self._do(first)
        while not self._ended.is_set():
            if self._resting.is_set():
                self._idle.set()
                self._ended.wait(AGAIN)
                continue
            started = time.monotonic()
            (action,) = self._dice.choices(list(actions), list(actions.values()))
            self._do(action)
            self._ended.wait(max(0.0, self._pace - (time.monotonic() - started)))
        self._idle.set()

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (Rejected, Fault, OSError, http.client.HTTPException) as error:
            self._tally.fail(
                action.__name__.strip("_"), f"{self._clerk.login}: {type(error).__name__}: {error}"
            )
        except Exception as error:  # noqa: BLE001  # a clerk that stops working would hide all later failures
            self._tally.fail(
                action.__name__.strip("_"), f"{self._clerk.login}: {type(error).__name__}: {error}"
            )

    def _new_party(self) -> None:
        party = self._workplace.model("party.party")(name=self._name("party"))
        address = party.addresses[0] if party.addresses else party.addresses.new()
        address.street_unstructured, address.city = f"High Street {next(self._serial)}", "Łódź"
        contact = party.contact_mechanisms.new(type="email")
        contact.value = f"{self._clerk.login}{next(self._serial)}@example.org"
        party.save()
        self._remember("party.party", party.id, name=party.name, active=True)
        self._remember(
            "party.address",
            party.addresses[0].id,
            city="Łódź",
            street_unstructured=address.street_unstructured,
        )
        self._await("party.party", party.name.split(" · ")[1], party.id)
        self._keep(self._parties, party.id)

    def _edit_party(self) -> None:
        party = self._workplace.model("party.party")(self._dice.choice(self._parties))
        match self._dice.randrange(3):
            case 0:
                party.name = self._name("party")
                party.save()
                self._remember("party.party", party.id, name=party.name)
            case 1:
                address = party.addresses[0]
                address.city = self._dice.choice(("Łódź", "Dún Laoghaire", "München", "Kraków"))
                city = address.city
                party.save()
                self._remember("party.address", party.addresses[0].id, city=city)
            case _:
                before = {address.id for address in party.addresses}
                party.addresses.new(street_unstructured=f"Low Street {next(self._serial)}", city="Gdańsk")
                party.save()
                (made,) = (address.id for address in party.addresses if address.id not in before)
                self._remember("party.address", made, city="Gdańsk", party=party.id)

    def _new_product(self) -> None:
        template = self._workplace.model("product.template")(name=self._name("good"))
        (unit,) = self._workplace.model("product.uom").find([("symbol", "=", "u")], limit=1)
        (category,) = self._workplace.model("product.category").find([("accounting", "=", True)], limit=1)
        template.code = f"{self._clerk.login.upper()}{next(self._serial):05}"
        template.default_uom, template.type, template.salable = unit, "goods", True
        template.account_category, template.list_price = category, self._price()
        template.save()
        self._remember("product.template", template.id, name=template.name, code=template.code)
        self._remember("product.template", template.id, list_price=template.list_price)
        self._remember("product.product", template.products[0].id, code=template.code, active=True)
        self._await("product.product", template.code, template.products[0].id)
        self._keep(self._templates, template.id)

    def _edit_product(self) -> None:
        template = self._workplace.model("product.template")(self._dice.choice(self._templates))
        if self._dice.randrange(2):
            template.name = name = self._name("good")
            template.save()
            self._remember("product.template", template.id, name=name)
        else:
            template.list_price = price = self._price()
            template.save()
            self._remember("product.template", template.id, list_price=price)

    def _new_order(self) -> None:
        order = self._workplace.model("sale.sale")()
        order.party = self._workplace.model("party.party")(self._dice.choice(self._parties))
        order.reference = f"{self._clerk.login} {next(self._serial)}"
        for id in self._dice.sample(self._templates, min(len(self._templates), self._dice.randrange(1, 3))):
            line = order.lines.new()
            line.product = self._workplace.model("product.template")(id).products[0]
            line.quantity = float(self._dice.randrange(1, 20))
            line.unit_price = self._price()
        reference, total = order.reference, _total(order)
        order.save()
        self._remember(
            "sale.sale",
            order.id,
            state="draft",
            reference=reference,
            total_amount=total,
            company=self.company,
        )
        self._keep(self._orders, order.id)

    def _edit_order(self) -> None:
        order = self._draft()
        if order is None:
            return
        line = self._dice.choice(order.lines)
        line.quantity = float(self._dice.randrange(1, 20))
        if self._dice.randrange(3) == 0 and len(order.lines) > 1:
            order.lines.remove(self._dice.choice(order.lines))
        total = _total(order)
        order.save()
        self._remember("sale.sale", order.id, total_amount=total)

    def _send_on(self) -> None:
        """One step of an order's way: to a quotation, a confirmed order, or a cancelled one; or back to a draft."""
        if not self._orders:
            return
        order = self._workplace.model("sale.sale")(self._dice.choice(self._orders))
        ways = {"draft": ["quote", "quote", "cancel"], "quotation": ["confirm", "confirm", "draft", "cancel"],
                "cancelled": ["draft"]}.get(order.state, [])  # fmt: skip
        if not ways:
            self._orders.remove(order.id)
            return
        button = self._dice.choice(ways)
        order.click(button)
        state = {"quote": "quotation", "confirm": "confirmed", "cancel": "cancelled", "draft": "draft"}[
            button
        ]
        self._remember("sale.sale", order.id, state=state)
        if button == "quote":
            self._numbered(order)

    def _numbered(self, order: Any) -> None:
        """A number is given once in a company, and stays."""
        known = self.remembered["sale.sale", order.id].get("number")
        if known is None and order.number in self.numbers:
            raise AssertionError(f"order {order.id} got the number {order.number}, which another one has")
        self.numbers.append(order.number)
        self._remember("sale.sale", order.id, number=known or order.number)

    def _post(self) -> None:
        self._books.owe(self._dice.choice(self._parties), self._price())

    def _look(self) -> None:
        model, id = self._dice.choice(list(self.remembered))
        self._check(model, id)

    def _draft(self) -> Any:
        drafts = [id for id in self._orders if self.remembered["sale.sale", id]["state"] == "draft"]
        return self._workplace.model("sale.sale")(self._dice.choice(drafts)) if drafts else None

    def _remember(self, model: str, id: int, **fields: Any) -> None:
        """Note what was written, and read it back."""
        self.remembered.setdefault((model, id), {}).update(fields)
        self._check(model, id)

    def _check(self, model: str, id: int) -> None:
        wanted = self.remembered[model, id]
        if wrong := differing(self._workplace.model(model)(id), wanted):
            self._tally.fail("read", f"{model} {id}: {wrong}")

    def _await(self, model: str, text: str, id: int) -> None:
        """Until Tryton's own completion offers the record, as somebody waits who types its name into a form."""
        started = time.monotonic()
        proxy = self._workplace.get_proxy(model)
        while id not in [
            each["id"] for each in proxy.autocomplete(text, [], 10, None, self._workplace.context)
        ]:
            if time.monotonic() - started > SHOWN_WITHIN:
                raise AssertionError(f"{model} {id} isn't offered by Tryton after {SHOWN_WITHIN:.0f} s")
            time.sleep(AGAIN)
        if (waited := time.monotonic() - started) > AGAIN:
            self._tally.wait(waited)

    def _keep(self, ids: list[int], id: int) -> None:
        ids.append(id)
        del ids[:-KEPT]

    def _name(self, kind: str) -> str:
        return f"{self._dice.choice(NAMES)} · {kind} {self._clerk.login} {next(self._serial):05}"

    def _price(self) -> Decimal:
        return Decimal(self._dice.randrange(100, 50_000)).scaleb(-2)


READ: Final = {
    "party.party": ["name", "code", "active"],
    "product.template": ["name", "code", "list_price"],
    "sale.sale": ["number", "state", "party", "total_amount"],
}


class Reader:
    """Somebody who looks things up all day, and writes nothing: what was there before the clerks came must stay as it was."""

    def __init__(self, url: str, clerk: Clerk, tally: Tally, pace: float, seed: int) -> None:
        self._workplace = Workplace(url, clerk.login, clerk.password, tally)
        self._tally, self._pace, self._dice = tally, pace, random.Random(seed)
        self._settled = {
            (model, row["id"]): row
            for model, fields in READ.items()
            for row in self._call(f"{model}.search_read", [], 0, None, [["id", "ASC"]], fields)
        }
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"reader {seed}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(self._pace):
            model, id = self._dice.choice(list(self._settled))
            try:
                (found,) = self._call(f"{model}.read", [id], READ[model])
            except (Rejected, Fault, OSError, http.client.HTTPException) as error:
                self._tally.fail("look up", f"{model} {id}: {type(error).__name__}: {error}")
            else:
                if found != self._settled[model, id]:
                    self._tally.fail(
                        "look up", f"{model} {id} should be {self._settled[model, id]}, is {found}"
                    )

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._workplace.call(f"model.{method}", *arguments, self._workplace.context)


def differing(record: Any, wanted: Record) -> str:
    """What of a record that proteus reads isn't as it should be."""
    found = {name: _plain(getattr(record, name)) for name in wanted}
    return "; ".join(
        f"{name} should be {wanted[name]!r}, is {found[name]!r}"
        for name in wanted
        if found[name] != wanted[name]
    )


def _plain(value: Any) -> Any:
    return value.id if hasattr(value, "id") else value


def _total(order: Any) -> Decimal:
    """The clerk reckons for itself: no line of its has a tax."""
    return sum(
        ((Decimal(str(line.quantity)) * line.unit_price).quantize(Decimal("0.01")) for line in order.lines),
        Decimal(0),
    )


class Client:
    """A clerk of each company, `pace` seconds for one action, and `readers` who look things up.

    `url` is the database's behind the facade.
    """

    def __init__(self, url: str, clerks: Sequence[Clerk], *, pace: float = 0.5, readers: int = 8) -> None:
        self.tally = Tally()
        self.workers = [Worker(url, clerk, self.tally, pace) for clerk in clerks]
        self._readers = [
            Reader(url, clerk, self.tally, pace, number)
            for number, clerk in zip(range(readers), itertools.cycle(clerks), strict=False)
        ]

    def start(self) -> None:
        for each in (*self.workers, *self._readers):
            each.start()

    def rest(self) -> None:
        """Every clerk lays down the pen; who reads goes on."""
        for worker in self.workers:
            worker.rest()

    def go_on(self) -> None:
        for worker in self.workers:
            worker.go_on()

    def leave_forms(self, *models: str) -> None:
        """Tryton's forms for these models are used by nobody any more."""
        for worker in self.workers:
            worker.leave_forms(models)

    def stop(self) -> Tally:
        for each in (*self.workers, *self._readers):
            each.end()
        return self.tally


@click.command()
@click.argument("url")
@click.option("--password", required=True)
@click.option("--seconds", type=float, default=30, show_default=True)
def main(url: str, password: str, seconds: float) -> None:
    """Work against URL for a while and print the tally; exit 1 when anything failed."""
    client = Client(url, founding.clerks(password))
    client.start()
    time.sleep(seconds)
    client.stop().tell_and_exit()


if __name__ == "__main__":
    main()
