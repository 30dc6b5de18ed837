"""Sales documents: a header (VBAK), its items (VBAP), and the days on which these are wanted and can be had (VBEP). Pure.

One schedule line is the rule. Where stock doesn't suffice there are two, as SAP makes them: the first bears what is asked for with
nothing confirmed, the second what is confirmed, asked for by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final, NamedTuple

from examples.sap import money
from examples.sap.masters import COMPANIES, Company, material
from examples.sap.tables import BLANK, CLIENT, NO_DATE, VBAK, VBAP, VBEP

ORDER: Final = "C"
"""The category (VBTYP) of what the new service calls a sales order."""

FIRST_DAY: Final = date(2024, 1, 1)
DAYS: Final = [f"{FIRST_DAY + timedelta(days=at):%Y%m%d}" for at in range(1100)]
LAST_ORDER: Final = 1000
"""The days on which orders come are the first so many of `DAYS`; later ones are for deliveries."""

_TYPES: Final = [(ORDER, "TA")] * 170 + [(ORDER, "SO")] * 12 + [(ORDER, "BV")] * 6 + [(ORDER, "KB")] * 2
_TYPES.extend([("H", "RE")] * 4 + [("B", "AG")] * 4 + [("G", "KM")] * 2)
_SIZES: Final = (0,) + (1,) * 60 + (2,) * 50 + (3,) * 40 + (4,) * 25 + (6,) * 15 + (11,) * 8 + (30,)
_CLERKS: Final = ("MEIER", "TANAKA", "SMITH", "EDI_USER")


class Sale(NamedTuple):
    """Who buys from whom: a customer, or blank, and a company code."""

    customer: str
    company: Company


@dataclass(frozen=True)
class Document:
    header: VBAK
    items: list[VBAP]
    schedules: list[VBEP]


def size(random: Random) -> int:
    """How many items a document has."""
    return _SIZES[int(random.random() * len(_SIZES))]


def sales(companies_of: Sequence[tuple[str, Sequence[str]]]) -> list[Sale]:
    """Every pair of customer and company code."""
    return [
        Sale(customer, COMPANIES[code])
        for customer, codes in companies_of
        for code in codes
        if code in COMPANIES
    ]


def document(
    random: Random,
    number: str,
    sale: Sale,
    materials: Sequence[str],
    items: int,
    category: str | None = None,
    currency: str | None = None,
) -> Document:
    """A document of so many items, of a random category unless one is given, mostly in the company code's currency."""
    chance = random.random
    kind, doctype = (category, "TA") if category else _TYPES[int(chance() * len(_TYPES))]
    currency = currency or (sale.company.currency if chance() < 0.95 else "EUR")
    day = int(chance() * LAST_ORDER)
    head = _Head(number, currency, DAYS[day], _clock(random), _CLERKS[int(chance() * 4)], sale.company.code)
    lines: list[VBAP] = []
    schedules: list[VBEP] = []
    total = 0
    for at in range(1, items + 1):
        amount, line = _item(random, head, f"{at * 10:06d}", materials[int(chance() * len(materials))])
        total += amount if line.abgru == BLANK else 0
        lines.append(line)
        schedules.extend(_schedules(random, line, day))
    return Document(_header(random, head, sale, kind, doctype, total, day), lines, schedules)


class _Head(NamedTuple):
    number: str
    currency: str
    day: str
    clock: str
    clerk: str
    company: str


def _clock(random: Random) -> str:
    second = int(random.random() * 86_400)
    return f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"


def _header(random: Random, head: _Head, sale: Sale, kind: str, doctype: str, total: int, day: int) -> VBAK:
    chance = random.random
    return VBAK(
        mandt=CLIENT, vbeln=head.number, erdat=head.day, erzet=head.clock, ernam=head.clerk, audat=head.day,
        vbtyp=kind, auart=doctype, netwr=money.stored(total), waerk=head.currency,
        lifsk=("01", "02", "10")[int(chance() * 3)] if chance() < 0.03 else BLANK,
        faksk="08" if chance() < 0.02 else BLANK,
        vkorg=sale.company.code, vtweg="10", spart="00",
        gueen="99991231" if kind == "G" else NO_DATE,
        vdatu=NO_DATE if chance() < 0.01 else DAYS[day + 7],
        autlf="X" if chance() < 0.1 else BLANK,
        bstnk=f"PO {int(chance() * 10**6)}" if chance() < 0.8 else BLANK,
        # Batch input that leaves the date out writes a blank; the screen writes zeros.
        bstdk=head.day if chance() < 0.5 else BLANK if chance() < 0.02 else NO_DATE,
        kunnr=sale.customer if chance() > 0.002 else BLANK,
        aedat=NO_DATE, bukrs_vf=head.company,
    )  # fmt: skip


def _item(random: Random, head: _Head, position: str, number: str) -> tuple[int, VBAP]:
    chance = random.random
    ware = material(number)
    price = max(1, ware.price * money.RATES[head.currency] // 100)
    asked = (int(chance() * 40) + 1) * 1000 if ware.unit in ("ST", "KAR") else int(chance() * 50_000) + 250
    free = chance() < 0.02
    amount = 0 if free else money.net(price, ware.per, asked)
    return amount, VBAP(
        CLIENT, head.number, position, number, ware.text, "TANN" if free else "TAN", "X", BLANK if free else "A",
        "02" if chance() < 0.03 else BLANK, ware.unit, money.stored(amount), head.currency, money.quantity(asked),
        ware.unit, head.company, head.day, head.clerk, head.clock, money.stored(0 if free else price),
        str(ware.per), ware.unit,
    )  # fmt: skip


def _schedules(random: Random, line: VBAP, day: int) -> list[VBEP]:
    wanted, ready = DAYS[day + 7], DAYS[day + 5]
    confirmed = line.kwmeng if line.abgru == BLANK else "0.000"
    chance = random.random()
    if chance < 0.85:
        return [_schedule(line, "0001", wanted, line.kwmeng, confirmed, ready)]
    if chance < 0.86:
        return [_schedule(line, "0001", NO_DATE, "0.000", "0.000", NO_DATE)]
    later = DAYS[day + 8 + int(chance * 600) % 60]
    return [
        _schedule(line, "0001", wanted, line.kwmeng, "0.000", ready),
        _schedule(line, "0002", later, "0.000", confirmed, later),
    ]


def _schedule(line: VBAP, number: str, day: str, asked: str, confirmed: str, ready: str) -> VBEP:
    return VBEP(
        CLIENT, line.vbeln, line.posnr, number, "CP", "X", day, "000000", asked, confirmed, line.vrkme, ready,
        BLANK,
    )  # fmt: skip
