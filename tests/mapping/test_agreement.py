"""The one promise of the mapping: Python, PostgreSQL, SQLite and MariaDB give the same value, or all say that there is none.

Expressions are generated from the language. What MariaDB leaves to Python, row by row or a whole expression, is counted: it must be
what its dialect says that it leaves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle, groupby, product
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from strangler.errors import MappingError, Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.canonical import float_text
from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.typing import check
from strangler.mapping.wrong import Wrong
from strangler.settings import Entity
from strangler.shapes import FieldType, Table
from tests.mapping.peers import COLUMNS, TABLE, Answer, InMariadb, InPostgres, InSqlite, Peer

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("STRANGLER_AGREEMENT", 0))
"""How many new ones; without it the same thousand are looked at each time."""

settings.register_profile(
    "agreement",
    max_examples=EXAMPLES * 3 // 4 or 750,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PROFILE = settings.get_profile("agreement")

# --- expressions of the language ----------------------------------------------------------------------------------------

T, I, D, F, B = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT, FieldType.BOOLEAN  # noqa: E741
DAY, TIME, NAIVE, AWARE = FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.INSTANT

_LITERALS = {
    T: ["''", "' '", "'a'", "'O''Neil'", "'Ł'", "'0'", "NULL", "'%'"],
    I: ["0", "1", "(-1)", "7", "9223372036854775807"],
    D: ["0.5", "(-1.005)", "100.00", "2.5"],
    F: ["CAST(0.5 AS DOUBLE PRECISION)", "CAST('1e16' AS DOUBLE PRECISION)"],
    B: ["TRUE", "FALSE"],
    DAY: ["DATE '2026-11-23'", "CAST('0001-01-01' AS DATE)"],
    TIME: ["CAST('12:00' AS TIME)"],
    NAIVE: ["TIMESTAMP '2026-11-23 10:00:00'", "CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP)"],
    AWARE: ["CAST('2026-11-23T10:00:00+01:00' AS TIMESTAMPTZ)"],
}
CODE_MAPS: CodeMaps = {
    "words": {"": "blank", "a": "A", "A": "a", "0": "nil", "Ł": "'", "'": "Ł", "\\": "{0}", "O'Neil": "\\n", "á": "%", "007": "",
              "\U0001f600x": "x", '"': '"', "a ": "padded", "a b": "two"},
    "numbers": {"0": -1, "1": 2**63 - 1, "-1": -(2**63), "7": 0, "9223372036854775807": 1, "-9223372036854775808": 42},
    "names": {"0": "zero", "1": "one", "-1": "less"},
    "lengths": {"a": 1, "": 0, "日本": 2, "NULL": 4},
    "many": {f"{number:05}": f"m{number}" for number in range(0, 5000, 7)} | {"0000004711": "found", "a": "b"},
}  # fmt: skip
PATTERNS = [
    "a", "^a", "a$", "^a$", ".", "^.$", "^..$", "[a-z]", "[^a-z]", "^[^a-zA-Z0-9 ]+$", "^[0-9]+$", r"^\d{10}$", r"^\s", r"\s$", r"^\w+$",
    "Ł|ł", "[ŁÓ]+", "^.+$", r"\.", r"\\", "%", "_", '"', "^[+-]?[0-9]+$", r"^\s*[0-9]+([.][0-9]*)?\s*$", "(a|b)+", "^(ab|[c-z])+$", "e$",
    "é|á", "(N|U)LL?", "x{2,3}", "^x{40}$", "^.{3}$", "[.]5$", "''", "[-a]", r"[\]\[^\\]", "^-|-$", r"\n$", r"^\n", r"\t", "😀", "[^😀]$",
    "^[^@]*a[^@]*$", "日", "tab.", "^ .*4.*$", "a.b", "(a|ab)(b|%)", "^a?ab?$", "[A-Z][A-Z]+", r"\{|\}|\$|\^", "ß", "s{2}", "İ",
    "[0-9]{2,4}5?[.]",
]  # fmt: skip
"""As they stand between quotes."""
REPLACED = [
    "a", "^a", "a$", ".", "[a-z]", "[^a-z]+", r"^\s+", r"\s+$", r"\d+", r"[^\w]", "[ŁÓ]+", r"\.", r"\\", "^0+", "x{2,3}", "(ab|[c-z])+",
    "(a|b)+", "''", r"[\]\[^\\%]", "^-|0$", "😀", "[^a-z]$", "L{1,2}", "[0-9]{3}(-[0-9])?", "a(bc)?", r"\n", "İ|i", "(0|[.]5)+",
]  # fmt: skip
"""Those after which any engine ends alike."""
REPLACEMENTS = ["", "x", "''", " - ", "Ł", "😀", "{0}", "&", "%", r"\1", r"\\", r"\&", "$1", "$0", "a"]
SAME = "the type asked for"
Form = tuple[str, list[Any]]
"""A template and its parts: each an expression of a FieldType (or SAME), or one of a list of texts."""

_COMPARISON = ["=", "<>", "<", "<=", ">", ">="]
_LENGTHS = [str(number) for number in range(10)]
_STARTS = [str(number) for number in range(-3, 10)]
_CHARACTERS = ["''", "' '", "'0'", "'ab'", "'Ł'"]
_NUMBERED = ["'YYYYMMDD'", "'CYYMMDD'", "'YYYYDDD'", "'CYYDDD'"]
_ALL = list(_LITERALS)

_FOR_ALL: list[Form] = [
    ("COALESCE({}, {})", [SAME, SAME]),
    ("COALESCE({}, {}, {})", [SAME, SAME, SAME]),
    ("NULLIF({}, {})", [SAME, SAME]),
    ("CASE WHEN {} THEN {} ELSE {} END", [B, SAME, SAME]),
    ("CASE WHEN {} THEN {} WHEN {} THEN {} END", [B, SAME, B, SAME]),
    ("CASE {} WHEN {} THEN {} ELSE {} END", [T, T, SAME, SAME]),
]

_FORMS: dict[FieldType, list[Form]] = {
    T: [
        *[("({} || {})", [T, kind]) for kind in (T, I, D, B, DAY, TIME, NAIVE, AWARE)],
        *[("CONCAT({}, {}, {})", [kind, T, T]) for kind in (T, I, D, B, DAY, TIME, NAIVE, AWARE)],
        ("REGEXP_REPLACE({}, '{}', '-')", [T, REPLACED]),
        ("REGEXP_REPLACE({}, '[a-zŁ]', '{}')", [T, REPLACEMENTS]),
        *[("SURROGATE('party', {})", [kind]) for kind in (T, I, D, B, DAY, TIME, NAIVE, AWARE)],
        ("SURROGATE('O''{{0}}\\%Ł', {}, {})", [T, T]),
        ("SURROGATE('file', raw)", []),
        ("LOOKUP({}, {}, {})", [["words", "many"], T, T]),
        ("LOOKUP(names, {}, {})", [I, T]),
        ("LOOKUP({}, {})", [["words", "many"], T]),
        ("LOOKUP(names, {})", [I]),
        ("LOOKUP(words, {}, NULL)", [T]),
        ("{}({})", [["TRIM", "LTRIM", "RTRIM", "UPPER", "LOWER"], T]),
        ("TRIM({} {} FROM {})", [["BOTH", "LEADING", "TRAILING"], _CHARACTERS, T]),
        ("SUBSTRING({}, {}, {})", [T, _STARTS, _LENGTHS]),
        ("SUBSTRING({}, {})", [T, _STARTS]),
        ("{}({}, {})", [["LEFT", "RIGHT"], T, _LENGTHS]),
        ("REPLACE({}, {}, {})", [T, T, T]),
        ("{}({}, {}, {})", [["LPAD", "RPAD"], T, _LENGTHS, _CHARACTERS]),
        *[("CAST({} AS TEXT)", [kind]) for kind in (I, D, B, DAY, TIME, NAIVE, AWARE)],
        ("CAST(doc AS TEXT)", []),
    ],
    I: [
        ("({} {} {})", [I, ["+", "-", "*"], I]),
        ("(-{})", [I]),
        ("ABS({})", [I]),
        ("LENGTH({})", [T]),
        ("LOOKUP(lengths, {}, {})", [T, I]),
        ("LOOKUP(numbers, {}, {})", [I, I]),
        ("LOOKUP(numbers, {})", [I]),
        ("LOOKUP(lengths, {})", [T]),
        ("DIV({}, {})", [I, I]),
        ("MOD({}, {})", [I, I]),
        ("CAST(number AS INTEGER)", []),
        ("EXTRACT({} FROM {})", [["YEAR", "MONTH", "DAY"], DAY]),
        ("EXTRACT({} FROM {})", [["YEAR", "MONTH", "DAY", "HOUR", "MINUTE"], NAIVE]),
        *[("CAST({} AS INTEGER)", [kind]) for kind in (T, D, B)],
    ],
    D: [
        ("({} {} {})", [D, ["+", "-", "*"], D]),
        ("({} {} {})", [I, ["+", "-", "*"], D]),
        ("MOD({}, {})", [D, D]),
        ("({} % {})", [I, D]),
        ("(-{})", [D]),
        ("ABS({})", [D]),
        ("ROUND({}, {})", [D, [str(number) for number in range(-3, 5)]]),
        ("ROUND({})", [I]),
        *[("CAST({} AS DECIMAL({}))", [kind, ["4,2", "16,2", "38,10", "5"]]) for kind in (D, T, F)],
        *[("CAST({} AS DECIMAL)", [kind]) for kind in (T, I, F)],
        ("CAST(number AS DECIMAL({}))", [["18, 2", "4, 3"]]),
        ("CAST(number AS DECIMAL)", []),
    ],
    F: [
        ("CAST(number AS DOUBLE PRECISION)", []),
        *[("CAST({} AS DOUBLE PRECISION)", [kind]) for kind in (T, I, D)],
    ],
    B: [
        *[("({} {} {})", [kind, _COMPARISON, kind]) for kind in _ALL],
        *[("({} IS {})", [kind, ["NULL", "NOT NULL"]]) for kind in _ALL],
        ("(NOT {})", [B]),
        ("REGEXP_LIKE({}, '{}')", [T, PATTERNS]),
        ("({} {} {})", [B, ["AND", "OR"], B]),
        ("({} IS {})", [B, ["TRUE", "FALSE", "NOT TRUE"]]),
        ("({} IN ('a', '', 'Ł', 'O''Neil'))", [T]),
        ("({} NOT IN (1, -1, 0))", [I]),
        ("({} IN (0.5, 100, -0.5))", [D]),
        ("({} BETWEEN {} AND {})", [T, T, T]),
        ("({} BETWEEN {} AND {})", [D, I, D]),
        ("({} BETWEEN {} AND {})", [AWARE, AWARE, AWARE]),
        ("CAST(number AS BOOLEAN)", []),
        *[("CAST({} AS BOOLEAN)", [kind]) for kind in (T, I)],
        ("(raw < COALESCE(raw, raw))", []),
    ],
    DAY: [
        ("TO_DATE(moment, {})", [["'YYYY-MM-DD'", "'DD.MM.YYYY'", "'MM/DD/YYYY'", *_NUMBERED]]),
        ("TO_DATE(moment, 'YYMMDD', {})", [["1950", "1900", "2000", "1", "99", "9900", "1970"]]),
        ("TO_DATE({}, {})", [I, _NUMBERED]),
        ("TO_DATE(CAST(i1 AS DECIMAL), {})", [_NUMBERED]),
        ("TO_DATE({}, {})", [T, ["'DD.MM.YYYY'", "'CYYDDD'"]]),
        ("TO_DATE({}, 'YYMMDD', 1950)", [T]),
        ("TO_DATE(NULLIF(TRIM(moment), '00000000'), 'YYYYMMDD')", []),
        ("TO_DATE(NULLIF(i1, 0), {})", [_NUMBERED]),
        ("CAST(moment AS DATE)", []),
        ("CAST({} AT TIME ZONE 'UTC' AS DATE)", [AWARE]),
        *[("CAST({} AS DATE)", [kind]) for kind in (T, NAIVE)],
    ],
    TIME: [("CAST(moment AS TIME)", []), *[("CAST({} AS TIME)", [kind]) for kind in (T, NAIVE)]],
    NAIVE: [
        ("CAST(moment AS TIMESTAMP)", []),
        ("({} AT TIME ZONE 'UTC')", [AWARE]),
        *[("CAST({} AS TIMESTAMP)", [kind]) for kind in (T, DAY)],
    ],
    AWARE: [
        ("CAST(moment AS TIMESTAMPTZ)", []),
        ("({} AT TIME ZONE 'UTC')", [NAIVE]),
        ("CAST({} AS TIMESTAMPTZ)", [T]),
    ],
}  # fmt: skip
"""What makes an expression of a type; every function of the language is in here."""

_LEAVES = {
    kind: [name for name, (of, _) in COLUMNS.items() if of is kind] * 2 + literals
    for kind, literals in _LITERALS.items()
}


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """SQL that a user might write, of any type."""

    def expression(kind: FieldType, depth: int) -> str:
        forms = [("{}", [_LEAVES[kind]]), *_FORMS[kind], *_FOR_ALL] if depth else [("{}", [_LEAVES[kind]])]
        form: Form = draw(st.sampled_from(forms))
        template, parts = form
        return template.format(*[part_of(part, kind, depth - 1) for part in parts])

    def part_of(part: Any, kind: FieldType, depth: int) -> str:
        if isinstance(part, list):
            text: str = draw(st.sampled_from(part))
            return text
        return expression(part if isinstance(part, FieldType) else kind, depth)

    return expression(draw(st.sampled_from(_ALL)), 3)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Regular expressions of the language over characters that are in the rows."""
    signs = st.sampled_from(
        [*"aabx0 4.Ł-", r"\.", r"\n", r"\d", r"\w", "[ab]", "[^a]", "[a-z0-9]", r"[^\s]", "x", "日"]
    )
    counts = st.sampled_from(["", "", "", "+", "*", "?", "{2}", "{1,3}", "{2,}"])

    def larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        groups = st.lists(parts, min_size=1, max_size=3).map("|".join).map("({})".format)
        return st.lists(st.tuples(st.one_of(signs, groups), counts).map("".join), min_size=1, max_size=4).map(
            "".join
        )

    body = draw(st.recursive(signs, larger, max_leaves=8))
    return draw(st.sampled_from(["{}", "^{}", "{}$", "^{}$", "^{}|b$"])).format(body)


# --- the executions -----------------------------------------------------------------------------------------------------

LEFT_TO_PYTHON = ("text_to_decimal", "text_to_float", "text_to_instant", "float_to_decimal", "regexp_")
"""Operations whose guard is narrower in MySQL than the language: a row that can't pass it is translated in Python."""

TOO_LARGE, TOO_LONG, ODD_REPLACEMENT = (
    "MySQL computes with 65",
    "characters of SQL",
    "by a text with a backslash",
)
"""Why an expression is left to Python as a whole."""


@pytest.fixture(scope="module")
def peers(postgres: Any, mariadb: Any) -> Iterator[list[Peer]]:
    name = f"agreement_{os.getpid()}"
    in_postgres = InPostgres(postgres.create_database(name))
    opened = [in_postgres, InSqlite(in_postgres.rows), InMariadb(mariadb.create_database(name))]
    yield opened
    for peer in opened:
        peer.close()
    mariadb.drop_database(name)


def compiled(text: str, table: Table) -> EntityMapping | None:
    """The mapping of one expression; None for a constant that has no value."""
    try:
        return compile_entity(
            "f", "odd", Entity(table="odd", key=["id"], fields={"id": "id", "value": text}), table, CODE_MAPS
        )
    except MappingError as error:
        if "no row could be translated" in str(error):
            return None
        raise AssertionError(f"{text}\n{error}") from error


def in_python(mapping: EntityMapping, row: dict[str, Any]) -> tuple[bool, Any, Any]:
    try:
        value = mapping.translate(row)["value"]
    except Untranslatable:
        return False, None, None
    match value:
        case bool():
            return True, value, str(value).lower()
        case float():
            return True, value, float_text(value)
        case int():
            return True, value, str(value)
    return True, value, value


def agree(peers: list[Peer], text: str) -> None:
    """Assert that every database gives what Python gives of its rows. Those that have one table have the same rows too."""
    for table, same in groupby(peers, key=attrgetter("table")):
        mapping = compiled(text, table)
        if mapping is None:
            return
        ours: list[Answer] = []
        for peer in same:
            ours = ours or [in_python(mapping, row) for row in peer.rows]
            compare(peer, mapping, text, ours)


def compare(peer: Peer, mapping: EntityMapping, text: str, ours: list[Answer]) -> None:
    select = mapping.select(peer.dialect)
    if select.pushed is None:
        left = TOO_LARGE in select.why or ODD_REPLACEMENT in select.why
        assert TOO_LONG in select.why or (left and peer.dialect == "mysql"), text
        return
    differing = [each for each in zip(peer.rows, ours, peer.ask(select), strict=True) if each[1] != each[2]]
    if differing and peer.dialect == "mysql":
        operations = str(check(text, peer.table, CODE_MAPS))
        may_leave = any(cast in operations for cast in LEFT_TO_PYTHON)
        differing = [each for each in differing if each[2][0] or not may_leave]
    for row, our, their in differing:
        pytest.fail(f"{peer.dialect} gives {their}, Python {our} for\n{text}\n{row}")


def each_of(kind: FieldType) -> Iterator[str]:
    """Every form of the type with each of its texts, over columns: over every column where one text meets one alone, else in turn."""
    columns = {of: cycle(names[: names.index(_LITERALS[of][0])]) for of, names in _LEAVES.items()}
    for template, parts in _FORMS[kind] + _FOR_ALL:
        for chosen in product(*[part if isinstance(part, list) else [part] for part in parts]):
            texts = sum(isinstance(part, list) for part in parts)
            alone = texts < 2 and len(parts) - texts == 1
            for _ in range(5 if alone else 2):
                given = zip(parts, chosen, strict=True)
                yield template.format(
                    *[
                        text
                        if isinstance(part, list)
                        else next(columns[part if isinstance(part, FieldType) else kind])
                        for part, text in given
                    ]
                )


@pytest.mark.parametrize(
    "text", ["COALESCE(d1, (LENGTH(NULL) + d1))", "COALESCE(d1, (d2 + NULL))", "MOD(d1, -d2)", "raw"]
)
def test_all_agree_on_what_once_divided_them(peers: list[Peer], text: str) -> None:
    agree(peers, text)


@pytest.mark.parametrize("kind", _ALL)
def test_all_agree_on_every_function_alone(peers: list[Peer], kind: FieldType) -> None:
    for text in dict.fromkeys(each_of(kind)):
        agree(peers, text)


def taken(expression: str) -> bool:
    try:
        check(expression, TABLE, CODE_MAPS)
    except Wrong:
        return False
    return True


@settings(PROFILE, max_examples=PROFILE.max_examples // 3)
@given(patterns(), st.sampled_from(["t1", "t2", "moment", "number", "padded"]))
def test_all_agree_on_regular_expressions(peers: list[Peer], pattern: str, column: str) -> None:
    matches, replaced = f"REGEXP_LIKE({column}, '{pattern}')", f"REGEXP_REPLACE({column}, '{pattern}', '<>')"
    assume(taken(matches))
    agree(peers, matches)
    if taken(replaced):
        agree(peers, replaced)


@settings(PROFILE)
@given(expressions())
def test_all_agree_on_functions_of_functions(peers: list[Peer], text: str) -> None:
    agree(peers, text)
