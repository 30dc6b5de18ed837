"""Code maps: what the codes of the old system mean in the new one, as plain data that the configuration hands in.

The codes are read as what they are looked up for: as text beside a text, as whole numbers beside an integer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from strangler.mapping.bad_value import BadValue, shown
from strangler.shapes import FieldType

CodeMaps = Mapping[str, Mapping[str, str | int]]
"""Name → code → meaning. The meanings of one map are all text or all integers."""

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")


class Codes(dict[Any, Any]):
    """A code map whose codes are of the type that is looked up. A code that it doesn't hold raises BadValue."""

    def __init__(self, name: str, held: Mapping[Any, str | int]) -> None:
        super().__init__(held)
        self.name = name

    def __missing__(self, code: Any) -> Any:
        raise BadValue(f"the code map {self.name!r} doesn't hold {shown(code)}")

    @property
    def type(self) -> FieldType:
        """That of its meanings."""
        return FieldType.INTEGER if isinstance(next(iter(self.values())), int) else FieldType.TEXT


def whole(code: str) -> int | None:
    """The integer of 64 bits that the code writes as integers are written, without zeros in front; None: it isn't one."""
    number = int(code) if _WHOLE.fullmatch(code) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None
