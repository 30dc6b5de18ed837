"""Writing an aggregate to legacy: its root's row and its lines become what new has, by the inverse of the mapping.

Only the columns that the mapping fills are written, and of a row that is there only those whose fields differ: what legacy has spelled in
its own way, and new never touched, stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler.changes import Row
from strangler.errors import SourceError, Untranslatable
from strangler.events import encode_key
from strangler.mapping import EntityMapping
from strangler.ports import LegacyTransaction
from strangler.returning import rows

Data = Mapping[str, Any]


def lock(transaction: LegacyTransaction, mapping: EntityMapping, key: Data) -> Row | None:
    """The root's legacy row of the aggregate with this key, locked with all that stands under it; None where there is none.

    Raises Untranslatable where the key can't be brought back.
    """
    found = _locked(transaction, mapping, rows.by_key(mapping, key, transaction.dialect))
    if found is not None:
        _lock_below(transaction, mapping, found)
    return found


def write(
    transaction: LegacyTransaction,
    mapping: EntityMapping,
    row: Row | None,
    legacy: Data | None,
    new: Data | None,
) -> None:
    """Make the aggregate what `new` says; `row` is its root's, locked, `legacy` what the mapping makes of it now.

    Raises Untranslatable for what has no way back, SourceError for what the database refuses.
    """
    _Writing(transaction).write(mapping, row, legacy, new, {}, {})


class _Writing:
    def __init__(self, transaction: LegacyTransaction) -> None:
        self._transaction, self._dialect = transaction, transaction.dialect

    def write(
        self,
        mapping: EntityMapping,
        row: Row | None,
        legacy: Data | None,
        new: Data | None,
        above: Data,
        linked: Row,
    ) -> None:
        """A row and what stands under it. `above` is the key of what it stands under itself, `linked` the columns that say so."""
        if new is None:
            if row is not None:
                self._write_below(mapping, row, legacy, None, above)
                self._run(rows.deleting(mapping.table, _key(mapping, row), self._dialect))
            return
        if row is None:
            made = self._made(mapping, new, above, linked)
            self._run(rows.inserting(mapping.table, made, self._dialect))
            row = self._inserted(mapping, made, new, linked)
        elif changed := self._changed(mapping, legacy or {}, new, above, linked):
            self._run(rows.updating(mapping.table, _key(mapping, row), changed, self._dialect))
        self._write_below(mapping, row, legacy, new, above)

    def _made(self, mapping: EntityMapping, data: Data, above: Data, linked: Row) -> Row:
        return {**mapping.inverse.row({**data, **above}, self._dialect), **linked}

    def _changed(self, mapping: EntityMapping, legacy: Data, new: Data, above: Data, linked: Row) -> Row:
        """The columns that change: those of the fields that differ where these lead back alone, otherwise those that the inverse makes
        otherwise of both states."""
        fields = {name: value for name, value in new.items() if name not in legacy or legacy[name] != value}
        try:
            return mapping.inverse.row(fields, self._dialect)
        except Untranslatable as alone:
            try:
                made = self._made(mapping, new, above, linked)
            except Untranslatable:
                raise alone from None  # It says what is wrong with what the service changed.
        known = self._known(mapping, legacy, above, linked)
        return {name: value for name, value in made.items() if name not in known or known[name] != value}

    def _known(self, mapping: EntityMapping, legacy: Data, above: Data, linked: Row) -> Row:
        """What the inverse makes of legacy's own state; nothing where that has no way back: then all is written."""
        try:
            return self._made(mapping, legacy, above, linked)
        except Untranslatable:
            return {}

    def _inserted(self, mapping: EntityMapping, made: Row, new: Data, linked: Row) -> Row:
        """The row that was just inserted, with the key that the database gave it."""
        by = {name: made[name] for name in mapping.table.key if name in made}
        if len(by) < len(mapping.table.key):
            by = {**rows.by_key(mapping, new, self._dialect), **linked}
        found = _locked(self._transaction, mapping, by)
        if found is None:
            what = f"{mapping.table.name}: a row that was inserted isn't there"
            raise SourceError(what, why="a trigger or a rule of the database keeps it away")
        return found

    def _write_below(
        self, mapping: EntityMapping, row: Row, legacy: Data | None, new: Data | None, above: Data
    ) -> None:
        data = {**(new or legacy or {}), **above}
        key = {name: data[name] for name in mapping.shape.key}
        for child in mapping.children:
            linked = rows.links(child.mapping, row)
            theirs, ours = _lines(child.mapping, legacy, child.name), _lines(child.mapping, new, child.name)
            for each in (*(theirs.keys() - ours.keys()), *ours):  # What goes makes room.
                was, now = theirs.get(each), ours.get(each)
                if was != now:
                    found = was and self._line(child.mapping, was, linked)
                    self.write(child.mapping, found, was, now, key, linked)

    def _line(self, mapping: EntityMapping, line: Data, linked: Row) -> Row | None:
        where = {**rows.by_key(mapping, line, self._dialect), **linked}
        return _locked(self._transaction, mapping, where)

    def _run(self, statement: rows.Statement) -> None:
        self._transaction.run(*statement)


def _lock_below(transaction: LegacyTransaction, mapping: EntityMapping, row: Row) -> None:
    for child in mapping.children:
        for found in _rows(transaction, child.mapping, rows.links(child.mapping, row)):
            _lock_below(transaction, child.mapping, found)


def _locked(transaction: LegacyTransaction, mapping: EntityMapping, where: Row) -> Row | None:
    found = _rows(transaction, mapping, where)
    if len(found) > 1:
        what = f"{len(found)} rows of {mapping.table.name} are one {mapping.shape.entity}"
        raise SourceError(what, why=f"they have the same {', '.join(where)}")
    return found[0] if found else None


def _rows(transaction: LegacyTransaction, mapping: EntityMapping, where: Row) -> list[Row]:
    names = rows.told_by(mapping)
    found = transaction.run(*rows.locking(mapping.table, names, where, transaction.dialect))
    return [dict(zip(names, row, strict=True)) for row in found]


def _key(mapping: EntityMapping, row: Row) -> Row:
    return {name: row[name] for name in mapping.table.key}


def _lines(mapping: EntityMapping, data: Data | None, name: str) -> dict[str, Data]:
    """By the encoded key of each."""
    own = rows.own_key(mapping)
    return {encode_key([line[each] for each in own]): line for line in (data[name] if data else ())}
