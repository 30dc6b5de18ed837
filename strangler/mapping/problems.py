"""What is wrong with an entity's mapping, gathered: whoever corrects it is told everything at once."""

from __future__ import annotations

from strangler.errors import MappingError, Problem
from strangler.mapping.code_maps import CodeMaps
from strangler.mapping.nodes import Node
from strangler.mapping.python_functions import PythonFunctions
from strangler.mapping.typing import check
from strangler.mapping.wrong import Wrong
from strangler.shapes import FieldType, Table


class Problems:
    """Collects what is wrong, each with its path below `path`."""

    def __init__(self, path: str, code_maps: CodeMaps, functions: PythonFunctions) -> None:
        self._path, self.code_maps, self.functions = path, code_maps, functions
        self._found: list[Problem] = []

    def below(self, path: str) -> Problems:
        """Problems of a part: what is added there is here too."""
        part = Problems(f"{self._path}.{path}", self.code_maps, self.functions)
        part._found = self._found
        return part

    def add(self, path: str, what: str, instead: str = "") -> None:
        self._found.append(Problem("", None, f"{self._path}.{path}", what, instead))

    def checked(self, path: str, expression: str, table: Table, two_rows: bool = False) -> Node | None:
        """The checked expression; None when something is wrong with it, which is then noted."""
        try:
            return check(expression, table, self.code_maps, two_rows, self.functions)
        except Wrong as wrong:
            self.add(path, wrong.shown(expression), wrong.instead)
            return None

    def condition(self, path: str, expression: str, table: Table, two_rows: bool = False) -> Node | None:
        """The same of an expression that must be a condition."""
        node = self.checked(path, expression, table, two_rows)
        if node is not None and node.type is not FieldType.BOOLEAN:
            self.add(path, f"this is {node.type.value}, not a condition\n    {expression}", "a comparison")
        return node

    def raise_if_any(self) -> None:
        if self._found:
            raise MappingError.of(self._found)
