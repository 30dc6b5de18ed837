"""A clerk at work: changes what SAP's transactions change, all that belongs together in one database transaction, as its update task does.

    python -m examples.sap.work --url postgresql://… --steps 200

Nobody else may write the same rows meanwhile.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from random import Random
from typing import Any, Final

import click

from examples.sap import documents, masters, money
from examples.sap.database import Database
from examples.sap.documents import DAYS, Document
from examples.sap.tables import BLANK, CLIENT, NO_DATE
from strangler.errors import Refused, StranglerError

TODAY: Final = DAYS[documents.LAST_ORDER + 10]
_ORDERS: Final = "SELECT vbeln FROM vbak WHERE mandt = %s AND vbtyp = %s ORDER BY vbeln"
_OF_ITEM: Final = "mandt = %s AND vbeln = %s AND posnr = %s"


class Clerk:
    """Somebody who knows the documents, customers and materials that there are, and does something with one of them at each `step`."""

    def __init__(self, database: Database, seed: int = 1) -> None:
        self._database, self._random = database, Random(f"clerk {seed}")
        self._orders: list[str] = [each for (each,) in database.all(_ORDERS, CLIENT, documents.ORDER)]
        self._customers = database.all(
            "SELECT kunnr, bukrs FROM knb1 WHERE mandt = %s ORDER BY kunnr, bukrs", CLIENT
        )
        self._materials = [
            each
            for (each,) in database.all(
                "SELECT DISTINCT matnr FROM makt WHERE mandt = %s ORDER BY matnr", CLIENT
            )
        ]
        self._last: str
        (self._last,) = database.all("SELECT max(vbeln) FROM vbak WHERE mandt = %s", CLIENT)[0]
        database.rollback()  # nothing stays open between two pieces of work
        if not (self._orders and self._customers and self._materials):
            raise Refused("there is nothing to work on", do="python -m examples.sap.generate --url …")

    def step(self) -> str:
        """One transaction, which is committed; its name."""
        work = self._random.choice(_WORK)
        try:
            work(self)
        except BaseException:
            self._database.rollback()
            raise
        self._database.commit()
        return work.__name__

    def create_order(self) -> str:
        """VA01. The number of the order."""
        self._last = f"{int(self._last) + 1:010d}"
        made = self._document(self._last, 1 + documents.size(self._random) % 8)
        self._database.load([made.header, *made.items, *made.schedules])
        self._orders.append(self._last)
        return self._last

    def add_line(self) -> None:
        """VA02: an item more, with a number after the last."""
        order = self._order()
        found = self._all("SELECT max(posnr) FROM vbap WHERE mandt = %s AND vbeln = %s", CLIENT, order)
        (currency,) = self._all("SELECT waerk FROM vbak WHERE mandt = %s AND vbeln = %s", CLIENT, order)[0]
        position = f"{int(found[0][0] or 0) + 10:06d}"
        made = self._document(order, 1, currency)
        self._database.load(row._replace(posnr=position) for row in made.items)
        self._database.load(row._replace(posnr=position) for row in made.schedules)
        self._sum(order)

    def change_quantity(self) -> None:
        """VA02: another quantity, and with it another amount; its first schedule line asks for all of it."""
        if (item := self._item()) is None:
            return
        order, position, price, per = item
        asked = (1 + int(self._random.random() * 60)) * 1000
        amount = money.net(_units(price), int(per), asked)
        self._do(
            f"UPDATE vbap SET kwmeng = %s, netwr = %s, aedat = %s WHERE {_OF_ITEM}",
            money.quantity(asked), money.stored(amount), TODAY, CLIENT, order, position,
        )  # fmt: skip
        self._do(
            f"UPDATE vbep SET wmeng = %s WHERE {_OF_ITEM} AND etenr = '0001'",
            money.quantity(asked), CLIENT, order, position,
        )  # fmt: skip
        self._sum(order)

    def reject_line(self) -> None:
        """VA02: a reason for rejection; nothing of the item is confirmed any more, and the order is worth less."""
        if (item := self._item()) is None:
            return
        order, position, *_ = item
        self._do(f"UPDATE vbap SET abgru = '10', aedat = %s WHERE {_OF_ITEM}", TODAY, CLIENT, order, position)
        self._do(f"UPDATE vbep SET bmeng = 0 WHERE {_OF_ITEM}", CLIENT, order, position)
        self._sum(order)

    def delete_line(self) -> None:
        """VA02: an item goes, and its schedule lines with it."""
        if (item := self._item()) is None:
            return
        order, position, *_ = item
        self._do(f"DELETE FROM vbep WHERE {_OF_ITEM}", CLIENT, order, position)
        self._do(f"DELETE FROM vbap WHERE {_OF_ITEM}", CLIENT, order, position)
        self._sum(order)

    def shift_delivery(self) -> None:
        """VA02: everything a few weeks later."""
        order, day = self._order(), DAYS[-1 - int(self._random.random() * 60)]
        self._do(
            "UPDATE vbak SET vdatu = %s, aedat = %s WHERE mandt = %s AND vbeln = %s",
            day,
            TODAY,
            CLIENT,
            order,
        )
        self._do(
            "UPDATE vbep SET edatu = %s WHERE mandt = %s AND vbeln = %s AND edatu <> %s",
            day,
            CLIENT,
            order,
            NO_DATE,
        )

    def block_order(self) -> None:
        """VA02: a delivery block is set, or taken away."""
        self._do(
            "UPDATE vbak SET lifsk = CASE WHEN lifsk = ' ' THEN '01' ELSE ' ' END, aedat = %s WHERE mandt = %s AND vbeln = %s",
            TODAY, CLIENT, self._order(),
        )  # fmt: skip

    def delete_order(self) -> None:
        """VA02, delete: nothing of the document stays."""
        order = self._order()
        self._orders.remove(order)
        for table in ("vbep", "vbap", "vbak"):
            self._do(f"DELETE FROM {table} WHERE mandt = %s AND vbeln = %s", CLIENT, order)

    def change_address(self) -> None:
        """XD02: the address, and the copy of it that the customer itself has."""
        customer, _ = self._customer()
        street, house = (
            self._random.choice(("Am Markt", "Elm Street", "中央通り")),
            str(1 + int(self._random.random() * 99)),
        )
        self._do(
            "UPDATE adrc SET street = %s, house_num1 = %s WHERE client = %s AND nation = ' ' AND addrnumber IN "
            "(SELECT adrnr FROM kna1 WHERE mandt = %s AND kunnr = %s)",
            street, house, CLIENT, CLIENT, customer,
        )  # fmt: skip
        self._do(
            "UPDATE kna1 SET stras = %s WHERE mandt = %s AND kunnr = %s",
            f"{street} {house}",
            CLIENT,
            customer,
        )

    def block_customer(self) -> None:
        """XD05: a company code's block is set, or taken away; now and then that of all of them."""
        customer, company = self._customer()
        turned = "sperr = CASE WHEN sperr = 'X' THEN ' ' ELSE 'X' END"
        if self._random.random() < 0.3:
            self._do(f"UPDATE kna1 SET {turned} WHERE mandt = %s AND kunnr = %s", CLIENT, customer)
        self._do(
            f"UPDATE knb1 SET {turned} WHERE mandt = %s AND kunnr = %s AND bukrs = %s",
            CLIENT,
            customer,
            company,
        )

    def mark_customer(self) -> None:
        """XD06: the deletion flag."""
        customer, company = self._customer()
        self._do(
            "UPDATE knb1 SET loevm = 'X' WHERE mandt = %s AND kunnr = %s AND bukrs = %s",
            CLIENT,
            customer,
            company,
        )

    def extend_customer(self) -> None:
        """XD01: a customer that exists becomes one of another company code."""
        customer, _ = self._customer()
        free = [code for code in masters.COMPANIES if (customer, code) not in self._customers]
        if not free:
            return
        company = self._random.choice(free)
        self._do(
            "INSERT INTO knb1 (mandt, kunnr, bukrs, erdat, akont) VALUES (%s, %s, %s, %s, '0000140000')",
            CLIENT, customer, company, TODAY,
        )  # fmt: skip
        self._customers.append((customer, company))

    def correct_text(self) -> None:
        """MM02: another text of a material, which every order of it shows."""
        number = self._random.choice(self._materials)
        text = f"Part {masters.shown(number)}, revised {int(self._random.random() * 1000)}"
        self._do(
            "UPDATE makt SET maktx = %s WHERE mandt = %s AND matnr = %s AND spras = 'E'", text, CLIENT, number
        )

    def _order(self) -> str:
        return self._random.choice(self._orders)

    def _customer(self) -> tuple[str, str]:
        return tuple(self._random.choice(self._customers))

    def _item(self) -> Any:
        """An item of some order, with its price; None where the order has none."""
        found = self._all(
            "SELECT vbeln, posnr, netpr, kpein FROM vbap WHERE mandt = %s AND vbeln = %s ORDER BY posnr",
            CLIENT, self._order(),
        )  # fmt: skip
        return self._random.choice(found) if found else None

    def _document(self, number: str, items: int, currency: str | None = None) -> Document:
        customer, company = self._customer()
        sale = documents.Sale(customer, masters.COMPANIES[company])
        return documents.document(
            self._random, number, sale, self._materials, items, documents.ORDER, currency
        )

    def _sum(self, order: str) -> None:
        """An order is worth what its items are that aren't rejected."""
        ((amount,),) = self._all(
            "SELECT coalesce(sum(netwr), 0) FROM vbap WHERE mandt = %s AND vbeln = %s AND abgru = %s",
            CLIENT,
            order,
            BLANK,
        )
        self._do(
            "UPDATE vbak SET netwr = %s, aedat = %s WHERE mandt = %s AND vbeln = %s",
            amount,
            TODAY,
            CLIENT,
            order,
        )

    def _all(self, sql: str, *values: object) -> list[Any]:
        return self._database.all(sql, *values)

    def _do(self, sql: str, *values: object) -> None:
        self._database.do(sql, *values)


_WORK: Final[tuple[Callable[[Clerk], object], ...]] = (
    Clerk.create_order, Clerk.create_order, Clerk.add_line, Clerk.change_quantity, Clerk.change_quantity, Clerk.reject_line,
    Clerk.delete_line, Clerk.shift_delivery, Clerk.shift_delivery, Clerk.block_order, Clerk.delete_order,
    Clerk.change_address, Clerk.block_customer, Clerk.mark_customer, Clerk.extend_customer, Clerk.correct_text,
)  # fmt: skip


def _units(amount: Decimal) -> int:
    return int(amount * 100)


@click.command()
@click.option("--url", required=True, help="The database that was generated.")
@click.option("--steps", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(url: str, steps: int, seed: int) -> None:
    """Work for a while, and tell what was done."""
    with closing(Database(url)) as database:
        clerk = Clerk(database, seed)
        done = Counter(clerk.step() for _ in range(steps))
    for name, count in done.most_common():
        click.echo(f"{count:6,}  {name}")


if __name__ == "__main__":
    try:
        main()
    except StranglerError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
