"""The hook that builds a compiled wheel: what it takes, what it gives, and what it says where it can't."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from strangler.facade.compiled import WITNESS

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
HOOK: dict[str, Any] = SETTINGS["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
FILES = [f"{module.replace('.', '/')}.py" for module in HOOK["modules"]]

COMPILE = """
import sys, hatch_build
from pathlib import Path
print(sorted(hatch_build.inside(hatch_build.compile_into(Path(sys.argv[1]), ["tiny/double.py"])).values()))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one small module to compile."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\n")
    (tmp_path / "tiny" / "double.py").write_text("def double(number: int) -> int:\n    return 2 * number\n")
    return tmp_path


def compiling(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMPILE, "made"]
    told = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(command, cwd=project, env=told, capture_output=True, text=True, check=False)


def test_it_is_off_unless_it_is_switched_on() -> None:
    assert HOOK["enable-by-default"] is False


def test_an_editable_install_is_never_compiled(tmp_path: Path) -> None:
    hook: Any = hatch_build.CompiledHook(str(tmp_path), HOOK, *[None] * 4)  # type: ignore[arg-type]
    told = {"pure_python": True, "force_include": {}}
    hook.initialize("editable", told)
    hook.finalize("editable", told, "")
    assert told == {"pure_python": True, "force_include": {}}


def test_what_is_asked_whether_it_is_compiled_is_among_the_compiled() -> None:
    assert WITNESS in HOOK["modules"]


def test_every_module_is_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert hatch_build.files_of(HOOK["modules"]) == FILES
    assert HOOK["modules"] == sorted(set(HOOK["modules"]))


def test_a_module_that_isnt_there_is_named() -> None:
    with pytest.raises(SystemExit, match=r"there is no strangler/facade/nothing\.py"):
        hatch_build.files_of(["strangler.facade.nothing"])


@pytest.mark.parametrize("file", FILES)
def test_what_is_compiled_has_no_coroutine(file: str) -> None:
    """In compiled ones the exception that was handled last stays alive, with all that it saw."""
    tree = ast.walk(ast.parse((ROOT / file).read_text()))
    assert not [node for node in tree if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


@pytest.mark.parametrize("file", FILES)
def test_no_slice_of_what_is_compiled_has_a_call_within(file: str) -> None:
    """Compiled it may be made twice."""
    slices = [node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.Slice)]
    assert not [node for each in slices for node in ast.walk(each) if isinstance(node, ast.Call)]


def test_the_library_and_the_module_lie_where_python_looks_for_them(project: Path) -> None:
    told = compiling(project)
    assert told.returncode == 0, told.stdout + told.stderr
    library, module = ast.literal_eval(told.stdout.splitlines()[-1])
    assert library.startswith("strangler__mypyc.")
    assert module.startswith("tiny/double.")
    found = "from tiny import double; print(double.__file__, double.double(21))"
    told = subprocess.run(
        [sys.executable, "-c", found],
        cwd=project / "made" / "lib",
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(project / "made" / "lib" / module), "42"]
    assert sorted(each.name for each in project.rglob("*.py")) == ["__init__.py", "double.py"]
    assert sorted(each.name for each in project.iterdir()) == ["made", "pyproject.toml", "tiny"]


def test_without_a_compiler_it_says_what_to_install(project: Path) -> None:
    told = compiling(project, CC=str(project / "no-compiler"))
    assert told.returncode == 1
    assert "strangler couldn't be compiled" in told.stderr
    assert "apt-get install gcc libc6-dev python3-dev" in told.stderr
    assert "Traceback" not in told.stderr


def test_what_mypyc_doesnt_take_is_said_with_its_place(project: Path) -> None:
    (project / "tiny" / "double.py").write_text('def double(number: int) -> int:\n    return "2"\n')
    told = compiling(project)
    assert told.returncode == 1
    assert "tiny/double.py:2: error" in told.stdout
    assert "strangler couldn't be compiled" in told.stderr
