"""Code maps: read from the files that the configuration names, with the file's line for each thing that is wrong there."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from strangler.configuration.findings import Finding
from strangler.names import nearest
from strangler.settings import CodeMap


class _Unreadable(Exception):
    """The file as a whole, or one line of it, is wrong."""

    def __init__(self, what: str, instead: str, line: int | None = None, key: str = "file") -> None:
        super().__init__(what)
        self.what, self.instead, self.line, self.key = what, instead, line, key


class _Columns(NamedTuple):
    """How many there are, and which hold codes and meanings."""

    width: int
    codes: int
    meanings: int


def read(code_maps: Mapping[str, CodeMap], folder: Path) -> tuple[dict[str, CodeMap], list[Finding]]:
    """The code maps with what their files hold, and everything that is wrong with these. `folder` is the configuration's."""
    complete, findings = dict(code_maps), []
    for name, code_map in code_maps.items():
        if code_map.file is None or code_map.values is not None:
            continue
        path = folder / code_map.file.expanduser()
        try:
            complete[name] = code_map.model_copy(update={"values": _held(path, code_map)})
        except _Unreadable as wrong:
            place = f"{code_map.file}:{wrong.line}" if wrong.line else str(code_map.file)
            findings.append(Finding(("code_maps", name, wrong.key), f"{place}: {wrong.what}", wrong.instead))
    return complete, findings


def _held(path: Path, code_map: CodeMap) -> dict[str, str]:
    lines = _lines(path)
    _, head = next(lines, (1, []))
    columns = _columns(head, code_map)
    held: dict[str, str] = {}
    first: dict[str, int] = {}
    for number, cells in lines:
        if len(cells) != columns.width:
            what = f"has {len(cells)} columns, and the first line names {columns.width}"
            raise _Unreadable(what, "quotes around a text with a comma in it", number)
        code = cells[columns.codes]
        if code in held:
            raise _Unreadable(
                f"{code!r} is here twice, first on line {first[code]}", "keep one of the two", number
            )
        held[code], first[code] = cells[columns.meanings], number
    if not held:
        raise _Unreadable("holds no codes", "a line for each code")
    return held


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines that aren't empty, with their numbers."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise _Unreadable("there is no such file", f"a CSV file at {path}") from None
    except OSError as error:
        raise _Unreadable(f"can't be read: {error.strerror}", "a file that may be read") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _Unreadable("isn't text in UTF-8", "save it as UTF-8", line) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise _Unreadable("holds the character NUL", "plain text", line)
    rows = csv.reader(StringIO(text, newline=""), strict=True)
    begin = 1
    try:
        for cells in rows:
            if cells:
                yield begin, cells
            begin = rows.line_num + 1
    except csv.Error as error:
        raise _Unreadable(
            f"isn't CSV: {error}", 'quotes doubled within quotes: "so ""called"""', begin
        ) from None


def _columns(head: list[str], code_map: CodeMap) -> _Columns:
    """Raises _Unreadable when the first line doesn't say which columns are meant."""
    if len(head) < 2:
        hint = "commas between the columns" if ";" in "".join(head) else "a first line like: code,meaning"
        raise _Unreadable("the first line must name two columns", hint, 1)
    if len(head) > 2 and not (code_map.from_ and code_map.to):
        what = f"has {len(head)} columns, and it isn't said which are meant"
        raise _Unreadable(what, f"from: {head[0]}, to: {head[1]}")
    return _Columns(
        len(head),
        _column(head, "from", code_map.from_ or head[0]),
        _column(head, "to", code_map.to or head[1]),
    )


def _column(head: list[str], key: str, name: str) -> int:
    if name not in head:
        known = nearest(name, head) or f"one of: {', '.join(head)}"
        raise _Unreadable(f"has no column {name!r}", f"{key}: {known}", key=key)
    if head.count(name) > 1:
        raise _Unreadable(f"has two columns {name!r}", "a name for each column", 1, key)
    return head.index(name)
