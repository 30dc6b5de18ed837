"""The language in words: how each operation is written, what it means, and rows on which it can be seen.

Types, results, NULL and errors are not said here; `strangler.mapping.reference` computes them, for the page in `docs`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple

from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.python_functions import PythonFunction, PythonFunctions
from strangler.mapping.rules.text import WIDEST_PAD
from strangler.shapes import Column, FieldType, Table

_DECLARED: Final = {
    FieldType.TEXT: "name city code",
    FieldType.INTEGER: "id quantity free",
    FieldType.DECIMAL: "amount fee",
    FieldType.FLOAT: "weight",
    FieldType.BOOLEAN: "active blocked",
    FieldType.DATE: "born",
    FieldType.TIME: "opens",
    FieldType.TIMESTAMP: "changed",
    FieldType.INSTANT: "seen",
    FieldType.BYTES: "photo",
    FieldType.JSON: "doc",
}

TABLE: Final = Table(
    "partner",
    (
        *(
            Column(name, kind, name != "id", kind.value)
            for kind, names in _DECLARED.items()
            for name in names.split()
        ),
    ),
    ("id",),
)
"""The legacy table of the examples."""


CODE_MAPS: Final[CodeMaps] = {"currency": {"001": "EUR", "002": "JPY"}, "digits": {"7": 2, "12": 0}}
"""The code maps of the examples."""


def _article(code: str | None, quantity: int | None) -> str | None:
    """An article number with its check digit."""
    if code is None:
        return None
    digits = f"{quantity or 0:02}{code}"
    return digits + str(-sum(int(each) * (1, 3)[place % 2] for place, each in enumerate(digits)) % 10)


FUNCTIONS: Final[PythonFunctions] = {
    "article": PythonFunction("article", (FieldType.TEXT, FieldType.INTEGER), FieldType.TEXT, "1", _article)
}
"""The Python functions of the examples."""


class Example(NamedTuple):
    """An expression, and the values of the columns that it names."""

    expression: str
    row: dict[str, Any]


class Explained(NamedTuple):
    """An operation. `null` and `untranslatable` are words for what isn't the rule: that NULL gives NULL, that nothing fails."""

    written: str
    meaning: str
    examples: tuple[Example, ...]
    null: str = ""
    untranslatable: str = ""


def _of(expression: str, **row: Any) -> Example:
    return Example(expression, row)


_CUT: Final = "`n` and `start` are whole numbers, not computed from columns."
_TOO_LARGE: Final = "the result doesn't fit 64 bits"
_AT: Final = datetime(2026, 11, 23, 23, 59, 59, 500000)

TEXT: Final = (
    Explained("`a || b`", "One text after the other. Anything that has a text may be joined.",
              (_of("name || ' ' || city", name="Anna", city="Łódź"), _of("'P' || quantity", quantity=7))),
    Explained("`CONCAT(a, b, …)`", "The same, leaving NULL out.",
              (_of("CONCAT(name, city)", name="Anna", city="Łódź"),
               _of("CONCAT(name, city)", name="Anna", city=None)), "left out"),
    Explained("`TRIM(t)`, `BTRIM`; `TRIM(BOTH c FROM t)`", "Without blanks at both ends; or without any of the characters `c`.",
              (_of("TRIM(name)", name="  Anna "), _of("TRIM(BOTH '-.' FROM code)", code="-.7.-"))),
    Explained("`LTRIM(t, c)`, `TRIM(LEADING c FROM t)`", "The same at the beginning.",
              (_of("LTRIM(code, '0')", code="0000004711"),)),
    Explained("`RTRIM(t, c)`, `TRIM(TRAILING c FROM t)`", "The same at the end.", (_of("RTRIM(code, '/')", code="a/b//"),)),
    Explained("`UPPER(t)`", "a–z become A–Z; every other character stays.", (_of("UPPER(city)", city="Łódź"),)),
    Explained("`LOWER(t)`", "A–Z become a–z; every other character stays.", (_of("LOWER(city)", city="ŁÓDŹ"),)),
    Explained("`LENGTH(t)`, `CHAR_LENGTH(t)`", "The number of code points.", (_of("LENGTH(city)", city="Łódź"),)),
    Explained("`SUBSTRING(t, start, n)`", f"`n` characters from the 1-based `start`. {_CUT}",
              (_of("SUBSTRING(code, 2, 3)", code="ABCDEF"), _of("SUBSTRING(code, 0, 3)", code="ABCDEF"))),
    Explained("`SUBSTRING(t, start)`", "All from there on.", (_of("SUBSTRING(code, 4)", code="ABCDEF"),)),
    Explained("`LEFT(t, n)`", "The first `n` characters.", (_of("LEFT(code, 2)", code="ABCDEF"),)),
    Explained("`RIGHT(t, n)`", "The last `n` characters.", (_of("RIGHT(code, 2)", code="ABCDEF"),)),
    Explained("`REPLACE(t, old, new)`", "Every `old` becomes `new`; an empty `old` replaces nothing.",
              (_of("REPLACE(code, ',', '.')", code="12,50"),)),
    Explained("`REGEXP_LIKE(t, 'pattern')`", "Whether the pattern matches somewhere in the text.",
              (_of("REGEXP_LIKE(code, '^[A-Z]{2}[0-9]+$')", code="PL4711"), _of("REGEXP_LIKE(code, '^[A-Z]{2}[0-9]+$')", code="pl4711"),
               _of("REGEXP_LIKE(name, '(GmbH|AG)$')", name="Muster AG"))),
    Explained("`REGEXP_REPLACE(t, 'pattern', 'replacement')`", "Every match becomes the replacement, as it stands.",
              (_of("REGEXP_REPLACE(code, '[^0-9]+', '')", code="+49 (30) 90-17"), _of("REGEXP_REPLACE(name, ' {2,}', ' ')", name="a   b"))),
    Explained("`LPAD(t, n, fill)`", f"`n` characters: filled on the left, or cut on the right; `n` is at most {WIDEST_PAD:,}.",
              (_of("LPAD(code, 6, '0')", code="4711"), _of("LPAD(code, 2, '0')", code="4711"))),
    Explained("`RPAD(t, n, fill)`", "`n` characters: filled or cut on the right.",
              (_of("RPAD(code, 6, '.')", code="4711"),)),
)  # fmt: skip

NUMBERS: Final = (
    Explained("`a + b`", "The sum.",
              (_of("quantity + free", quantity=40, free=2), _of("amount + fee", amount=Decimal("0.1"), fee=Decimal("0.2")),
              _of("quantity + 1", quantity=2**63 - 1)), untranslatable=_TOO_LARGE),
    Explained("`a - b`", "The difference.",
              (_of("quantity - free", quantity=40, free=2), _of("amount - fee", amount=Decimal(1), fee=Decimal("0.35"))),
              untranslatable=_TOO_LARGE),
    Explained("`a * b`", "The product, exact to the last digit.", (_of("quantity * free", quantity=6, free=7),
              _of("amount * 0.01", amount=Decimal("490449"))), untranslatable=_TOO_LARGE),
    Explained("`DIV(a, b)`", "How often `b` is wholly in `a`: the quotient of integers, its fraction cut off.",
              (_of("DIV(quantity, 3)", quantity=7), _of("DIV(quantity, 3)", quantity=-7), _of("DIV(quantity, free)", quantity=7, free=0)),
              untranslatable="`b` is 0; the result doesn't fit 64 bits"),
    Explained("`MOD(a, b)`, `a % b`", "What remains then, with the sign of `a`; of decimals too.",
              (_of("MOD(quantity, 3)", quantity=7), _of("MOD(quantity, 3)", quantity=-7), _of("MOD(quantity, free)", quantity=7, free=-3),
               _of("amount % 0.5", amount=Decimal("1.7"))), untranslatable="`b` is 0"),
    Explained("`- a`", "The opposite.",
              (_of("-quantity", quantity=7), _of("-amount", amount=Decimal("0.0"))), untranslatable=_TOO_LARGE),
    Explained("`ABS(a)`", "Without its sign.",
              (_of("ABS(quantity)", quantity=-7), _of("ABS(amount)", amount=Decimal("-7.50"))),
              untranslatable=_TOO_LARGE),
    Explained("`ROUND(a, n)`", "To `n` digits after the point, before it when negative; halves away from zero.",
              (_of("ROUND(amount, 2)", amount=Decimal("1.005")), _of("ROUND(amount)", amount=Decimal("-2.5")),
               _of("ROUND(quantity, -2)", quantity=4950))),
)  # fmt: skip

CONDITIONS: Final = (
    Explained("`a = b`", "Equal, to the code point.",
              (_of("city = 'Łódź'", city="łódź"), _of("amount = 1.5", amount=Decimal("1.50")))),
    Explained("`a <> b`, `!=`", "Not equal.", (_of("quantity <> 0", quantity=3),)),
    Explained("`a < b`", "Less; of texts, by code points.",
              (_of("name < city", name="Zoë", city="anna"), _of("born < '2000-01-01'", born=date(1999, 12, 31)))),
    Explained("`a <= b`", "At most.", (_of("quantity <= 10", quantity=10),)),
    Explained("`a > b`", "Greater; NaN is greater than every number.",
              (_of("amount > 1000", amount=Decimal("NaN")), _of("weight > 0.5", weight=0.25))),
    Explained("`a >= b`", "At least.", (_of("changed >= '2026-01-01 00:00'", changed=_AT),)),
    Explained("`a BETWEEN b AND c`", "At least `b` and at most `c`.", (_of("quantity BETWEEN 1 AND 5", quantity=5),
               _of("quantity BETWEEN 1 AND free", quantity=0, free=5)), "as `a >= b AND a <= c`"),
    Explained("`a IN (x, y, …)`", "One of the constants.", (_of("code IN ('DE', 'PL')", code="PL"),)),
    Explained("`a AND b`", "Both.",
              (_of("active AND blocked", active=True, blocked=False), _of("active AND blocked", active=None, blocked=True)),
              "false beside false, else NULL"),
    Explained("`a OR b`", "Either.",
              (_of("active OR blocked", active=False, blocked=True), _of("active OR blocked", active=None, blocked=False)),
              "true beside true, else NULL"),
    Explained("`NOT a`", "The contrary.", (_of("NOT active", active=True),)),
    Explained("`a IS NULL`", "Whether there is no value.", (_of("name IS NULL", name=""),), "true"),
    Explained("`a IS NOT NULL`", "Whether there is a value.", (_of("name IS NOT NULL", name=""),), "false"),
    Explained("`a IS TRUE`, `IS NOT TRUE`", "Whether a condition holds.",
              (_of("active IS TRUE", active=True),), "false; `IS NOT TRUE`: true"),
    Explained("`a IS FALSE`, `IS NOT FALSE`", "Whether a condition is false.",
              (_of("active IS FALSE", active=True),), "false; `IS NOT FALSE`: true"),
)  # fmt: skip

CHOICES: Final = (
    Explained("`COALESCE(a, b, …)`", "The first that isn't NULL; what stands behind it isn't evaluated.",
              (_of("COALESCE(active, TRUE)", active=None), _of("COALESCE(name, code)", name="Anna", code="7")), "passed over"),
    Explained("`NULLIF(a, b)`", "NULL where both are equal, else `a`.",
              (_of("NULLIF(code, '')", code=""), _of("NULLIF(code, name)", code="7", name="Anna")),
              "`a`"),
    Explained("`CASE WHEN c THEN x … ELSE y END`",
              "The value of the first condition that is true; without ELSE, NULL. The others aren't evaluated.",
              (_of("CASE WHEN quantity > 0 THEN 'in stock' ELSE 'sold out' END", quantity=0),), "a condition that is NULL isn't true"),
    Explained("`CASE a WHEN b THEN x … END`", "The value beside the first `b` that equals `a`.",
              (_of("CASE code WHEN 'M' THEN 'Ms' WHEN 'R' THEN 'Mr' END", code="M"),)),
)  # fmt: skip

CODES: Final = (
    Explained("`LOOKUP(m, a)`", "What the code map `m` says of the text or integer `a`.",
              (_of("LOOKUP(currency, code)", code="002"), _of("LOOKUP(currency, code)", code="2"),
               _of("LOOKUP(digits, quantity)", quantity=7)),
              untranslatable="a code that the map doesn't hold"),
    Explained("`LOOKUP(m, a, b)`", "The same, and `b` for a code that the map doesn't hold; `b` may be NULL.",
              (_of("LOOKUP(currency, code, 'EUR')", code="2"), _of("LOOKUP(currency, code, NULL)", code="2"),
               _of("LOOKUP(currency, code, code)", code="2"))),
)  # fmt: skip

SURROGATES: Final = (
    Explained("`SURROGATE('name', a, b, …)`",
              "A new key for what has the legacy key `a, b, …`: a UUID, always the same for the same name and values.",
              (_of("SURROGATE('party', quantity)", quantity=7), _of("SURROGATE('party', code)", code="7"),
               _of("SURROGATE('product', quantity)", quantity=7),
               _of("SURROGATE('price', code, born)", code="O'Neil", born=date(1984, 2, 29)), _of("SURROGATE('file', photo)", photo=b"\0"))),
)  # fmt: skip

OWN: Final = (
    Explained("`name(a, b, …)`", "What the Python function `name` of the configuration returns.",
              (_of("article(code, quantity)", code="4711", quantity=40), _of("article(code, quantity)", code="4711", quantity=None),
               _of("article(code, quantity)", code="4711x", quantity=7)),
              "passed as None", "the function raises, or returns what isn't of the type that it gives"),
)  # fmt: skip

_NO_DATE: Final = "not such a date, or not in the calendar"

MOMENTS: Final = (
    Explained("`TO_DATE(t, 'YYYYMMDD')`", "A date kept as eight digits.", (_of("TO_DATE(code, 'YYYYMMDD')", code="20261123"),
              _of("TO_DATE(code, 'YYYYMMDD')", code="20260231"), _of("TO_DATE(quantity, 'YYYYMMDD')", quantity=20261123),
              _of("TO_DATE(NULLIF(code, '00000000'), 'YYYYMMDD')", code="00000000"),
              _of("TO_DATE(NULLIF(TRIM(code), ''), 'YYYYMMDD')", code="        ")), untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'YYMMDD', y)`", "The same with two digits of the year, in the hundred years that begin with `y`.",
              (_of("TO_DATE(code, 'YYMMDD', 1950)", code="491231"), _of("TO_DATE(code, 'YYMMDD', 1950)", code="500101")),
              untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'CYYMMDD')`", "The same with centuries since 1900 before them; none is 0.",
              (_of("TO_DATE(quantity, 'CYYMMDD')", quantity=1261123), _of("TO_DATE(quantity, 'CYYMMDD')", quantity=991231)),
              untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'YYYYDDD')`", "A year and its day.", (_of("TO_DATE(code, 'YYYYDDD')", code="2026327"),
              _of("TO_DATE(quantity, 'YYYYDDD')", quantity=2026366)), untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'CYYDDD')`", "The same with centuries since 1900 before two digits of the year; none is 0.",
              (_of("TO_DATE(quantity, 'CYYDDD')", quantity=126327), _of("TO_DATE(code, 'CYYDDD')", code="99365"),
               _of("TO_DATE(NULLIF(quantity, 0), 'CYYDDD')", quantity=0)), untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'DD.MM.YYYY')`", "Day, month, year.", (_of("TO_DATE(code, 'DD.MM.YYYY')", code="23.11.2026"),
              _of("TO_DATE(code, 'DD.MM.YYYY')", code="1.2.2026")), untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'MM/DD/YYYY')`", "Month, day, year.", (_of("TO_DATE(code, 'MM/DD/YYYY')", code="11/23/2026"),),
              untranslatable=_NO_DATE),
    Explained("`TO_DATE(t, 'YYYY-MM-DD')`", "The same as `CAST(t AS DATE)`.",
              (_of("TO_DATE(code, 'YYYY-MM-DD')", code="2026-11-23"),), untranslatable=_NO_DATE),
    Explained("`EXTRACT(YEAR FROM d)`", "Also of a timestamp.", (_of("EXTRACT(YEAR FROM born)", born=date(1984, 2, 29)),)),
    Explained("`EXTRACT(MONTH FROM d)`", "Also of a timestamp.", (_of("EXTRACT(MONTH FROM born)", born=date(1984, 2, 29)),)),
    Explained("`EXTRACT(DAY FROM d)`", "Also of a timestamp.", (_of("EXTRACT(DAY FROM born)", born=date(1984, 2, 29)),)),
    Explained("`EXTRACT(HOUR FROM s)`", "Of a timestamp only.", (_of("EXTRACT(HOUR FROM changed)", changed=_AT),)),
    Explained("`EXTRACT(MINUTE FROM s)`", "Of a timestamp only.", (_of("EXTRACT(MINUTE FROM changed)", changed=_AT),)),
    Explained("`s AT TIME ZONE 'UTC'`", "A timestamp taken as UTC; an instant as the clock in UTC showed it.",
              (_of("changed AT TIME ZONE 'UTC'", changed=_AT), _of("seen AT TIME ZONE 'UTC'", seen=_AT.replace(tzinfo=UTC)))),
)  # fmt: skip

_OUTSIDE: Final = "not 0 and outside 1e-300 … 1e300"

CASTS: Final = (
    Explained("`CAST(t AS INTEGER)`", "Blanks around it don't count.",
              (_of("CAST(code AS INTEGER)", code=" 007 "), _of("CAST(code AS INTEGER)", code="12,5")),
              untranslatable="not a whole number in digits, or beyond 64 bits"),
    Explained("`CAST(t AS DECIMAL)`", "Digits and a point.",
              (_of("CAST(code AS DECIMAL)", code="-12.50"), _of("CAST(code AS DECIMAL)", code="1e5")),
              untranslatable="anything else; no exponent"),
    Explained("`CAST(t AS DOUBLE PRECISION)`", "Digits, a point, an exponent.",
              (_of("CAST(code AS DOUBLE PRECISION)", code="1.5e3"),),
              untranslatable=f"anything else; {_OUTSIDE}"),
    Explained("`CAST(t AS BOOLEAN)`", "`t true y yes on 1` and `f false n no off 0`, in any case.",
              (_of("CAST(code AS BOOLEAN)", code="Y"),
              _of("CAST(code AS BOOLEAN)", code="maybe")), untranslatable="any other word"),
    Explained("`CAST(t AS DATE)`", "Year, month, day.",
              (_of("CAST(code AS DATE)", code="2024-02-29"), _of("CAST(code AS DATE)", code="2023-02-29")),
              untranslatable="not written so, or not in the calendar"),
    Explained("`CAST(t AS TIME)`", "Seconds and six digits of them may be missing.",
              (_of("CAST(code AS TIME)", code="23:59"), _of("CAST(code AS TIME)", code="24:00")),
              untranslatable="not written so"),
    Explained("`CAST(t AS TIMESTAMP)`", "With a blank or a `T`; the time may be missing.",
              (_of("CAST(code AS TIMESTAMP)", code="2026-11-23 23:59:59.5"),),
              untranslatable="not written so, or not in the calendar"),
    Explained("`CAST(t AS TIMESTAMPTZ)`", "With its zone, as `Z` or as an offset.",
              (_of("CAST(code AS TIMESTAMPTZ)", code="2026-11-23T10:00+02:00"),
              _of("CAST(code AS TIMESTAMPTZ)", code="2026-11-23 10:00")), untranslatable="no zone; not in the years 1 to 9999 in UTC"),
    Explained("`CAST(i AS TEXT)`", "In digits.", (_of("CAST(quantity AS TEXT)", quantity=-7),)),
    Explained("`CAST(i AS DECIMAL)`", "The same number.", (_of("CAST(quantity AS DECIMAL)", quantity=7),)),
    Explained("`CAST(i AS DOUBLE PRECISION)`", "The nearest float.",
              (_of("CAST(quantity AS DOUBLE PRECISION)", quantity=7),)),
    Explained("`CAST(i AS BOOLEAN)`", "Whether it isn't 0.", (_of("CAST(quantity AS BOOLEAN)", quantity=2),)),
    Explained("`CAST(n AS TEXT)`", "Its canonical text.", (_of("CAST(amount AS TEXT)", amount=Decimal("4904.4900")),)),
    Explained("`CAST(n AS INTEGER)`", "Rounded, halves away from zero.",
              (_of("CAST(amount AS INTEGER)", amount=Decimal("2.5")),
              _of("CAST(amount AS INTEGER)", amount=Decimal("NaN"))), untranslatable="NaN; beyond 64 bits"),
    Explained("`CAST(n AS DOUBLE PRECISION)`", "The nearest float.",
              (_of("CAST(amount AS DOUBLE PRECISION)", amount=Decimal("0.1")),),
              untranslatable=f"NaN; {_OUTSIDE}"),
    Explained("`CAST(n AS DECIMAL(p, s))`", "Rounded to `s` digits after the point, halves away from zero; of any number or text too.",
              (_of("CAST(amount AS DECIMAL(5, 2))", amount=Decimal("12.345")),
               _of("CAST(amount AS DECIMAL(5, 2))", amount=Decimal("999.995"))),
              untranslatable="more than `p` digits after rounding"),
    Explained("`CAST(x AS DECIMAL)`, of a float", "By its first 15 significant digits.",
              (_of("CAST(weight AS DECIMAL)", weight=0.1 + 0.2),),
              untranslatable="an infinity"),
    Explained("`CAST(b AS TEXT)`", "`true` or `false`.", (_of("CAST(active AS TEXT)", active=True),)),
    Explained("`CAST(b AS INTEGER)`", "1 or 0.", (_of("CAST(active AS INTEGER)", active=True),)),
    Explained("`CAST(d AS TEXT)`", "Its canonical text.", (_of("CAST(born AS TEXT)", born=date(1984, 2, 29)),)),
    Explained("`CAST(h AS TEXT)`", "Its canonical text.", (_of("CAST(opens AS TEXT)", opens=time(8, 30)),)),
    Explained("`CAST(s AS TEXT)`", "Its canonical text.", (_of("CAST(changed AS TEXT)", changed=_AT),
              _of("CAST(seen AS TEXT)", seen=_AT.replace(tzinfo=UTC)))),
    Explained("`CAST(j AS TEXT)`", "As it stands in the database.", (_of("CAST(doc AS TEXT)", doc='{"a": 1}'),)),
    Explained("`CAST(d AS TIMESTAMP)`", "Midnight.", (_of("CAST(born AS TIMESTAMP)", born=date(1984, 2, 29)),)),
    Explained("`CAST(s AS DATE)`", "Its day.", (_of("CAST(changed AS DATE)", changed=_AT),)),
    Explained("`CAST(s AS TIME)`", "Its clock.", (_of("CAST(changed AS TIME)", changed=_AT),)),
)  # fmt: skip

SECTIONS: Final = {
    "Text": TEXT,
    "Numbers": NUMBERS,
    "Conditions": CONDITIONS,
    "Choice": CHOICES,
    "Code maps": CODES,
    "Surrogate keys": SURROGATES,
    "Python functions": OWN,
    "Dates and times": MOMENTS,
    "Conversions": CASTS,
}

REFUSED: Final = (
    "amount / 2", "DIV(amount, 2)", "MOD(quantity, 0)",
    "weight * 2", "GREATEST(id, free)", "name LIKE 'A%'", "name ~ '^A'", "REGEXP_LIKE(name, '^a', 'i')",
    "REGEXP_LIKE(name, '(?i)a')", "REGEXP_LIKE(name, 'a\\b')", "REGEXP_LIKE(name, code)", "REGEXP_LIKE(name, '(a+)+')",
    "REGEXP_REPLACE(name, 'a*', '')", "REGEXP_REPLACE(name, 'ab|a', '')", "doc ->> 'a'",
    "CURRENT_DATE", "born + INTERVAL '1 day'", "seen AT TIME ZONE 'Europe/Berlin'", "TO_DATE(code, 'DD.MM.YY')", "TO_DATE(code, 'YYMMDD')",
    "(SELECT max(id) FROM partner)", "SUM(amount)", "CAST(name AS VARCHAR(10))", "TRY_CAST(code AS INTEGER)",
    "LPAD(name, quantity)", "id IN (1, NULL)", "name = 1", "COALESCE(name, id)", "'a' COLLATE \"C\"", "UPER(name)",
    "LOOKUP(country, code)", "LOOKUP('currency', code)", "LOOKUP(currency, quantity)", "SURROGATE('party')", "SURROGATE(party, id)",
    "SURROGATE('party', weight)", "article(code)", "article(quantity, code)", "artikel(code)",
)  # fmt: skip
"""What people try, and what the language doesn't have."""
