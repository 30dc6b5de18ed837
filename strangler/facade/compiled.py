"""Compiled: whether the facade installed here runs compiled what nearly every call passes through, or as plain Python.

The files are the same and so is what they do; a wheel that was built compiled has extension modules beside them, which Python takes first.
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from typing import Final

WITNESS: Final = "strangler.facade.plain"
"""A module that is among the compiled ones; a build compiles all of them or none."""


@cache
def is_compiled(module: str = WITNESS) -> bool:
    """Whether a module is an extension; it is looked up, not imported. False where there is none of that name."""
    found = find_spec(module)
    return found is not None and (found.origin or "").endswith(tuple(EXTENSION_SUFFIXES))
