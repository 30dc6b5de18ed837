"""The port of what tests expectations: plain data in, plain data out, since it runs in a process of its own.

Implementations are found by entry point (`strangler.checkers`). They see relations by stand-ins, and get their SQL beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from strangler.settings import CheckedSide, Severity


class Test(StrEnum):
    """What is tested. NULL passes every test but the first."""

    NOT_NULL = "not null"
    UNIQUE = "unique"
    IN_SET = "in set"
    BETWEEN = "between"
    MATCHES = "matches"
    NO_ROWS = "no rows"
    """A query over the relation finds nothing; what it finds are the examples."""
    COUNT = "count"
    """How many rows the relation has."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that is tested of a relation. `number` is its own within the run, `words` says it to people.

    `values` of IN_SET, `least` and `most` (None: no bound) of BETWEEN and COUNT, `pattern` of MATCHES as the database's engine reads
    it, `query` of NO_ROWS with `{batch}` for the relation. `mostly` is the share of the values for which it has to hold.
    """

    number: int
    test: Test
    fields: tuple[str, ...]
    words: str
    severity: Severity
    mostly: float = 1.0
    values: tuple[Any, ...] = ()
    least: Any = None
    most: Any = None
    pattern: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is expected of one relation, which goes by the name `relation` in SQL. `title` names it to people, `key` are the fields that
    name a row of it, `hidden` those whose values nobody may see."""

    title: str
    relation: str
    key: tuple[str, ...]
    hidden: frozenset[str]
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be tested in one database. `dialect` is sqlglot's name, `relations` has the SQL of each by the name that it goes by;
    `samples` is how many rows are given as examples."""

    function: str
    side: CheckedSide
    dialect: str
    url: str = field(repr=False)
    relations: Mapping[str, str]
    batches: tuple[Batch, ...]
    samples: int


class Verdict(StrEnum):
    """What came of a test."""

    PASSED = "passed"
    FAILED = "failed"
    UNMADE = "unmade"
    """It couldn't be made, which is no pass."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of one expectation. `rows` were looked at, `unexpected` of them fail (of COUNT neither: None); `observed` is a figure in
    words; `samples` are rows that fail, by field, without what is hidden; `reason` says why it couldn't be made."""

    number: int
    verdict: Verdict
    rows: int | None = None
    unexpected: int | None = None
    observed: str = ""
    samples: tuple[Mapping[str, Any], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """All that came of a batch, in the checker's own form: what its site is made from. Nothing hidden is in it."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order."""

    tested: tuple[Tested, ...]
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A document of a recorded run; `at` in seconds since the epoch."""

    run: int
    function: str
    side: str
    at: float
    document: Document


class Checker(Protocol):
    """Tests expectations. May be slow to load; is used by one thread of a process."""

    def test(self, order: Order) -> Answer:
        """Test everything that is ordered. What can't be tested is `UNMADE` with the reason; nothing is raised for it."""
        ...

    def site(self, shown: tuple[Shown, ...], folder: Path) -> Path:
        """Make the site of these documents anew in the folder; the page to begin with."""
        ...
