"""Master data: company codes, customers with their addresses, materials, and the tables of texts. Pure, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from examples.sap import money
from examples.sap.tables import (
    ADRC,
    BLANK,
    CLIENT,
    KNA1,
    KNB1,
    MAKT,
    NO_DATE,
    OTHER_CLIENT,
    T005T,
    TCURX,
    Row,
)


@dataclass(frozen=True)
class Company:
    """A company code, and where most of its customers are."""

    code: str
    country: str
    language: str
    currency: str


COMPANIES: Final = {
    company.code: company
    for company in (
        Company("1000", "DE", "D", "EUR"),
        Company("2000", "US", "E", "USD"),
        Company("3000", "JP", "J", "JPY"),
        Company("4000", "KW", "E", "KWD"),
        Company("5000", "CH", "D", "CHF"),
        Company("6000", "CL", "S", "CLP"),
        Company("7000", "TN", "F", "TND"),
    )
}

_COUNTRIES: Final = {
    "DE": {"D": "Deutschland", "E": "Germany", "F": "Allemagne", "J": "ドイツ", "S": "Alemania"},
    "US": {"D": "USA", "E": "USA", "F": "États-Unis", "J": "アメリカ合衆国", "S": "Estados Unidos"},
    "JP": {"D": "Japan", "E": "Japan", "F": "Japon", "J": "日本", "S": "Japón"},
    "KW": {"D": "Kuwait", "E": "Kuwait", "F": "Koweït"},
    "CH": {"D": "Schweiz", "E": "Switzerland", "F": "Suisse", "S": "Suiza"},
    "CL": {"D": "Chile", "E": "Chile", "S": "Chile"},
    "TN": {"D": "Tunesien", "E": "Tunisia", "F": "Tunisie"},
    "LU": {"D": "Luxemburg", "F": "Luxembourg"},
}
_CITIES: Final = {
    "DE": ("Köln", "Berlin", "Würzburg"), "US": ("Boston", "St. Paul", "Albany"), "JP": ("東京都", "大阪市", "横浜市"),
    "KW": ("Kuwait City", "Al Aḩmadī"), "CH": ("Zürich", "Genève"), "CL": ("Santiago", "Viña del Mar"),
    "TN": ("Tunis", "Sfax"), "LU": ("Luxembourg", "Esch-sur-Alzette"),
}  # fmt: skip
_NAMES: Final = (
    "Müller & Söhne", "Becker", "O'Neill Trading", "Sakura", "Al-Sabah", "Hürlimann", "Ñandú", "Carthage", "Nordlicht",
    "ACME", "Łódź Import", "Grün/Weiß",
)  # fmt: skip
_FORMS: Final = {
    "DE": "GmbH", "US": "Inc.", "JP": "株式会社", "KW": "W.L.L.", "CH": "AG", "CL": "S.A.", "TN": "SARL", "LU": "S.à r.l.",
}  # fmt: skip
_GOODS: Final = {
    "Pump": "Pumpe", "Valve": "Ventil", "Bearing": "Lager", "Hinge": "Scharnier", "Gasket": "Dichtung", "Motor": "Motor",
    "Sensor": "Fühler", "Cable": "Kabel",
}  # fmt: skip
_UNITS: Final = ("ST", "ST", "ST", "ST", "KG", "M", "L", "KAR")


@dataclass(frozen=True)
class Material:
    """What is sold: its number, and what an order copies from it. The price is in euro cents for `per` units."""

    number: str
    text: str
    unit: str
    price: int
    per: int


@cache
def material(number: str) -> Material:
    """All that there is to know of a material follows from its number, so that everybody knows it."""
    random = Random(number)
    text = f"{random.choice(list(_GOODS))} {shown(number)}"
    return Material(
        number, text, random.choice(_UNITS), random.randint(95, 80_000), random.choice((1, 1, 1, 100))
    )


def shown(number: str) -> str:
    """A number as SAP's screens show it: one in digits without the zeros in front."""
    return number.lstrip("0") if number.isdigit() else number


def material_numbers(count: int) -> list[str]:
    """Numbers in digits are padded with zeros to 18 places; others, here every tenth, stand as they are, also with a zero of their own."""
    return [f"0815-{at:05d}" if at % 10 == 0 else f"{100_000 + at:018d}" for at in range(1, count + 1)]


def customer_numbers(count: int) -> list[str]:
    """Ten digits, padded with zeros; some are names, which SAP doesn't pad."""
    return [f"CPD-{at:05d}" if at % 200 == 7 else f"{100_000 + at:010d}" for at in range(1, count + 1)]


def customizing() -> Iterator[Row]:
    """What is set once: decimals of currencies, and names of countries."""
    for currency, decimals in money.DECIMALS.items():
        yield TCURX(currency, str(decimals))
    for country, names in _COUNTRIES.items():
        for language, name in names.items():
            for client in (CLIENT, OTHER_CLIENT):
                yield T005T(client, language, country, name[:15], name)


def texts(numbers: list[str]) -> Iterator[Row]:
    """Each material in German; most in English."""
    for at, number in enumerate(numbers, 1):
        english = material(number).text
        word, rest = english.split()
        german = f"{_GOODS[word]} {rest}"
        if at % 30:
            yield MAKT(CLIENT, number, "E", english, english.upper())
        yield MAKT(CLIENT, number, "D", german, german.upper())


@dataclass(frozen=True)
class Customer:
    """A customer's number, and the company codes that sell to it."""

    number: str
    companies: tuple[str, ...]


def customers(random: Random, count: int) -> Iterator[tuple[Customer, list[Row]]]:
    """Customers with their rows. Each is in one to three company codes but for a few that none knows; some have no address, some a
    deletion flag or a block, and one in a thousand has lost what is common to the company codes."""
    for at, number in enumerate(customer_numbers(count), 1):
        companies = tuple(random.sample(list(COMPANIES), random.choices((0, 1, 2, 3), (2, 70, 20, 8))[0]))
        rows = list(_general(random, at, number, companies)) if random.random() > 0.001 else []
        rows.extend(_in_company(random, number, code) for code in companies)
        yield Customer(number, companies), rows


def strangers(count: int) -> Iterator[Row]:
    """Customers of the other client: the same numbers, other people."""
    for number in customer_numbers(count):
        yield KNA1(
            OTHER_CLIENT, number, "LU", "Somebody else", BLANK, BLANK, BLANK, "SOMEBODY", BLANK, BLANK, BLANK, BLANK, BLANK,
            "20200101", "OTHER", "KUNA", BLANK, BLANK, "F", BLANK, None,
        )  # fmt: skip
        yield KNB1(
            OTHER_CLIENT,
            number,
            "1000",
            "20200101",
            "OTHER",
            BLANK,
            BLANK,
            "0000140000",
            BLANK,
            BLANK,
            BLANK,
            BLANK,
        )


def _general(random: Random, at: int, number: str, companies: tuple[str, ...]) -> Iterator[Row]:
    company = COMPANIES[companies[0]] if companies else COMPANIES["1000"]
    country = company.country if random.random() < 0.9 else "LU"
    one_time = number.startswith("CPD")
    name = f"{random.choice(_NAMES)} {_FORMS[country]}"
    city = random.choice(_CITIES[country])
    street, house = f"{random.choice(('Hauptstr.', 'Main St', 'Rue Neuve'))}", str(random.randint(1, 199))
    postal, phone = f"{random.randint(0, 99999):05d}", f"+{random.randint(10**9, 10**10 - 1)}"
    address = BLANK if one_time or random.random() < 0.02 else f"{20_000 + at:010d}"
    yield KNA1(
        CLIENT, number, country, name, "one-time account" if one_time else BLANK, city, postal, name.upper()[:10],
        f"{street} {house}", phone, "X" if one_time else BLANK, address, "01" if random.random() < 0.01 else BLANK,
        f"{random.randint(1998, 2023)}{random.randint(1, 12):02d}{random.randint(1, 28):02d}", _clerk(random),
        "CPDA" if one_time else "KUNA", _flag(random, 0.02), _flag(random, 0.02), company.language,
        f"{country}{random.randint(10**8, 10**9 - 1)}" if random.random() < 0.7 else BLANK,
        random.choice((None, None, BLANK, "GOLD")),
    )  # fmt: skip
    # A number that leads to no address comes from an archiving run that was broken off.
    if address == BLANK or random.random() < 0.005:
        return
    here = ADRC(
        CLIENT,
        address,
        "00010101",
        BLANK,
        name,
        city,
        postal,
        street,
        house,
        country,
        company.language,
        phone,
    )
    yield here
    if country == "JP":
        yield here._replace(nation="I", name1="Kabushiki-gaisha", city1="Tokyo")


def _in_company(random: Random, number: str, code: str) -> Row:
    opened = NO_DATE if random.random() < 0.01 else f"20{random.randint(10, 23)}0401"
    return KNB1(
        CLIENT, number, code, opened, _clerk(random), _flag(random, 0.02), _flag(random, 0.02),
        "0000140000", random.choice(("U", "CU", BLANK)), random.choice((BLANK,) * 20 + ("A",)),
        random.choice(("0001", "ZB30", "ZB60", BLANK)), random.choice((BLANK, f"K{random.randint(1, 9999)}")),
    )  # fmt: skip


def _flag(random: Random, share: float) -> str:
    return "X" if random.random() < share else BLANK


def _clerk(random: Random) -> str:
    return random.choice(("MEIER", "TANAKA", "SMITH", "BATCHUSER"))
