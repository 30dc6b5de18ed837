"""The architecture that `docs/architecture.md` describes is the one that is there.

Who may import whom is held by import-linter (`.importlinter`, part of `make check`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
CODE = ["strangler", "connectors", "adapters", "migrations"]
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base"}

INVARIANTS = [int(number) for number in re.findall(r"^(\d+)\. \*\*", ARCHITECTURE, re.MULTILINE)]


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def cited(path: Path) -> set[int]:
    return {int(number) for number in re.findall(r"\b[Ii]nvariants? (\d+)", path.read_text())}


def test_the_invariants_are_numbered_from_1_to_9() -> None:
    assert list(range(1, 10)) == INVARIANTS


@pytest.mark.parametrize("path", list(sources(*CODE, "tests")), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_invariants_that_exist_are_cited(path: Path) -> None:
    assert cited(path) <= set(INVARIANTS)


@pytest.mark.parametrize("number", INVARIANTS)
def test_each_invariant_is_cited_where_it_is_enforced(number: int) -> None:
    assert [path for path in sources(*CODE) if number in cited(path)]


@pytest.mark.parametrize("number", INVARIANTS)
def test_each_invariant_has_a_test_that_bears_its_number(number: int) -> None:
    name = re.compile(rf"^ *(?:async )?def test_invariant_{number}_", re.MULTILINE)
    # The suites that every implementation of a port passes are tests too; they are shipped with the package.
    assert [path for path in sources("tests", "strangler/testing") if name.search(path.read_text())]


@pytest.mark.parametrize("path", list(sources(*CODE)), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_says_what_it_is_and_has_a_name_that_means_something(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree)
    assert not VAGUE & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}


def test_the_boundary_alone_makes_events_and_copies_of_stores_bring_them_back() -> None:
    made = {
        path.relative_to(ROOT / "strangler").as_posix()
        for path in sources("strangler")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and not (isinstance(node.func, ast.Name) and node.func.id == "isinstance")
        and any(isinstance(part, ast.Name) and part.id == "Event" for part in (node.func, *node.args))
    }
    assert {name for name in made if not name.startswith("testing/")} == {
        "boundary.py",
        "outcomes.py",
        "snapshots.py",
    }


def test_each_path_that_the_documents_name_is_there() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (document.name, path)
        for document in documents
        for path in re.findall(
            r"`((?:strangler|connectors|adapters|migrations|tests|docs|examples|benchmarks)/[\w./-]*)`",
            document.read_text(),
        )
    }
    assert named
    assert [each for each in sorted(named) if not (ROOT / each[1]).exists()] == []


def test_the_list_of_decisions_has_each() -> None:
    decisions = ROOT / "docs" / "decisions"
    listed = (decisions / "README.md").read_text()
    assert [page.name for page in sorted(decisions.glob("2*.md")) if f"({page.name})" not in listed] == []


def test_each_link_between_documents_leads_somewhere() -> None:
    broken = [
        (document.name, target)
        for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []
