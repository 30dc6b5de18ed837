"""Code maps in files: what is read, and what is said of a file that can't be read, with the line in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.configuration import load
from strangler.errors import ConfigurationError
from tests.config.test_bad_input import GOOD


def configured(folder: Path, code_map: str, content: bytes) -> Path:
    (folder / "unit.csv").write_bytes(content)
    path = folder / "strangler.yaml"
    path.write_text(GOOD.replace("facade:", f"code_maps:\n  unit: {code_map}\nfacade:", 1))
    return path


@pytest.mark.parametrize(
    ("code_map", "content", "expected"),
    [
        ("{file: unit.csv}", "old,new\nST,piece\n007,\n", {"ST": "piece", "007": ""}),
        ("{file: unit.csv}", "\ufeffold,new\r\nST, piece\r\n\r\n", {"ST": " piece"}),
        ("{file: unit.csv}", 'old,new\n"a,b","say ""x""\nand y"\n1,2\n', {"a,b": 'say "x"\nand y', "1": "2"}),
        ("{file: unit.csv}", "old,new\na\u2028b,x\x0by\n", {"a\u2028b": "x\x0by"}),
        ("{file: unit.csv, from: sap, to: new}", "new,note,sap\npiece,x,ST\n", {"ST": "piece"}),
        ("{file: unit.csv, from: new}", "old,new\nST,piece\n", {"piece": "piece"}),
        ("{values: {001: EUR, 1: x}}", "", {"001": "EUR", "1": "x"}),
        ("{values: {A: 1, B: -2}}", "", {"A": 1, "B": -2}),
    ],
)
def test_what_a_code_map_holds(
    tmp_path: Path, code_map: str, content: str, expected: dict[str, object]
) -> None:
    path = configured(tmp_path, code_map, content.encode())
    assert load(path, {}).code_maps["unit"].held == expected


@pytest.mark.parametrize(
    ("code_map", "content", "key", "what", "instead"),
    [
        ("{file: unit.csv}", b"", "file", "unit.csv:1: the first line must name two columns", "code,meaning"),
        ("{file: unit.csv}", b"old;new\nST;piece\n", "file", "unit.csv:1: the first line must name two", "commas"),
        ("{file: unit.csv}", b"old,new\n", "file", "unit.csv: holds no codes", "a line for each code"),
        ("{file: unit.csv}", b"old,new,note\n", "file", "3 columns, and it isn't said which", "from: old, to: new"),
        ("{file: unit.csv}", b"a,b\nx,1\n\ny,2\nx,3\n", "file", "unit.csv:5: 'x' is here twice, first on line 2", "keep one"),
        ("{file: unit.csv}", b"a,b\nx,1,2\n", "file", "unit.csv:2: has 3 columns, and the first line names 2", "quotes"),
        ("{file: unit.csv}", b'a,b\nx,1\n"y,2\n', "file", "unit.csv:3: isn't CSV", "quotes doubled"),
        ("{file: unit.csv}", b"a,b\nx,\xe9\n", "file", "unit.csv:2: isn't text in UTF-8", "save it"),
        ("{file: unit.csv}", b"a,b\nx,\0\n", "file", "unit.csv:2: holds the character NUL", "plain text"),
        ("{file: unit.csv, from: odl}", b"old,new\n", "from", "unit.csv: has no column 'odl'", "from: old"),
        ("{file: unit.csv, to: b}", b"a,b,b\n", "file", "3 columns", "from: a"),
        ("{file: unit.csv, from: a, to: b}", b"a,b,b\n", "to", "unit.csv:1: has two columns 'b'", "a name for each"),
        ("{file: .}", b"", "file", "can't be read", "a file that may be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_told_with_its_line(
    tmp_path: Path, code_map: str, content: bytes, key: str, what: str, instead: str
) -> None:
    path = configured(tmp_path, code_map, content)
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == (str(path), 7, f"code_maps.unit.{key}")
    assert what in problem.what
    assert instead in problem.instead
