"""A bundle: the ledger, or what was added to it behind an entry, as two files, in a folder or a .zip.

`entries.jsonl` has the canonical line of each entry, `manifest.json` what the whole must come to, `manifest.json.sig` a
signature of the manifest where a key was given. docs/ledger.md describes the format and has the program with which it is checked: it
is part of the promise, so nothing changes here that isn't changed there, under another `FORMAT`.

It is written beside its place, and put there when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import orjson

from strangler import __version__
from strangler.control import ledger
from strangler.control.store import Control
from strangler.durations import moment
from strangler.errors import Refused, StranglerError

FORMAT: Final = "strangler-ledger/1"
ENTRIES: Final = "entries.jsonl"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.json.sig"

Sign = Callable[[bytes], bytes]
Opener = Callable[[str], IO[bytes]]
"""Opens a file of the bundle, to be written."""


class Exported(NamedTuple):
    """What was written: how many entries, the hash of the last, and what is wrong with the chain ("" for nothing)."""

    entries: int
    head: str
    problem: str


@dataclass
class _Sum:
    """What a manifest says of the lines that went by."""

    previous: str
    head: str = ""
    first: ledger.Link | None = None
    last: ledger.Link | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)
    problem: str = ""

    def add(self, link: ledger.Link) -> bytes:
        """Count an entry; the bytes of its line."""
        line = link.line + b"\n"
        self.first, self.last, self.head = self.first or link, link, link.hash
        self.kinds[link.kind] += 1
        self.digest.update(line)
        self.problem = self.problem or link.problem
        return line

    def manifest(self, name: str, actor: str, at: float) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "software": f"strangler {__version__}",
            "migration": name,
            "exported_at": moment(at),
            "exported_by": actor,
            "entries": self.kinds.total(),
            "first": self.first and {"seq": self.first.seq, "at": moment(self.first.at)},
            "last": self.last and {"seq": self.last.seq, "at": moment(self.last.at)},
            "kinds": dict(sorted(self.kinds.items())),
            "previous": self.previous,
            "head": self.head or self.previous,
            "sha256": self.digest.hexdigest(),
        } | ({"problem": self.problem} if self.problem else {})


def export(
    control: Control,
    path: Path,
    *,
    name: str,
    actor: str,
    at: float,
    after: int = 0,
    sign: Sign | None = None,
) -> Exported:
    """Write the entries behind `after` to `path`: a .zip if it is called so, a folder otherwise. `name` is the migration's.

    A chain that is broken is written as it is, for it is evidence, and the manifest says where. Raises Refused where something
    is already, or there is no entry `after`; StranglerError where nothing can be written.
    """
    if path.exists():
        raise Refused(f"{path} is there already", do="name another place: a bundle is never written over")
    with control.read():  # One state for the entry that it goes on from, and for those behind it.
        total = _Sum(_previous(control, after))
        with _written(path) as opened:
            with opened(ENTRIES) as out:
                for link in ledger.links(control, after):
                    out.write(total.add(link))
            manifest = orjson.dumps(total.manifest(name, actor, at), option=orjson.OPT_INDENT_2) + b"\n"
            _put(opened, MANIFEST, manifest)
            if sign is not None:
                _put(opened, SIGNATURE, sign(manifest))
    return Exported(total.kinds.total(), total.head or total.previous, total.problem)


def _previous(control: Control, after: int) -> str:
    if not after:
        return ledger.GENESIS
    entry = ledger.get(control, after)
    if entry is None:
        raise Refused(f"the ledger has no entry {after}", do="strangler ledger show lists the last ones")
    return entry.hash


def _put(opened: Opener, name: str, content: bytes) -> None:
    with opened(name) as out:
        out.write(content)


@contextmanager
def _written(path: Path) -> Iterator[Opener]:
    """Where the files go; there when all of it went well, and not at all otherwise."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _packed(beside) if path.suffix == ".zip" else _in_folder(beside) as opened:
            yield opened
        beside.rename(path)
    except OSError as error:
        raise StranglerError(
            f"the ledger can't be written to {path}",
            why=error.strerror or str(error),
            do="name another place",
        ) from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        beside.unlink(missing_ok=True)


@contextmanager
def _packed(path: Path) -> Iterator[Opener]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        yield lambda name: archive.open(name, "w", force_zip64=True)


def _in_folder(path: Path) -> nullcontext[Opener]:
    path.mkdir()
    return nullcontext(lambda name: (path / name).open("wb"))
