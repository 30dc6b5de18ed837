"""The rows at hand: what was read of the mirror's file and what has changed since, as the changes came.

Who asks for something that isn't at hand gets it from the file, one by one; `bring` and `bring_naming` do that set-wise beforehand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from strangler.changes import UNCHANGED, Row
from strangler.mirror.file import MirrorFile
from strangler.mirror.identity import Identity
from strangler.mirror.layout import Edge, Layout

AT_HAND: Final = 100_000
"""Rows that are kept at hand from one batch to the next."""

_Ids = set[Identity]


class Rows:
    """The rows of a mirror. Belongs to one thread."""

    def __init__(self, file: MirrorFile, layout: Layout) -> None:
        self._file, self._layout = file, layout
        self._forget()

    def row(self, table: str, key: Identity) -> Row | None:
        """The row; None where there is none."""
        known = self._known[table]
        try:
            return known[key]
        except KeyError:
            self.bring(table, (key,))
            return known[key]

    def naming(self, edge: Edge, key: Identity) -> Collection[Identity]:
        """The rows that name this one by the edge."""
        found = self._naming[edge.name]
        try:
            return found[key]
        except KeyError:
            self.bring_naming(edge, (key,))
            return found[key]

    def every(self, table: str) -> list[Identity]:
        """The rows that the table has now."""
        changed = self._changed[table]
        there = [key for key in self._file.every(self._layout.tables[table]) if key not in changed]
        return there + [key for key, row in changed.items() if row is not None]

    def put(self, table: str, key: Identity, row: Row | None) -> None:
        """The row is so from now on; None: is no more."""
        before = self.row(table, key)
        self._known[table][key] = row
        self._changed[table][key] = row
        kept = self._layout.tables[table]
        if before is not None and row is not None and kept.links(before) == kept.links(row):
            return
        self._moved[table].add(key)
        for edge in kept.edges:
            was, now = None if before is None else edge.of(before), None if row is None else edge.of(row)
            self._move(edge, key, was, now)

    def bring(self, table: str, keys: Iterable[Identity]) -> None:
        """Have these rows at hand."""
        known = self._known[table]
        if missing := {key for key in keys if key not in known}:
            known.update(dict.fromkeys(missing))
            known.update(self._file.rows(self._layout.tables[table], missing))

    def bring_naming(self, edge: Edge, keys: Iterable[Identity]) -> None:
        """Know what names these rows by the edge."""
        found = self._naming[edge.name]
        if missing := {key for key in keys if key not in found}:
            changed = self._changed[edge.many.name]
            for key, many in self._file.naming(self._layout.tables[edge.many.name], edge, missing).items():
                found[key] = {each for each in many if each not in changed}
            for each, row in changed.items():
                named = None if row is None else edge.of(row)
                if named is not None and named in missing:
                    found[named].add(each)

    def write(self) -> None:
        """Hand what has changed to the file."""
        for table, rows in self._changed.items():
            if rows:
                self._file.write(self._layout.tables[table], rows, self._moved[table])
        self._changed.clear()
        self._moved.clear()
        if sum(map(len, self._known.values())) > AT_HAND:
            self._forget()

    def _forget(self) -> None:
        self._known: defaultdict[str, dict[Identity, Row | None]] = defaultdict(dict)
        self._changed: defaultdict[str, dict[Identity, Row | None]] = defaultdict(dict)
        self._moved: defaultdict[str, _Ids] = defaultdict(set)
        self._naming: defaultdict[str, dict[Identity, _Ids]] = defaultdict(dict)

    def _move(self, edge: Edge, key: Identity, before: Identity | None, now: Identity | None) -> None:
        if before == now:
            return
        found = self._naming[edge.name]
        if before is not None and before in found:
            found[before].discard(key)
        if now is not None and now in found:
            found[now].add(key)


def completed(row: Row, before: Row | None) -> Row:
    """The row with what wasn't sent, since it didn't change, as it was. Of a row that isn't known that is nothing: it will have gone
    before anything is made of it."""
    known = before or {}
    return {name: known.get(name) if value is UNCHANGED else value for name, value in row.items()}
