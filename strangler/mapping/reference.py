"""What the mapping language has, for people: `docs/expressions.md`.

Types, NULL and results are computed here by the very code that translates rows, so that the page can't disagree with it.
`python -m strangler.mapping.reference > docs/expressions.md` writes the page anew; a test holds it current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click
import orjson

from strangler.changes import Operation
from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping, compile_entity, nodes
from strangler.mapping.conversions import convert
from strangler.mapping.explained import CODE_MAPS, FUNCTIONS, REFUSED, SECTIONS, TABLE, Example, Explained
from strangler.mapping.inverse.reference import section as way_back
from strangler.mapping.limits import Limit, limits
from strangler.mapping.names import KINDS
from strangler.mapping.nodes import Node, Reference, columns, walk
from strangler.mapping.python_functions import CONDITIONS
from strangler.mapping.reading import CLASSES
from strangler.mapping.rules.text import WIDEST_PAD
from strangler.mapping.sql import LONGEST
from strangler.mapping.typing import DEEPEST, MOST_FALLIBLE, check
from strangler.mapping.written import WRITERS
from strangler.mapping.wrong import Wrong
from strangler.settings import Entity
from strangler.shapes import Column, FieldType

INTRODUCTION: Final = """\
# Expressions

The fields of an entity and the conditions of its events are SQL expressions over the columns of one legacy row. Each has one
meaning and several executions: Python translates the stream, and the legacy database, if it is PostgreSQL, SQLite, MySQL or
MariaDB, fills the store and is checked against it. The language is therefore what all of them do alike, to the byte; what they
would do differently isn't in it, and is refused by `strangler config check` with what to write instead.

An expression either gives a value, or the row is *untranslatable*: it goes to quarantine and the rest of the migration goes on.

Types, NULL and results on this page are computed by the code that translates rows:
`python -m strangler.mapping.reference > docs/expressions.md`. Values are shown in their canonical form.
"""

RULES: Final = f"""\
## The rules

- **NULL.** An operation on NULL is NULL, unless its row below says otherwise. A condition that is NULL doesn't hold.
- **All arguments are evaluated**, also those of AND and OR; one that fails makes the row untranslatable. Only CASE, COALESCE
  and the default of LOOKUP evaluate no more than they must: `CASE WHEN code <> '' THEN CAST(code AS INTEGER) END` is safe where
  `code <> '' AND CAST(code AS INTEGER) > 0` isn't.
- **Types are known beforehand** and nothing is converted silently, with these exceptions: NULL takes any type; an integer beside
  a decimal becomes one; a constant number becomes a float beside one, a constant text a date, time, timestamp or instant beside
  one; `||` and CONCAT write out what has a text.
- **Constants.** `'…'` is text, `7` an integer, `7.5` a decimal, `TRUE` and `FALSE` are booleans, `DATE '2026-11-23'` is a cast. What
  holds no column is computed once, when the configuration is read.
- **Columns** are found in any case; in double quotes, in exactly this one. `partner.name` is `name`.
- **Text** is counted, cut and compared by code points, whatever the collation of the database: `Z` stands before `a`, and `á`
  differs from `a` with an accent of its own. UPPER and LOWER change A–Z only, since databases disagree on all other letters.
- **CHAR(n)** is read without its padding. VARCHAR and TEXT are read as they stand.
- **Integers** have 64 bits. Sums and products may exceed them on the way; the end result may not.
- **Decimals** are exact: sums and products lose no digit. Rounding, by ROUND or by CAST, takes halves away from zero.
- **Floats** are carried and compared, not computed with: their sums differ in the last digit. Make a decimal of them first.
- **Code maps** (`code_maps` in the configuration) are named without quotes. Beside a text their codes are texts, beside an integer
  whole numbers, written without zeros in front. What a map holds is part of the mapping: another content is another version.
  A map that is a `table` of the legacy database is read when a process compiles its mappings, from the source of the function that
  uses it; `from`, `to` and `where` are expressions over its columns. A change of the table counts when the worker starts anew, which
  then fills the stores anew. So that is for tables that change with a release; for one that changes in daily work there is `join`.
- **Regular expressions** are constants, and only what all engines read alike: characters; `.`, which takes a line feed too; classes
  like `[A-Z0-9_]` and `[^,;]`, in which stretches are of ASCII; `\\d`, `\\w` and `\\s` for ASCII's digits, for its letters with digits and
  `_`, and for its white space; `\\n`, `\\r`, `\\t`; a backslash before a sign for the sign itself; `*`, `+`, `?`, `{{n}}`, `{{n,}}` and
  `{{n,m}}`, which take as much as they can; groups in brackets; `|`. `^` and `$` are the ends of the text, not of a line, and stand at
  the ends of the pattern or of one of its alternatives. Capitals differ from small letters. There are no flags and no references.
- **REGEXP_REPLACE** replaces all matches. Of `ab|a` some engines take the first alternative that fits, others the longest; so it takes no
  pattern that may go on in two ways with the same character: write `ab?`.
- **Dates of legacy systems.** TO_DATE reads text, and in the forms of digits that begin with the year also a number, in its digits.
  Blanks around a text don't count. What stands for "no date" is said by NULLIF: `TO_DATE(NULLIF(code, '00000000'), 'YYYYMMDD')`,
  `TO_DATE(NULLIF(TRIM(code), ''), 'YYYYMMDD')`, `TO_DATE(NULLIF(quantity, 0), 'CYYDDD')`; otherwise the row is untranslatable.
- **There is no division** but that of integers by DIV, since databases disagree on how many digits a quotient has. Multiply by the
  reciprocal, and ROUND. DIV cuts the fraction off, also below zero, and MOD gives what remains: `DIV(a, b) * b + MOD(a, b)` is `a`.
- **Zones.** UTC is the only one; the rules of others change with the version of the database.
- **MySQL and MariaDB** compute with 65 digits, 30 of them after the point. An expression that may need more by the declared sizes
  of its columns, and TRIM with characters from a column, they aren't asked for; nor is any expression asked of a database of another
  kind. Backfill and reconciliation then read the legacy rows as they are and translate them in Python: the same values, more slowly.
  `strangler config check` names such mappings. Single rows with very long numbers in a text take the same way.
- **Long code maps** too: a mapping whose SQL would take more than {LONGEST:,} characters, which is the case from some 5,000 short codes
  in one expression on, is left to Python.
- **Surrogates.** A text of digits, an integer and a decimal that are written alike give the same key, whatever the type of the column
  that refers to it; `0000004711` and `4711` don't. An entity whose key is a SURROGATE has to bring back in other fields what it is made of,
  or `strangler config check` refuses it: so the store holds both keys, and `strangler keys FUNCTION.ENTITY --legacy VALUE…` or `--new UUID`
  shows the pair. A surrogate is no pseudonym: who can guess the legacy key can compute it.
- **Limits.** {DEEPEST} levels of nesting (`a || b || c` has three); {MOST_FALLIBLE} operations that can fail inside one another;
  LPAD and RPAD to {WIDEST_PAD:,} characters.

A column makes a row untranslatable, if an expression names it, when its value isn't one of its type's in every database: `infinity`
and years beyond 1 to 9999, an infinite decimal, `24:00` and times beyond it, a NUL in a text, a `bigint unsigned` beyond 2^63 - 1,
a day that the calendar doesn't have, and in SQLite a value of another type than the column's. A MySQL date with a zero in it
(`0000-00-00`, `2026-00-00`) is NULL. So does a change with which the database sent only some of an expression's columns; the fix,
`REPLICA IDENTITY FULL`, is in the message.
"""

PYTHON: Final = """\
## Python functions

What the language doesn't say is a function of your own. The configuration names it, with the types that it takes and gives:

```yaml
python:
  iban_of: {call: "my_mappings:iban_of", takes: [text, text], gives: text}
```

`my_mappings.py` stands beside the configuration, or in `folder`; where there is no such file, the module is imported as Python does it.
Expressions call the function by its name, `iban_of(bankn, bankl)`. It gets and returns values of these classes, exactly these, and None
for NULL:
"""

ON_PYTHON: Final = """\
- It must depend on its arguments alone: a row is translated again and again, in several processes, and must always give the same.
- What it raises, and what it returns that isn't of its type, makes the row untranslatable; the field and the reason are named.
- No database can evaluate it. Backfill and reconciliation of an entity that uses one read the legacy rows and translate them in Python;
  `strangler plan` and `strangler config check` say so.
- Its code is part of the mapping's version: the source of the whole module that defines it, since helpers and constants there decide too.
  So after a change in that file the stores are filled anew. Of code in other modules, and of functions without a source, only the
  name counts: give the function another name in `call` when what it does changes.
- It has no way back by itself: `reverse:` says what legacy gets.
"""

KEYS: Final = """\
A key field must not be NULL (such a row is untranslatable), must not be a float or JSON, and at least one must come from a column.
"""

DIALECTS: Final = f"""\
## Dialects

What is *exact* in a database is asked of it, by backfill and reconciliation: random expressions have proved that it answers as
Python does. T-SQL and Oracle are *transpiled*: what stands there means the same by what the makers of these databases say, but
neither was there to prove it, so nothing is asked of them, and rows from them are translated one by one, in Python. *partly* is
transpiled too, but not for all that the operation takes. For people the mapping is written out in each:

```sh
strangler mapping sql crm.partner --dialect oracle
```

prints the entity's SELECT in the new shape, and below it, as comments, which fields can't be said and why, and the limits of the dialect. A
mapping whose SQL would take more than {LONGEST:,} characters isn't said in any.
"""

WHEN: Final = """\
## `when:` conditions

The names of events take conditions, in the same language. The first name whose condition is true is the event's; one without
`when` always applies; where none does, the event has the default name. `created` and `changed` are asked of the new row, `removed` of
the last one. A row for which the condition fails is untranslatable like any other.

A condition of `changed` sees the old row too: `before.active` is what `active` was before the transaction, so a transition has a name of
its own. The source must send old values: `strangler config check` gives PostgreSQL's statement for it (`REPLICA IDENTITY FULL`), MySQL's
binlog and SQLite's journal have them, polling doesn't know them. Only changes are named so: a backfill makes no events.
"""

EVENTS: Final[dict[str, Any]] = {
    "changed": [
        {"name": "PartnerDeactivated", "when": "NOT active AND before.active"},
        {"name": "PartnerMoved", "when": "city = 'Łódź'"},
    ]
}
HAPPENED: Final[tuple[tuple[Operation, dict[str, Any] | None, dict[str, Any]], ...]] = (
    (Operation.UPDATE, {"active": True, "city": "Łódź"}, {"active": False, "city": "Łódź"}),
    (Operation.UPDATE, {"active": False, "city": None}, {"active": False, "city": "Łódź"}),
    (Operation.UPDATE, {"active": True, "city": None}, {"active": None, "city": None}),
    (Operation.INSERT, None, {"active": True, "city": "Łódź"}),
)


def page() -> str:
    """The reference of the language, in Markdown."""
    return "\n".join(_page()) + "\n"


def trees(explained: Explained) -> list[Node]:
    """The checked expressions of its examples."""
    return [
        check(example.expression, TABLE, CODE_MAPS, functions=FUNCTIONS) for example in explained.examples
    ]


def can_fail(explained: Explained) -> bool:
    """Whether something in its examples can make a row untranslatable."""
    return any(nodes.can_fail(each) for tree in trees(explained) for each in walk(tree))


def null_gives_null(explained: Explained) -> bool:
    """Whether each example is NULL as soon as one of its columns is, the others being what they are."""
    return all(
        _result(example.expression, example.row | {name: None}) == "NULL"
        for example in explained.examples
        for name in example.row
        if None not in example.row.values()
    )


def _page() -> Iterator[str]:
    yield INTRODUCTION
    yield "## Types and canonical values\n"
    yield inspect.cleandoc(FieldType.__doc__ or "").split("\n\n")[1] + "\n"
    yield KEYS
    yield RULES
    yield "## Operations\n"
    yield from _examples_table()
    for title, listed in SECTIONS.items():
        yield f"### {title}\n"
        yield from _table(
            ("written", "meaning", "types", "with NULL", "untranslatable", "examples"),
            [_row(explained) for explained in listed],
        )
    yield from _conversions()
    yield from _dialects()
    yield from _events()
    yield from _python()
    yield from way_back(_table)
    yield "## What isn't in the language\n"
    yield "What is refused, and what is said then.\n"
    yield from _table(("written", "answer"), [(_code(each), _cell(_refusal(each))) for each in REFUSED])


def _examples_table() -> Iterator[str]:
    by_type = {kind: ", ".join(f"`{c.name}`" for c in TABLE.columns if c.type is kind) for kind in FieldType}
    yield (
        "The examples are over a table whose columns are "
        + "; ".join(f"{names} ({kind.value})" for kind, names in by_type.items())
        + ". Constants may stand for columns. The code maps are "
        + " and ".join(f"`{name}` ({_held(name)})" for name in CODE_MAPS)
        + "; the Python function is "
        + ", ".join(f"`{each.name}({', '.join(each.takes)})`" for each in FUNCTIONS.values())
        + ", which appends a check digit.\n"
    )


def _held(name: str) -> str:
    return ", ".join(f"{code}: {meaning}" for code, meaning in CODE_MAPS[name].items())


def _row(explained: Explained) -> tuple[str, ...]:
    return (
        _cell(explained.written),
        _cell(explained.meaning),
        "<br>".join(dict.fromkeys(map(_types, trees(explained)))),
        explained.null or "NULL",
        explained.untranslatable or "–",
        "<br>".join(map(_shown, explained.examples)),
    )


def _types(tree: Node) -> str:
    return f"{', '.join(column.type.value for column in columns(tree))} → {tree.type.value}"


def _shown(example: Example) -> str:
    given = ", ".join(f"{name} = {_code(_result(name, example.row))}" for name in example.row)
    return f"{_code(example.expression)}, {given}: {_outcome(example)}"


def _outcome(example: Example) -> str:
    try:
        return _code(_result(example.expression, example.row))
    except Untranslatable as error:
        return f"untranslatable, {_cell(error.why)}"


def _result(expression: str, row: dict[str, Any]) -> str:
    """The canonical value as the stream has it, as JSON. Raises Untranslatable."""
    value = _mapping(expression).translate({"id": 1} | row)["value"]
    return "NULL" if value is None else orjson.dumps(value).decode()


def _mapping(expression: str, **events: Any) -> EntityMapping:
    fields = {"id": "id", "value": expression}
    given = {"table": TABLE.name, "key": "id", "fields": fields, "events": events}
    return compile_entity(
        "crm", "partner", Entity.model_validate(given), TABLE, CODE_MAPS, functions=FUNCTIONS
    )


def _conversions() -> Iterator[str]:
    yield "From which type to which there is a conversion:\n"
    kinds = [kind for kind in FieldType if kind not in (FieldType.BYTES, FieldType.JSON)]
    instead: dict[str, None] = {}
    rows = []
    for source in FieldType:
        cells = [f"**{source.value}**"]
        for target in kinds:
            mark, hint = _conversion(source, target)
            cells.append(mark)
            if hint:
                instead[f"- {source.value} to {target.value}: {hint}"] = None
        rows.append(tuple(cells))
    yield from _table(("from", *(kind.value for kind in kinds)), rows)
    yield "(✓) may make the row untranslatable. What has no mark takes a way around:\n"
    yield "\n".join(instead) + "\n"


def _dialects() -> Iterator[str]:
    yield DIALECTS
    found = list(limits())
    rows = [
        (_cell(explained.written), *(each.verdict.value for each in verdicts.values()))
        for explained, verdicts in found
    ]
    yield from _table(("written", *(each.title for each in WRITERS.values())), rows)
    yield "What can't be said, and why:\n"
    yield "\n".join(f"- {why}: {', '.join(what)}" for why, what in _unsaid(found).items()) + "\n"
    yield "What holds of all that is written:\n"
    yield "\n".join(f"- {each.title}: {limit}." for each in WRITERS.values() for limit in each.limits) + "\n"


def _unsaid(found: Sequence[tuple[Explained, dict[str, Limit]]]) -> dict[str, dict[str, None]]:
    """What can't be said, by the reason."""
    reasons: dict[str, dict[str, None]] = {}
    for explained, verdicts in found:
        for each in verdicts.values():
            for what, why in each.why.items():
                written = f"{_cell(explained.written)} {what}" if what.startswith("of ") else _code(what)
                reasons.setdefault(why, {})[written] = None
    return reasons


def _conversion(source: FieldType, target: FieldType) -> tuple[str, str]:
    """The mark, and what to write instead where there is none."""
    if source is target:
        return "·", ""
    try:
        made = convert(Reference(Column("x", source, True, source.value)), target)
    except Wrong as wrong:
        return "", wrong.instead
    return ("(✓)" if nodes.can_fail(made) else "✓"), ""


def _events() -> Iterator[str]:
    yield WHEN
    yield "```yaml\nevents:"
    for kind, listed in EVENTS.items():
        yield f"  {kind}:"
        yield from (f'    - {{name: {each["name"]}, when: "{each["when"]}"}}' for each in listed)
    yield "```\n"
    name_of = _mapping("name", **EVENTS).event_name
    rows = [
        (
            KINDS[happened],
            *(_code(_result(name, before)) if before else "–" for name in row),
            *(_code(_result(name, row)) for name in row),
            name_of(happened, {"id": 1} | row, before),
        )
        for happened, before, row in HAPPENED
    ]
    yield from _table(("the row is", "active before", "city before", "active", "city", "event"), rows)


def _python() -> Iterator[str]:
    yield PYTHON
    rows = [
        (
            kind.value,
            f"`{found.__module__}.{found.__name__}`".replace("builtins.", ""),
            CONDITIONS.get(kind, ""),
        )
        for kind, found in CLASSES.items()
    ]
    yield from _table(("type", "Python", "returned"), rows)
    yield ON_PYTHON


def _refusal(expression: str) -> str:
    try:
        check(expression, TABLE, CODE_MAPS, functions=FUNCTIONS)
    except Wrong as wrong:
        return f"{wrong.what}; {wrong.instead}" if wrong.instead and len(wrong.instead) < 80 else wrong.what
    raise AssertionError(f"{expression} is in the language")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n| {' | '.join('---' for _ in head)} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    click.echo(page(), nl=False)
