"""Python functions: from `python:` in the configuration to what mappings call. Here the user's code is imported."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from strangler.configuration.findings import Finding
from strangler.mapping.bad_value import BadValue
from strangler.mapping.python_functions import PythonFunction
from strangler.own_modules import Unusable, find, version
from strangler.settings import PythonCall, Settings
from strangler.shapes import FieldType


def read(settings: Settings) -> tuple[dict[str, PythonFunction], list[Finding]]:
    """The functions by name, and what is wrong with those that can't be called; expressions can be checked with these too."""
    found, findings = {}, []
    for name, section in settings.python.items():
        try:
            function, code = _loaded(section)
        except Unusable as error:
            findings.append(Finding(("python", name, "call"), str(error), error.instead))
            function, code = _missing, ""
        takes = tuple(map(FieldType, section.takes))
        found[name] = PythonFunction(name, takes, FieldType(section.gives), code, function)
    return found, findings


def _missing(*values: Any) -> Any:
    raise BadValue("there is no such function")


def _loaded(section: PythonCall) -> tuple[Callable[..., Any], str]:
    """The function and the version of its code."""
    found, name = find(section.call, section.folder, "def {}(…)"), section.call.partition(":")[2]
    if not callable(found.value):
        raise Unusable(f"{name!r} of {found.where} is no function", f"def {name}(…) there")
    try:
        inspect.signature(found.value).bind(*section.takes)
    except TypeError as error:
        raise Unusable(
            f"{section.call} doesn't take {len(section.takes)} values: {error}", "takes: as it does"
        ) from None
    except ValueError:
        pass  # Functions that aren't written in Python may have no signature.
    return found.value, version(found, section.call)
