"""Snapshots: copies of what a function's store holds, as files in the data directory.

A snapshot is a folder with `manifest.json` and `contents.jsonl.gz`: a line for each row, removal and waiting event, which is an event
without what a store doesn't need. It is written beside and renamed when it is whole, so that what can be listed is whole; what became
of it since is told by its checksum. It has all that the store has: only its owner may read it.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from strangler.aggregates import whole
from strangler.changes import Position
from strangler.errors import StoreError
from strangler.events import Effect, Event
from strangler.ports import Mark
from strangler.shapes import Shape

_MANIFEST: Final = "manifest.json"
_CONTENTS: Final = "contents.jsonl.gz"
_BESIDE: Final = ".part-"

_LEVEL: Final = 4
"""Of compression: beyond it, it takes twice the time for a few percent."""

_ABANDONED_AFTER: Final = 3600.0
"""Seconds without a write after which a part is what a killed process left behind."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot says of itself. `mappings`: entity → version of the mapping that made its rows. `marks`: how far each
    reader was. `rows`: entity → how many, of an aggregate those of its root. `at` in seconds since the epoch; `bytes` are those of
    the compressed contents.
    """

    folder: Path
    store: str
    function: str
    at: float
    mappings: Mapping[str, str]
    marks: tuple[Mark, ...]
    rows: Mapping[str, int]
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return self.folder.name

    def mark(self, reader: str) -> Mark | None:
        return next((mark for mark in self.marks if mark.reader == reader), None)

    def verify(self) -> None:
        """Raise StoreError where the contents aren't what was written."""
        with _reading(self):
            found = _digest(self.folder / _CONTENTS)
        if found != self.sha256:
            raise StoreError(
                f"the snapshot {self.folder} isn't what was written",
                why=f"the checksum of its contents is {found}, not {self.sha256}",
                do="delete it, and take another one",
            )

    def events(self) -> Iterator[Event]:
        """What it holds, as `ServiceStore.image` told it."""
        with _reading(self), gzip.open(self.folder / _CONTENTS, "rb") as lines:
            for line in lines:
                entity, effect, key, position, data = orjson.loads(line)
                yield Event("", self.function, entity, Effect(effect), key, Position(position), 0.0, "", data)


def write(
    root: Path,
    store: str,
    shapes: Sequence[Shape],
    mappings: Mapping[str, str],
    marks: Sequence[Mark],
    events: Iterable[Event],
) -> Snapshot:
    """Write a snapshot of the function of these shapes; whole, or not at all."""
    at = time.time()
    function = shapes[0].function
    parent = _parent(root, store, function)
    name = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    beside = parent / f"{_BESIDE}{name}"
    with _writing(parent):
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _clear(parent)
        beside.mkdir(mode=0o700)
        try:
            rows = _write_contents(beside / _CONTENTS, shapes, events)
            manifest = {
                "format": 1,
                "store": store,
                "function": function,
                "at": at,
                "mappings": mappings,
                "shapes": {shape.entity: _described(shape) for shape in shapes},
                "marks": [list(mark) for mark in marks],
                "rows": rows,
                "bytes": (beside / _CONTENTS).stat().st_size,
                "sha256": _digest(beside / _CONTENTS),
            }
            _write(beside / _MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
            beside.rename(parent / name)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        _settle(parent)
    return read(parent / name)


def listed(root: Path, store: str, function: str) -> list[Snapshot]:
    """The snapshots of a function, the oldest first."""
    folders = sorted(_parent(root, store, function).glob(f"[!.]*/{_MANIFEST}"))
    return [read(manifest.parent) for manifest in folders]


def read(folder: Path) -> Snapshot:
    """The snapshot in a folder. Raises StoreError where its manifest can't be understood."""
    try:
        said = orjson.loads((folder / _MANIFEST).read_bytes())
        marks = tuple(Mark(reader, at, Position(position)) for reader, at, position in said["marks"])
        named = {
            name: said[name] for name in ("store", "function", "at", "mappings", "rows", "bytes", "sha256")
        }
        return Snapshot(folder=folder, marks=marks, **named)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"the snapshot {folder} can't be read", why=f"its {_MANIFEST}: {error}", do="delete it"
        ) from error


def keep(root: Path, store: str, function: str, count: int) -> list[Snapshot]:
    """Delete all but the newest `count`; which ones."""
    found = listed(root, store, function)
    old = found[: max(0, len(found) - count)]
    for snapshot in old:
        with _writing(snapshot.folder):
            # Out of the list at once: half of one must not be found.
            away = snapshot.folder.with_name(f"{_BESIDE}{snapshot.name}")
            snapshot.folder.rename(away)
            shutil.rmtree(away)
    return old


def _parent(root: Path, store: str, function: str) -> Path:
    return root / "snapshots" / store / function


def _write_contents(path: Path, shapes: Sequence[Shape], events: Iterable[Event]) -> dict[str, int]:
    is_whole = {shape.entity: whole(shape) for shape in shapes}
    rows: Counter[str] = Counter(dict.fromkeys(is_whole, 0))
    with path.open("xb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as lines:
            for event in events:
                line = (event.entity, event.effect, event.key, event.position, event.data)
                lines.write(orjson.dumps(line) + b"\n")
                rows[event.entity] += is_whole[event.entity](event.data)
        os.fsync(file.fileno())
    return dict(rows)


def _described(shape: Shape) -> dict[str, Any]:
    fields = {field.name: field.type for field in shape.fields}
    children = {name: _described(child) for name, child in shape.children}
    return {
        "table": shape.table,
        "key": shape.key,
        "fields": fields,
        **({"children": children} if children else {}),
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(parent: Path) -> None:
    """Remove what killed processes left."""
    for part in parent.glob(f"{_BESIDE}*"):
        newest = max((path.stat().st_mtime for path in (part, *part.iterdir())), default=0.0)
        if time.time() - newest > _ABANDONED_AFTER:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"snapshots can't be written in {folder}",
            why=str(error),
            do="see that there is room and that this user may write there, or name another `data_dir`",
        ) from error


@contextmanager
def _reading(snapshot: Snapshot) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError) as error:
        raise StoreError(
            f"the snapshot {snapshot.folder} can't be read",
            why=str(error),
            do="delete it, and take another one",
        ) from error
