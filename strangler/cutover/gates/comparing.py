"""When comparisons of answers and of effects are too old, or too few of what was asked, to be evidence."""

from __future__ import annotations

from typing import Final

COMPARED_LATELY: Final = 86_400.0
"""Seconds after which the last comparison is too old: one whole business day of an ERP is the least rhythm."""

UNCOMPARED: Final = 0.05
"""Largest share of what was sent to both sides that couldn't be compared: what it would have shown isn't known, and once new owns the
function nobody else answers it."""
