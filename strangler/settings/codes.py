"""Code maps and Python functions that expressions may name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from strangler.settings.section import Section


def _as_meaning(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'neither a text nor a whole number: write "{value}" (quotes make it a text)')
    return value


Meaning = Annotated[
    Any, AfterValidator(_as_meaning), WithJsonSchema({"type": ["string", "integer"]}, mode="validation")
]
"""What a code means: a text or a whole number."""


class CodeMap(Section):
    """What the codes of the old system mean in the new one: `LOOKUP(currency, code)` in an expression. Either `values`, or a `file`, or
    a `table` of the legacy database."""

    values: dict[str, Meaning] | None = Field(
        None,
        description="Code → what it means: texts, or whole numbers all of them. `001` and `1` differ.",
        min_length=1,
    )
    file: Path | None = Field(
        None,
        description="CSV in UTF-8 with commas, whose first line names the columns; relative to the configuration file. "
        "What it holds is text.",
    )
    table: str | None = Field(
        None,
        description="A table of the source of the function that uses the map, `name` or `schema.name`; of at most 100,000 rows, read "
        "when a process compiles its mappings. For one that changes in daily work use `join`.",
    )
    from_: str | None = Field(
        None,
        alias="from",
        description="The column of the codes. Of a file by default the first of two; of a table an expression over its columns.",
    )
    to: str | None = Field(
        None,
        description="The column of what they mean. Of a file by default the second of two; of a table an expression.",
    )
    where: str | None = Field(
        None, description="SQL condition over the table's columns: which rows count, e.g. spras = 'E'."
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def held(self) -> dict[str, str | int]:
        """Code → what it means; of a file too, once the configuration is loaded. What is in a table isn't known here."""
        return self.values or {}


def as_call(value: str) -> str:
    """`module:name`, as it is written. Raises ValueError."""
    module, _, function = value.partition(":")
    if not all(each.isidentifier() for each in (*module.split("."), function)):
        raise ValueError("not a module and a name in it: write my_module:my_name")
    return value


TypeName = Literal[
    "text", "integer", "decimal", "float", "boolean", "date", "time", "timestamp", "instant", "bytes", "json",
]  # fmt: skip


class PythonCall(Section):
    """A Python function of your own, which expressions call by the name that it stands under. It must depend on its arguments alone.
    See docs/expressions.md."""

    call: Annotated[str, AfterValidator(as_call)] = Field(
        description="`module:function`. A file of that name in `folder`, or a module that is installed."
    )
    takes: list[TypeName] = Field(description="The types of its arguments, in order.", min_length=1)
    gives: TypeName = Field(description="The type of what it returns; None is NULL.")
    folder: Path | None = Field(
        None, description="Where the module's file is; by default the folder of the configuration file."
    )
