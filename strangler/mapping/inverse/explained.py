"""The inverse in words, and expressions on which it can be seen; what comes back of them is computed for the page in `docs`."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from strangler.shapes import Column, FieldType, Table

_DECLARED: Final = {
    "id": (FieldType.INTEGER, "integer"),
    "name": (FieldType.TEXT, "text"),
    "code": (FieldType.TEXT, "varchar(10)"),
    "flag": (FieldType.TEXT, "char(1)"),
    "number": (FieldType.INTEGER, "integer"),
    "amount": (FieldType.DECIMAL, "numeric(12,2)"),
    "whole": (FieldType.DECIMAL, "numeric(8,0)"),
    "weight": (FieldType.FLOAT, "double precision"),
    "active": (FieldType.BOOLEAN, "boolean"),
    "born": (FieldType.DATE, "date"),
    "opens": (FieldType.TIME, "time"),
    "changed": (FieldType.TIMESTAMP, "timestamp"),
    "seen": (FieldType.INSTANT, "timestamptz"),
    "doc": (FieldType.JSON, "json"),
}

TABLE: Final = Table(
    "partner",
    tuple(Column(name, kind, name != "id", declared) for name, (kind, declared) in _DECLARED.items()),
    ("id",),
)
"""The legacy table of the examples: here it counts how wide its columns are."""


class Undone(NamedTuple):
    """Expressions that are undone alike, each with values of the field, and on which values that holds."""

    holds: str
    examples: tuple[tuple[str, Any], ...]


UNDONE: Final = (
    Undone("what fits the column", (("name", "Łódź"), ("amount", "4904.49"))),
    Undone(
        "integers; decimals that are whole; floats below 2^53",
        (("CAST(number AS TEXT)", "-7"), ("CAST(number AS DECIMAL)", "7"), ("CAST(number AS DOUBLE PRECISION)", 7.0)),
    ),
    Undone("whole numbers in plain digits", (("CAST(code AS INTEGER)", 7),)),
    Undone(
        "numbers in plain digits",
        (("CAST(code AS DECIMAL)", "12.5"), ("CAST(code AS DOUBLE PRECISION)", 0.5), ("CAST(amount AS TEXT)", "-0.5"),
         ("CAST(weight AS DECIMAL)", "0.1")),
    ),
    Undone(
        "where the column has no more digits than stay",
        (("ROUND(amount, 2)", "1.01"), ("CAST(amount AS DECIMAL(14, 2))", "1.01"), ("CAST(whole AS INTEGER)", 7),
         ("CAST(amount AS DOUBLE PRECISION)", 0.1)),
    ),
    Undone(
        "booleans",
        (("NOT active", True), ("CAST(active AS INTEGER)", 0), ("CAST(active AS TEXT)", "true"), ("CAST(number AS BOOLEAN)", True)),
    ),
    Undone(
        "dates that are written so; timestamps at midnight",
        (("CAST(code AS DATE)", "2026-11-23"), ("TO_DATE(code, 'YYYYMMDD')", "2026-11-23"), ("CAST(born AS TEXT)", "2026-11-23"),
         ("CAST(born AS TIMESTAMP)", "2026-11-23T00:00:00.000000")),
    ),
    Undone(
        "canonical texts",
        (("CAST(opens AS TEXT)", "08:30:00.000000"), ("CAST(changed AS TEXT)", "2026-11-23T23:59:59.000000"),
         ("CAST(seen AS TEXT)", "2026-11-23T23:59:59.000000Z"), ("CAST(doc AS TEXT)", "[]")),
    ),
    Undone(
        "all",
        (("changed AT TIME ZONE 'UTC'", "2026-11-23T23:59:59.000000Z"), ("seen AT TIME ZONE 'UTC'", "2026-11-23T23:59:59.000000")),
    ),
    Undone("what the column holds of it", (("number + 7", 10), ("7 - number", 10), ("-number", 10), ("amount + 0.5", "1"),
                                           ("1 - amount", "0.75"), ("-amount", "1"))),
    Undone("what is a multiple", (("number * 60", 120), ("amount * 0.01", "4904.49"))),
    Undone("codes of a map in which each has a meaning of its own", (("LOOKUP(currency, code)", "JPY"), ("LOOKUP(digits, number)", 0))),
    Undone("texts with these parts", (("'K-' || name", "K-7"), ("CONCAT('<', name, '>')", "<>"))),
    Undone("texts without blanks at that end", (("TRIM(name)", "Anna"), ("LTRIM(name)", "Anna "), ("RTRIM(flag)", "X"))),
    Undone(
        "texts of that length; of a text only where the column is no wider, of a number what leaves no doubt that it is whole",
        (("LPAD(code, 10, '0')", "0000004711"), ("LPAD(CAST(number AS TEXT), 10, '0')", "0000004711"),
         ("RPAD(code, 10, '.')", "4711......")),
    ),
    Undone("where the column is no wider", (("LEFT(code, 10)", "4711"), ("SUBSTRING(code, 1, 10)", "4711"))),
    Undone(
        "all but NULL; the constant comes back as itself",
        (("COALESCE(active, TRUE)", True), ("COALESCE(name, 'none')", "Anna")),
    ),
    Undone("all but the constant, which comes back for NULL", (("NULLIF(code, '00000000')", None),)),
    Undone(
        "the values of the table, each of one code only; without ELSE also NULL",
        (("CASE code WHEN 'M' THEN 1 WHEN 'F' THEN 2 END", 2),
         ("CASE WHEN code IS NULL THEN 'none' WHEN code = 'M' THEN 'Mr' END", "none")),
    ),
    Undone("both values", (("CASE WHEN active THEN 'Y' ELSE 'N' END", "N"),)),
)  # fmt: skip

INTRODUCTION: Final = """\
## The way back

After the cutover the new service owns the data, and functions that are still on legacy live on what comes back to it. Expressions are
therefore undone, operation by operation, wherever nothing is guessed. Whatever comes back is read forwards first: legacy gets a value only
when the mapping reads every field from it as the new service has it. A value without such a legacy value is refused, by field and value;
so is one that the column's declared type would cut or round.

`strangler plan FUNCTION` lists the fields that have no way back and why, those of which legacy may get another value that reads alike, and
the columns that are NOT NULL and that neither a field nor the database fills. None of it changes what is translated, nor the mapping's
version. A `numeric` of PostgreSQL without a scale is among those that read alike: `1.50` and `1.5` are one number, and one value
of a field. Of a row that is there only the columns are written whose fields differ; the others keep their spelling.
"""

RULES: Final = """\
- **Several fields over one column** have to agree: it gets the first value that all of them read as they are; where there is none, the
  row is refused. A field that isn't undone itself, such as `UPPER(name)` beside `name`, isn't lost then; it has to fit.
- **Constants rather than NULL.** Where both read alike the constant comes back, since the mapping says that legacy means it; NULL where the
  column can't take the constant.
- **The legacy key** comes back as it was or not at all: `CAST(code AS INTEGER)` isn't undone where `code` is of the key, since it may
  be `0000004711`.
- **Only the database knows** which characters its character set lacks, its CHECKs and foreign keys, how `jsonb` spaces JSON, and whether a
  date of MySQL that is declared NOT NULL takes NULL as a zero. It refuses them itself, or reconciliation shows them.

What isn't undone takes a `reverse:`: legacy column → expression over the entity's fields. It is checked like any other and must have the
column's type; it wins over what would be undone, may fill columns that no field reads, and is held to the same promise. One column has one.
`reverse: false` says that a field has no way back, on purpose; it is held to nothing.

```yaml
fields:
  id: id
  number:
    value: LTRIM(code, '0')
    reverse: {code: "LPAD(number, 10, '0')"}
  deleted:
    value: flag = 'X'
    reverse: {flag: "CASE WHEN deleted THEN 'X' ELSE '' END"}
  initial: {value: "LEFT(name, 1)", reverse: false}
```
"""
