"""Own modules: code of the user's, found by `module:name` as the configuration writes it.

A module that is a file in the folder is read from there, each version of the file on its own, so that two configurations, each
with a module of the same name, can be compared in one process. Any other is imported as Python does it.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from strangler.names import nearest


class Unusable(Exception):
    """It can't be had, for the reason that is its text; `instead` is what would do."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.instead = instead


class Found(NamedTuple):
    """What stands under a name of a module, and where that is."""

    value: Any
    module: ModuleType

    @property
    def where(self) -> str:
        return getattr(self.module, "__file__", None) or self.module.__name__


def find(call: str, folder: Path | None, written: str) -> Found:
    """What `module:name` stands for. `written` is how it would be written, with `{}` for its name. Raises Unusable."""
    module_name, _, name = call.partition(":")
    module = _module(module_name, folder)
    found = Found(getattr(module, name, None), module)
    if found.value is None:
        known = nearest(name, [each for each in vars(module) if not each.startswith("_")])
        instead = f"{module_name}:{known}" if known else f"{written.format(name)} there"
        raise Unusable(f"{found.where} has no {name!r}", instead)
    return found


def version(found: Found, call: str) -> str:
    """Of the source of the module that defines it, since its constants and helpers decide with it; where there is no source, of the
    call as it is written."""
    home = inspect.getmodule(inspect.unwrap(found.value)) or found.module
    try:
        source = Path(inspect.getsourcefile(home) or "").read_bytes()
    except (OSError, TypeError):
        source = b""
    return _digest(source or call.encode())


def _module(name: str, folder: Path | None) -> ModuleType:
    file = folder.joinpath(*name.split(".")).with_suffix(".py") if folder else None
    try:
        if file and file.is_file():
            return _of_file(name, file, file.read_bytes())
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        what = f"there is no module {error.name!r}"
        raise Unusable(what, f"{name.split('.')[0]}.py in {folder}, or a package that is installed") from None
    except Exception as error:
        raise Unusable(
            f"module {name!r} can't be imported: {type(error).__name__}: {error}", "correct it"
        ) from error


@cache
def _of_file(name: str, file: Path, source: bytes) -> ModuleType:
    """The module of this very source."""
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # for what it imports itself
    spec = spec_from_file_location(f"strangler_python_{_digest(source)}_{name.rpartition('.')[2]}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look for theirs there
    exec(compile(source, str(file), "exec"), vars(module))
    return module


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:12]
