"""T-SQL and Oracle: what a mapping is written as there for people, and what isn't sure to mean the same and isn't said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlglot
from sqlglot.errors import SqlglotError

from strangler.mapping import EntityMapping, compile_entity, sql
from strangler.mapping.dialects import DIALECTS, TRANSPILED, Inexpressible
from strangler.mapping.explained import CODE_MAPS, SECTIONS, TABLE
from strangler.mapping.language import OPERATIONS
from strangler.mapping.limits import Verdict, limit, limits
from strangler.mapping.typing import check
from strangler.mapping.written import WRITERS, written_out
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

_SIZES = {"amount": "decimal(10, 2)", "fee": "decimal(38, 10)"}
SIZED = replace(
    TABLE,
    columns=(
        *(replace(each, declared=_SIZES.get(each.name, each.declared)) for each in TABLE.columns),
        Column("state", FieldType.TEXT, False, "char(4)"),
        Column("opened", FieldType.TIMESTAMP, True, "datetime2"),
    ),
)

EXAMPLES = [
    (name, expression)
    for name in TRANSPILED
    for listed in SECTIONS.values()
    for explained in listed
    for expression in dict.fromkeys(example.expression for example in explained.examples)
    if limit(explained, name).verdict in (Verdict.TRANSPILED, Verdict.PARTLY)
    and expression not in limit(explained, name).why
]


def value(expression: str, dialect: str) -> str:
    node = check(expression, SIZED, CODE_MAPS)
    return WRITERS[dialect].value(node, sql.write(node, WRITERS[dialect]).value)


def why(expression: str, dialect: str) -> str:
    with pytest.raises(Inexpressible) as caught:
        value(expression, dialect)
    return str(caught.value)


@pytest.mark.parametrize("dialect", TRANSPILED)
def test_every_operation_of_the_language_has_one_verdict(dialect: str) -> None:
    """A new operation has to be written, or refused with a reason, before this passes."""
    writer = TRANSPILED[dialect]
    told = [*writer.fixed, *writer.made, *writer.refused, "in_list"]
    assert sorted(told) == sorted({*OPERATIONS, "concat", "in_list", "surrogate"})
    assert all(writer.refused.values())


def test_every_operation_of_the_reference_has_a_limit_in_every_dialect() -> None:
    for explained, found in limits():
        assert list(found) == list(WRITERS), explained.written
        for dialect, each in found.items():
            assert (each.verdict in (Verdict.PARTLY, Verdict.NONE)) == bool(each.why)
            if not any("Python function" in why for why in each.why.values()):
                assert (dialect in DIALECTS) == (each.verdict is Verdict.EXACT)


@pytest.mark.parametrize(("dialect", "expression"), EXAMPLES)
def test_what_is_written_is_sql_of_the_dialect(dialect: str, expression: str) -> None:
    made = mapping({"id": "id", "value": expression, "other": "code"})
    select = written_out(made.plan, dialect).select
    assert select is not None
    try:
        (parsed,) = sqlglot.parse(select, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise AssertionError(f"{select}\n{error}") from None
    assert parsed is not None
    assert parsed.find(sqlglot.exp.Command) is None
    assert [each.alias for each in parsed.expressions] == ["id", "value", "other"]


def mapping(fields: dict[str, str], table: Table | None = None, **more: Any) -> EntityMapping:
    entity = Entity.model_validate({"table": "partner", "key": "id", "fields": fields} | more)
    return compile_entity("crm", "partner", entity, table or _sized_for_all(), CODE_MAPS)


def _sized_for_all() -> Table:
    declared = {FieldType.DECIMAL: "decimal(10, 2)", FieldType.TIME: "time(6)"}
    columns = (replace(each, declared=declared.get(each.type, each.declared)) for each in TABLE.columns)
    return replace(TABLE, columns=tuple(columns))


BINARY = "(CAST({} AS nvarchar(max)) COLLATE Latin1_General_BIN2)"
BLANK = f"""({BINARY.format("COALESCE([name], N'')")} + COALESCE([city], N''))"""
COUNTED = "(CAST({} AS nvarchar(max)) COLLATE Latin1_General_100_CS_AS_SC)"


@pytest.mark.parametrize(
    ("expression", "tsql", "oracle"),
    [
        ("name", "[name]", '"name"'),
        ("state", "RTRIM([state])", 'RTRIM("state")'),
        ("active", "[active]", '"active"'),
        ("NOT active", "CASE WHEN (NOT ([active] = 1)) THEN 1 WHEN NOT (NOT ([active] = 1)) THEN 0 END",
         'CASE WHEN (NOT ("active" = 1)) THEN 1 WHEN NOT (NOT ("active" = 1)) THEN 0 END'),
        ("CASE WHEN active THEN 'Y' ELSE 'N' END", "CASE WHEN ([active] = 1) THEN N'Y' ELSE N'N' END",
         "CASE WHEN (\"active\" = 1) THEN 'Y' ELSE 'N' END"),
        ("COALESCE(active, FALSE)",
         "CASE WHEN (COALESCE([active], 0) = 1) THEN 1 WHEN NOT (COALESCE([active], 0) = 1) THEN 0 END",
         "CASE WHEN (COALESCE(\"active\", 0) = 1) THEN 1 WHEN NOT (COALESCE(\"active\", 0) = 1) THEN 0 END"),
        ("CASE WHEN code = 'x' THEN 1 ELSE 2 END", f"CASE WHEN (({BINARY.format('[code]')} + N'.') = N'x.') THEN 1 ELSE 2 END",
         "CASE WHEN (\"code\" = 'x') THEN 1 ELSE 2 END"),
        ("LENGTH(name)", f"(LEN({COUNTED.format('[name]')} + N'.') - 1)", 'LENGTH4("name")'),
        ("LEFT(name, 3)", f"(LEFT({COUNTED.format('[name]')}, 3) COLLATE Latin1_General_BIN2)", 'SUBSTR4("name", 1, 3)'),
        ("SUBSTRING(name, 0, 3)", f"(SUBSTRING({COUNTED.format('[name]')}, 1, 2) COLLATE Latin1_General_BIN2)",
         'SUBSTR4("name", 1, 2)'),
        ("RIGHT(name, 2)", f"(RIGHT({COUNTED.format('[name]')}, 2) COLLATE Latin1_General_BIN2)",
         'CASE WHEN LENGTH4("name") <= 2 THEN "name" ELSE SUBSTR4("name", -2) END'),
        ("UPPER(name)", f"TRANSLATE({BINARY.format('[name]')}, N'abcdefghijklmnopqrstuvwxyz', N'ABCDEFGHIJKLMNOPQRSTUVWXYZ')",
         "TRANSLATE(\"name\", 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')"),
        ("LTRIM(code, '0')", f"LTRIM({BINARY.format('[code]')}, N'0')", "LTRIM(\"code\", '0')"),
        ("name || '!'", f"({BINARY.format('[name]')} + N'!')", "CASE WHEN \"name\" IS NOT NULL THEN \"name\" || '!' END"),
        ("CONCAT(name, city)", BLANK,
         '("name" || "city")'),
        ("CASE WHEN name = '{}' THEN 1 ELSE 2 END", f"CASE WHEN (({BINARY.format('[name]')} + N'.') = N'{{}}.') THEN 1 ELSE 2 END",
         "CASE WHEN (\"name\" = '{}') THEN 1 ELSE 2 END"),
        ("code IN ('a', '{0}')", f"CASE WHEN (({BINARY.format('[code]')} + N'.') IN (N'a.', N'{{0}}.')) THEN 1 WHEN NOT"
         f" (({BINARY.format('[code]')} + N'.') IN (N'a.', N'{{0}}.')) THEN 0 END",
         "CASE WHEN (\"code\" IN ('a', '{0}')) THEN 1 WHEN NOT (\"code\" IN ('a', '{0}')) THEN 0 END"),
        ("amount + 1", "CAST(([amount] + CAST(1 AS DECIMAL(1, 0))) AS DECIMAL(11, 2))", '("amount" + (1))'),
        ("amount * 0.01", "CAST(([amount] * CAST(0.01 AS DECIMAL(3, 2))) AS DECIMAL(13, 4))", '("amount" * (0.01))'),
        ("ROUND(amount, 1)", "CAST(ROUND(CAST([amount] AS DECIMAL(11, 2)), 1) AS DECIMAL(10, 1))", 'ROUND("amount", 1)'),
        ("ROUND(amount, 3)", "[amount]", 'ROUND("amount", 3)'),
        ("NULLIF(quantity, 0)", "NULLIF([quantity], 0)", 'NULLIF("quantity", 0)'),
        ("NULLIF(code, '')", f"CASE WHEN ({BINARY.format('[code]')} + N'.') = N'.' THEN NULL ELSE [code] END", '"code"'),
        ("LOOKUP(currency, code, NULL)", f"CASE ({BINARY.format('[code]')} + N'.') WHEN N'001.' THEN N'EUR' WHEN N'002.' THEN N'JPY' END",
         "CASE \"code\" WHEN '001' THEN 'EUR' WHEN '002' THEN 'JPY' END"),
        ("EXTRACT(HOUR FROM changed)", "DATEPART(hour, [changed])", 'EXTRACT(HOUR FROM CAST("changed" AS TIMESTAMP))'),
        ("CASE WHEN born < '2000-01-01' THEN 1 ELSE 2 END", "CASE WHEN ([born] < CAST(N'2000-01-01' AS date)) THEN 1 ELSE 2 END",
         "CASE WHEN (\"born\" < DATE '2000-01-01') THEN 1 ELSE 2 END"),
        ("CASE WHEN weight > 0.5 THEN 1 ELSE 2 END", "CASE WHEN ([weight] > (0.5e0)) THEN 1 ELSE 2 END",
         'CASE WHEN ("weight" > (0.5d)) THEN 1 ELSE 2 END'),
        ("seen AT TIME ZONE 'UTC'", "CAST(SWITCHOFFSET([seen], N'+00:00') AS datetime2(6))", 'SYS_EXTRACT_UTC("seen")'),
        ("CAST(born AS TEXT)", "((CONVERT(nvarchar(10), [born], 23)) COLLATE Latin1_General_BIN2)", "TO_CHAR(\"born\", 'YYYY-MM-DD')"),
        ("CAST(quantity AS TEXT)", "((CAST([quantity] AS nvarchar(20))) COLLATE Latin1_General_BIN2)", 'TO_CHAR("quantity")'),
        ("MOD(quantity, 3)", "CAST(CAST([quantity] AS decimal(38, 0)) % 3 AS bigint)", 'MOD("quantity", 3)'),
    ],
)  # fmt: skip
def test_what_an_expression_is_written_as(expression: str, tsql: str, oracle: str) -> None:
    assert value(expression, "tsql") == tsql
    assert value(expression, "oracle") == oracle


@pytest.mark.parametrize(
    ("expression", "dialect", "says"),
    [
        ("name < city", "tsql", "orders texts with blanks behind"),
        ("name < city", "oracle", "needn't be the order of code points"),
        ("REGEXP_LIKE(name, 'a')", "tsql", "no regular expressions"),
        ("REGEXP_REPLACE(name, 'a', '')", "oracle", "depends on the session"),
        (
            "amount * fee",
            "tsql",
            "may need 36 digits before the point and 12 after it; SQL Server computes with 38",
        ),
        ("amount * fee", "oracle", "Oracle computes with 38"),
        (
            "CASE WHEN fee > 123456789012345678901234567890.5 THEN 1 END",
            "tsql",
            "SQL Server computes with 38",
        ),
        ("COALESCE(fee, 123456789012345678901234567890.5)", "tsql", "SQL Server computes with 38"),
        ("CAST(weight AS DECIMAL)", "oracle", "the last digit of a float"),
        ("CASE WHEN weight > 0.1 THEN 1 END", "tsql", "whether 0.1 is read as the same float"),
        ("TRIM(BOTH code FROM name)", "tsql", "constant characters only"),
        ("TRIM(BOTH '\N{GRINNING FACE}' FROM name)", "tsql", "up to U+FFFF"),
        ("LPAD(name, 9, code)", "oracle", "a constant text to fill with"),
        ("LPAD(name, 2000, '0')", "oracle", "fill to 1,000 characters"),
        ("REPLACE(name, code, '')", "oracle", "constant texts only"),
        ("opens", "oracle", "no type for a time of the day"),
        ("doc", "tsql", "no JSON"),
        ("opened", "tsql", "opened has seven digits of a second"),
    ],
)
def test_what_is_not_sure_to_mean_the_same_is_not_said(expression: str, dialect: str, says: str) -> None:
    assert says in why(expression, dialect)


@pytest.mark.parametrize(
    "expression",
    [
        "code = ''",
        "code IN ('', 'a')",
        "TRIM(name) IS NULL",
        "TRIM(name) = 'a'",
        "state = 'a'",
        "LENGTH(REPLACE(name, 'a', ''))",
        "name || TRIM(city)",
        "COALESCE(TRIM(name), city)",
        "NULLIF(TRIM(name), 'a')",
        "LPAD(LTRIM(code, '0'), 10, '0')",
        "CAST(TRIM(code) AS INTEGER)",
        "LOOKUP(currency, SUBSTRING(code, 2, 3))",
        "CONCAT(name, city) IS NULL",
        "LEFT(name, 0) = city",
    ],
)
def test_an_answer_that_hangs_on_the_empty_text_is_not_said_in_oracle(expression: str) -> None:
    assert "NULL in Oracle" in why(expression, "oracle")


@pytest.mark.parametrize(
    "expression",
    [
        "NULLIF(TRIM(name), '') IS NULL",
        "UPPER(name) = 'A'",
        "CAST(NULLIF(TRIM(code), '') AS INTEGER)",
        "CONCAT('P', code) = 'P1'",
        "LPAD(NULLIF(LTRIM(code, '0'), ''), 10, '0')",
        "UPPER(TRIM(name))",
        "COALESCE(NULLIF(TRIM(name), ''), city, '')",
    ],
)
def test_an_answer_that_does_not_is(expression: str) -> None:
    assert value(expression, "oracle")


def test_a_choice_between_constants_is_not_compared_with_blanks_added_in_oracle() -> None:
    written = value("CASE active WHEN TRUE THEN 'a' ELSE 'b ' END = name", "oracle")
    assert "CAST(CASE WHEN" in written
    assert "AS VARCHAR2(4000)" in written


def test_a_decimal_whose_size_is_not_declared_is_not_computed_with() -> None:
    node = check("amount + 1", TABLE, CODE_MAPS)
    for dialect in TRANSPILED.values():
        with pytest.raises(Inexpressible, match="how many digits amount has isn't declared"):
            sql.write(node, dialect)


def test_a_field_that_may_become_empty_is_noted_in_oracle_and_nowhere_else() -> None:
    plan = mapping({"id": "id", "name": "TRIM(name)", "city": "city"}).plan
    assert [(each.what, each.why) for each in written_out(plan, "oracle").notes] == [
        ("name", "an empty text comes as NULL")
    ]
    assert not any(written_out(plan, each).notes for each in WRITERS if each != "oracle")


def test_a_key_that_may_become_empty_is_not_said_in_oracle() -> None:
    plan = mapping({"id": "id", "code": "TRIM(code)"}, key=["id", "code"]).plan
    (unsaid,) = written_out(plan, "oracle").unsaid
    assert (unsaid.what, "part of the key" in unsaid.why) == ("code", True)
    select = written_out(plan, "tsql").select
    assert select is not None
    assert select.endswith(f"WHERE (TRIM({BINARY.format('[code]')}) IS NOT NULL)")


def test_rows_that_cannot_be_translated_and_rows_of_no_entity_are_not_selected() -> None:
    plan = mapping({"id": "id", "number": "CAST(code AS INTEGER)"}, where="city <> 'x'").plan
    select = written_out(plan, "tsql").select
    assert select is not None
    shown, condition = select.split("\nWHERE ")
    assert shown.endswith("AS [number]\nFROM [partner]")
    first, second = condition.split("\n  AND ")
    assert first == f"((({BINARY.format('[city]')} + N'.') <> N'x.'))"
    assert second.startswith("(([code] IS NULL OR (CASE WHEN LEN(")


def test_no_database_is_asked_in_a_dialect_that_is_only_transpiled() -> None:
    made = mapping({"id": "id", "name": "name"})
    for dialect, writer in TRANSPILED.items():
        select = made.select(dialect)
        assert select.pushed is None
        assert f"written out in {writer.title} for people only" in select.why
        assert written_out(made.plan, dialect).unsaid == ()
