"""The rules of typing, by what they are about: from the parser's node to an operation of the language, by its arguments' types."""

from __future__ import annotations

from typing import Final

from strangler.mapping.rules import (
    basic,
    codes,
    logic,
    moments,
    numbers,
    python_functions,
    regular,
    surrogates,
    text,
)
from strangler.mapping.scope import Rules

RULES: Final[Rules] = {
    **basic.RULES, **text.RULES, **numbers.RULES, **logic.RULES, **moments.RULES, **codes.RULES, **regular.RULES,
    **surrogates.RULES, **python_functions.RULES,
}  # fmt: skip
"""By the parser's class; what isn't here isn't in the language."""
