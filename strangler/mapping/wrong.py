"""What is wrong with an expression, and how it is shown: the expression with the place marked."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A part of the expression: the first and the last character, counted from 0."""

    start: int
    end: int


class Wrong(Exception):
    """One thing that is wrong at `span` (None: nowhere in particular), and what to write `instead`."""

    def __init__(self, span: Span | None, what: str, instead: str = "") -> None:
        super().__init__(what)
        self.span, self.what, self.instead = span, what, instead

    def shown(self, expression: str) -> str:
        """The finding with the line of the expression that it is about, marked below."""
        if self.span is None:
            return f"{self.what}\n    {' '.join(expression.split())}"
        begin = expression.rfind("\n", 0, self.span.start) + 1
        line = expression[begin:].split("\n", 1)[0]
        column = self.span.start - begin
        width = max(1, min(self.span.end + 1 - begin, len(line)) - column)
        return f"{self.what}\n    {line}\n    {' ' * column}{'^' * width}"
