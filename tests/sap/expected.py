"""What the stores should hold, worked out from SAP's rows in plain Python: no expression of the mapping takes part."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from examples.sap.database import Database
from examples.sap.tables import CLIENT

BLOCKS: Final = {"01": "credit limit", "02": "political reasons", "10": "change of quantity", " ": None}
UNITS: Final = {"ST": "PCE", "KG": "KGM", "M": "MTR", "L": "LTR", "KAR": "CT"}
LANGUAGES: Final = {"D": "de", "E": "en", "F": "fr", "J": "ja", "S": "es"}


class Order(NamedTuple):
    number: str
    customer_no: str | None
    referred_on: date | None
    requested_on: date | None
    created_at: datetime
    currency: str
    net_amount: Decimal
    delivery_block: str | None
    billing_blocked: bool
    complete_delivery: bool


class Line(NamedTuple):
    material_no: str
    text: str
    quantity: Decimal
    unit: str
    price: Decimal
    price_per: int
    net_amount: Decimal
    rejected_because: str | None
    state: str


class Schedule(NamedTuple):
    delivered_on: date | None
    requested: Decimal
    confirmed: Decimal


class Customer(NamedTuple):
    number: str
    name: str | None
    street: str | None
    city: str | None
    country_name: str | None
    language: str | None
    segment: str | None
    one_time: bool
    blocked_everywhere: bool
    blocked: bool
    to_be_deleted: bool
    customer_since: date | None
    opened_on: date | None


def day(text: str) -> date | None:
    digits = text.strip()
    return None if digits in ("", "00000000") else datetime.strptime(digits, "%Y%m%d").date()


def shown(number: str) -> str:
    """A number as SAP's screens show it: one in digits without the zeros in front."""
    return str(int(number)) if number.isdigit() else number


def blank(text: str | None) -> str | None:
    return (text or "").rstrip() or None


class Sap:
    """SAP's tables as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decimals = dict(database.all("SELECT currkey, currdec FROM tcurx"))
        self._heads = {
            row[0]: row[1:]
            for row in self._of(
                "vbak",
                "vbeln, kunnr, bstdk, vdatu, erdat, erzet, waerk, netwr, lifsk, faksk, autlf",
                "vbtyp = 'C'",
            )
        }

    def orders(self) -> dict[tuple[Any, ...], Order]:
        return {
            (number,): Order(
                shown(number),
                blank(kunnr),
                day(bstdk),
                day(vdatu),
                datetime.strptime(erdat + erzet, "%Y%m%d%H%M%S"),
                waerk,
                self._amount(netwr, waerk),
                BLOCKS[lifsk],
                faksk != " ",
                autlf == "X",
            )
            for number, (
                kunnr,
                bstdk,
                vdatu,
                erdat,
                erzet,
                waerk,
                netwr,
                lifsk,
                faksk,
                autlf,
            ) in self._heads.items()
        }

    def lines(self) -> dict[tuple[Any, ...], Line]:
        texts = {row[0]: row[1] for row in self._of("makt", "matnr, maktx", "spras = 'E'")}
        columns = "vbeln, posnr, matnr, arktx, kwmeng, vrkme, netpr, kpein, netwr, waerk, abgru"
        return {
            (vbeln, int(posnr)): Line(
                shown(matnr),
                texts.get(matnr, arktx),
                kwmeng,
                UNITS[vrkme],
                self._amount(netpr, waerk),
                int(kpein),
                self._amount(netwr, waerk),
                blank(abgru),
                self._state(vbeln, abgru),
            )
            for vbeln, posnr, matnr, arktx, kwmeng, vrkme, netpr, kpein, netwr, waerk, abgru in self._of(
                "vbap", columns
            )
            if vbeln in self._heads
        }

    def schedules(self) -> dict[tuple[Any, ...], Schedule]:
        return {
            (vbeln, int(posnr), int(etenr)): Schedule(day(edatu), wmeng, bmeng)
            for vbeln, posnr, etenr, edatu, wmeng, bmeng in self._of(
                "vbep", "vbeln, posnr, etenr, edatu, wmeng, bmeng"
            )
            if vbeln in self._heads
        }

    def customers(self) -> dict[tuple[Any, ...], Customer]:
        general = {
            row[0]: row[1:]
            for row in self._of(
                "kna1", "kunnr, name1, stras, ort01, land1, spras, zzsegment, xcpdk, sperr, erdat, adrnr"
            )
        }
        names = {row[:2]: row[2] for row in self._of("t005t", "spras, land1, landx50")}
        addresses = {
            row[0]: row[1:]
            for row in self._database.all(
                "SELECT addrnumber, name1, street, house_num1, city1 FROM adrc WHERE client = %s AND nation = ' '",
                CLIENT,
            )
        }
        found: dict[tuple[Any, ...], Customer] = {}
        for kunnr, bukrs, sperr, loevm, erdat in self._of("knb1", "kunnr, bukrs, sperr, loevm, erdat"):
            # One that has lost what is common to the company codes has nothing of it.
            name, stras, city, land, spras, segment, once, everywhere, since, adrnr = general.get(
                kunnr, (None, None, None, None, " ", None, " ", " ", "00000000", " ")
            )
            name, street, house, city = addresses.get(adrnr, (name, stras, "", city))
            found[bukrs, kunnr] = Customer(
                shown(kunnr),
                name,
                f"{street} {house}".rstrip() if street else None,
                city,
                names.get((spras, land)),
                LANGUAGES.get(spras),
                blank(segment),
                once == "X",
                everywhere == "X",
                sperr == "X",
                loevm == "X",
                day(since),
                day(erdat),
            )
        return found

    def _state(self, order: str, rejection: str) -> str:
        if rejection != " ":
            return "rejected"
        return "blocked" if self._heads[order][7] != " " else "open"

    def _amount(self, stored: Decimal, currency: str) -> Decimal:
        return stored.scaleb(2 - self._decimals.get(currency, 2))

    def _of(self, table: str, columns: str, where: str = "1 = 1") -> list[Any]:
        return self._database.all(f"SELECT {columns} FROM {table} WHERE mandt = %s AND {where}", CLIENT)
