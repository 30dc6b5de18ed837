"""Sales over several legacy tables, with what real ones hold: references to nothing, NULLs, codes in other letters, CHAR beside VARCHAR.

`SALE` is how they are mapped, `seen` what that comes to, said once more in plain Python.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from strangler import plugins
from strangler.mapping import EntityMapping, compile_entity
from strangler.settings import Entity, Source
from tests.reconcile.landscape import Database

SALE: Final[dict[str, Any]] = {
    "table": "head",
    "key": ["company", "number"],
    "join": {
        "party": {"table": "party", "on": {"code": "party"}},
        "lang": {"table": "lang", "on": {"code": "party.lang"}},
    },
    "where": "state IS NULL OR state <> 'draft'",
    "fields": {
        "company": "company",
        "number": "number",
        "party": "TRIM(party.name)",
        "lang": "lang.title",
        "amount": "CAST(amount AS DECIMAL(10, 2))",
    },
    "children": {
        "lines": {
            "table": "line",
            "on": {"company": "company", "number": "number"},
            "key": "line",
            "where": "quantity IS NULL OR quantity <> '0'",
            "join": {"text": {"table": "product_text", "on": {"product": "product", "lang": "'E'"}}},
            "fields": {
                "line": "id",
                "quantity": "CAST(quantity AS INTEGER)",
                "text": "text.title",
                "lang": "parent.lang.title",
            },
            "children": {
                "taxes": {
                    "table": "line_tax",
                    "on": {"line": "id"},
                    "key": "tax",
                    "fields": {
                        "tax": "tax",
                        "rate": "rate",
                        "state": "parent.parent.state",
                        "text": "parent.text.title",
                    },
                }
            },
        }
    },
}


TABLES: Final = {
    "head": "company {fixed}(4), number integer, party {text}(8), state {text}(8), amount {text}(12)"
    ", PRIMARY KEY (company, number)",
    "party": "code {fixed}(8) PRIMARY KEY, name {text}(20), lang {text}(5)",
    "lang": "code {fixed}(5) PRIMARY KEY, title {text}(20)",
    "line": "id integer PRIMARY KEY, company {text}(4), number integer, product {text}(8), quantity {text}(8)",
    "product_text": "product {fixed}(8), lang {fixed}(2), title {text}(20), PRIMARY KEY (lang, product)",
    "line_tax": "line integer, tax {text}(5), rate integer, PRIMARY KEY (line, tax)",
}

_COLUMNS: Final = {
    table: [each.split()[0] for each in columns.partition(", PRIMARY")[0].split(", ")]
    for table, columns in TABLES.items()
}

_TYPES: Final = {
    "mysql": {"fixed": "char", "text": "varchar"},
    "postgres": {"fixed": "char", "text": "varchar"},
    "sqlite": {"fixed": "CHAR", "text": "VARCHAR"},
}

Rows = dict[str, list[tuple[Any, ...]]]


LOOSE: Final = "COLLATE utf8mb4_unicode_ci"
"""In MariaDB: `a` is `A`, and both are found by the other."""

EXACT: Final = "COLLATE utf8mb4_bin"


def create(dialect: str, collation: str = LOOSE) -> list[str]:
    """The tables. `collation` only of MariaDB."""
    tail = f" DEFAULT CHARACTER SET utf8mb4 {collation}" if dialect == "mysql" else ""
    return [
        f"CREATE TABLE {table} ({columns.format(**_TYPES[dialect])}){tail}"
        for table, columns in TABLES.items()
    ]


class Legacy:
    """A legacy database of sales."""

    def __init__(self, dialect: str, url: str, collation: str = LOOSE) -> None:
        self.dialect, self._database = dialect, Database(url)
        self.write(*create(dialect, collation))
        self.source: Any = plugins.load("connectors", dialect)(
            "legacy", Source.model_validate({"kind": dialect, "url": url}), _COLUMNS
        )

    def write(self, *statements: str) -> None:
        self._database.run(*statements)

    def hold(self, rows: Rows) -> None:
        """Hold these rows and no others."""
        self.write(*(f"DELETE FROM {table}" for table in rows))
        for table, each in rows.items():
            if each:
                self._database.insert(table, each)

    def mapping(self) -> EntityMapping:
        tables = self.source.describe(list(TABLES))
        return compile_entity("sales", "sale", Entity.model_validate(SALE), tables["head"], others=tables)


def rows(seed: int) -> Rows:
    """Random rows, the keys of which are also unique where letters of both cases are the same."""
    chance = Random(seed)

    def some(*values: Any) -> Any:
        return chance.choice([*values, None])

    sales = [(company, number) for company in ("A1", "b2") for number in range(5) if chance.random() < 0.8]
    lines = range(chance.randrange(30))
    return {
        "head": [
            (
                *sale,
                some("p1", "P1", "p2", "p9", "é"),
                some("draft", "open", "Draft"),
                some("1.50", "2", "none"),
            )
            for sale in sales
        ],
        "party": [
            (code, some(" Ann ", "Łódź", ""), some("de", "DE", "pl"))
            for code in ("p1", "P2", "é")
            if chance.random() < 0.9
        ],
        "lang": [(code, some("German", "Polish")) for code in ("de", "PL")],
        "line": [
            (
                each,
                *(
                    chance.choice(sales)
                    if sales and chance.random() < 0.8
                    else (some("a1", "A1"), some(1, 99))
                ),
                some("x", "X", "y"),
                some("0", "1", "20", "odd"),
            )
            for each in lines
        ],
        "product_text": [
            (product, lang, some("one", "two")) for product in ("x", "Y") for lang in ("E", "D")
        ],
        "line_tax": [
            (line, tax, some(7, 19))
            for line in (*lines, 99)
            for tax in ("mwst", "VAT")
            if chance.random() < 0.4
        ],
    }


def seen(held: Rows) -> dict[str, set[tuple[Any, ...]]]:
    """Part → its rows in the new shape, of those that can be translated."""
    heads = {row[:2]: row for row in held["head"]}
    parties = {row[0]: row for row in held["party"]}
    langs = dict(held["lang"])
    texts = {row[:2]: row[2] for row in held["product_text"]}
    lines = {row[0]: row for row in held["line"]}
    found: dict[str, set[tuple[Any, ...]]] = {"sale": set(), "sale.lines": set(), "sale.lines.taxes": set()}
    for company, number, party, state, amount in held["head"]:
        _, name, lang = parties.get(party, (None, None, None))
        if state != "draft" and amount != "none":
            told = {"1.50": "1.5"}.get(amount, amount)
            found["sale"].add((company, number, name and name.strip(), langs.get(lang), told))
    for each, company, number, product, quantity in held["line"]:
        head = heads.get((company, number))
        if head is None or head[3] == "draft" or quantity in ("0", "odd"):
            continue
        lang = parties.get(head[2], (None, None, None))[2]
        count = None if quantity is None else int(quantity)
        found["sale.lines"].add((company, number, each, count, texts.get((product, "E")), langs.get(lang)))
    for line, tax, rate in held["line_tax"]:
        _, company, number, product, quantity = lines.get(line, (None,) * 5)
        head = heads.get((company, number))
        if head is not None and head[3] != "draft" and quantity != "0":
            text = texts.get((product, "E"))
            found["sale.lines.taxes"].add((company, number, line, tax, rate, head[3], text))
    return found
