"""Folder: where a proxy finds its exported files, all of which change at once.

The folder's name is a link to the version that is in use, beside it: `strangler -> strangler.7-x2k9`. A proxy that is started at any
moment reads one version, never a mixture of two, whose tables wouldn't fit each other.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from strangler.errors import StranglerError


class Folder:
    """A link at `path` to one of the versions beside it. Raises StranglerError when something else is there."""

    def __init__(self, path: Path) -> None:
        # Not `resolve`: the link itself is what changes.
        self.path = Path(os.path.abspath(path))
        if self.path.exists() and not self.path.is_symlink():
            raise StranglerError(
                f"{self.path} is there already, and isn't a link",
                why="files of a folder can't be replaced all at once; a link to it can",
                do=f"mv {self.path} {self.path}.before, or name another folder with --output",
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the folder meanwhile. Raises StranglerError when somebody does."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StranglerError(
                    f"another process keeps {self.path} already",
                    why=f"it holds {lock.name}",
                    do="let one of them follow, and stop the other",
                ) from error
            yield

    @property
    def version(self) -> Path | None:
        """The version in use; None before the first."""
        return self.path.parent / self.path.readlink() if self.path.is_symlink() else None

    def put(self, files: Mapping[str, str], label: str) -> Path | None:
        """Write a new version, whose name has the label, and use it; gives the one that was used before. Raises StranglerError."""
        before = self.version
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=f"{self.path.name}.{label}-", dir=self.path.parent))
            made.chmod(0o755)
            for name, text in files.items():
                (made / name).write_text(text, encoding="utf-8")
            self.use(made)
        except OSError as error:
            raise StranglerError(
                f"the configuration can't be written to {self.path}",
                why=error.strerror or str(error),
                do="name another place with --output",
            ) from error
        return before

    def use(self, version: Path | None) -> None:
        """Let the link lead to a version, or to none."""
        if version is None:
            self.path.unlink(missing_ok=True)
            return
        link = self.path.with_name(f".{self.path.name}-{secrets.token_hex(4)}")
        link.symlink_to(version.name)
        link.replace(self.path)

    def drop(self, version: Path | None) -> None:
        """Remove a version that nobody reads any more."""
        if version is not None and version != self.version:
            with suppress(OSError):
                shutil.rmtree(version)
