"""Python functions: from `python:` in the configuration to what mappings call. Here the user's code is imported.

A module that is a file in the function's folder is read from there, each version of the file on its own, so that two configurations, each
with a module of the same name, can be compared in one process. Any other is imported as Python does it.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from strangler.configuration.findings import Finding
from strangler.mapping.bad_value import BadValue
from strangler.mapping.python_functions import PythonFunction
from strangler.names import nearest
from strangler.settings import PythonCall, Settings
from strangler.shapes import FieldType


class _Unusable(Exception):
    """The function can't be had, for the reason that is its text; `instead` is what would do."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.instead = instead


def read(settings: Settings) -> tuple[dict[str, PythonFunction], list[Finding]]:
    """The functions by name, and what is wrong with those that can't be called; expressions can be checked with these too."""
    found, findings = {}, []
    for name, section in settings.python.items():
        try:
            function, version = _loaded(section)
        except _Unusable as error:
            findings.append(Finding(("python", name, "call"), str(error), error.instead))
            function, version = _missing, ""
        takes = tuple(map(FieldType, section.takes))
        found[name] = PythonFunction(name, takes, FieldType(section.gives), version, function)
    return found, findings


def _missing(*values: Any) -> Any:
    raise BadValue("there is no such function")


def _loaded(section: PythonCall) -> tuple[Callable[..., Any], str]:
    """The function and the version of its code."""
    module_name, _, name = section.call.partition(":")
    module = _module(module_name, section.folder)
    where = getattr(module, "__file__", None) or module_name
    function = getattr(module, name, None)
    if function is None:
        known = nearest(name, [each for each in vars(module) if not each.startswith("_")])
        raise _Unusable(
            f"{where} has no {name!r}", f"{module_name}:{known}" if known else f"def {name}(…) there"
        )
    if not callable(function):
        raise _Unusable(f"{name!r} of {where} is no function", f"def {name}(…) there")
    try:
        inspect.signature(function).bind(*section.takes)
    except TypeError as error:
        raise _Unusable(
            f"{section.call} doesn't take {len(section.takes)} values: {error}", "takes: as it does"
        ) from None
    except ValueError:
        pass  # Functions that aren't written in Python may have no signature.
    return function, _version(function, module, section.call)


def _module(name: str, folder: Path | None) -> ModuleType:
    file = folder.joinpath(*name.split(".")).with_suffix(".py") if folder else None
    try:
        if file and file.is_file():
            return _of_file(name, file, file.read_bytes())
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        what = f"there is no module {error.name!r}"
        raise _Unusable(
            what, f"{name.split('.')[0]}.py in {folder}, or a package that is installed"
        ) from None
    except Exception as error:
        raise _Unusable(
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


def _version(function: Callable[..., Any], module: ModuleType, call: str) -> str:
    """Of the source of the module that defines the function, since its constants and helpers decide with it; where there is no
    source, of the call as it is written."""
    home = inspect.getmodule(inspect.unwrap(function)) or module
    try:
        source = Path(inspect.getsourcefile(home) or "").read_bytes()
    except (OSError, TypeError):
        source = b""
    return _digest(source or call.encode())


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:12]
