"""Files that commands write, where the user asked for them."""

from __future__ import annotations

from pathlib import Path

from strangler.errors import StranglerError


def write(path: Path, text: str, what: str) -> None:
    """Write the text, and make the folder if it isn't there. Raises StranglerError, which says `what` can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StranglerError(
            f"{what} can't be written to {path}",
            why=error.strerror or str(error),
            do="name another place with --output",
        ) from error
