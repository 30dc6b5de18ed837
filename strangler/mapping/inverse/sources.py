"""Where a legacy column gets its value from: fields that lead back to it, or an expression of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from strangler.changes import UNCHANGED
from strangler.errors import Untranslatable
from strangler.mapping import python
from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.inverse.fitting import fit
from strangler.mapping.inverse.reverse import Fill
from strangler.mapping.inverse.ways import Way
from strangler.mapping.nodes import columns
from strangler.mapping.reading import read
from strangler.mapping.rows import Named
from strangler.mapping.sqlite_values import decode_stored
from strangler.shapes import FieldType

Data = Mapping[str, Any]
"""Field → canonical value."""


class Reading:
    """A field read forwards, as the mapping reads it."""

    def __init__(self, entity: str, field: Named) -> None:
        self.field, self._entity = field, entity
        self.columns = columns(field.node)
        self._function = python.function_of(
            field.node, canonical=True, filename=f"<inverse of {entity}.{field.name}>"
        )

    def require(self, made: Mapping[str, Any], data: Data) -> None:
        """Raise Untranslatable unless the row reads as the field is; a field that is absent may read as it likes."""
        if self.field.name not in data:
            return
        legacy = ", ".join(f"{each.name} = {shown(made[each.name])}" for each in self.columns) or "every row"
        try:
            theirs = self._function(*[read(each, made[each.name]) for each in self.columns])
        except python.FAILURES as error:
            raise refused(self._entity, self.field.name, data, f"{legacy} can't be read: {error}") from None
        if not _alike(theirs, data[self.field.name]):
            raise refused(self._entity, self.field.name, data, f"{legacy} would be read as {shown(theirs)}")


class Back(NamedTuple):
    """A field that leads back to a column."""

    field: Named
    way: Way


class Backwards:
    """A column that fields lead back to. It gets the first value that every field over this column alone reads as it is."""

    def __init__(self, entity: str, backs: Sequence[Back], readings: Sequence[Reading]) -> None:
        self.column = backs[0].way.column
        self._entity, self._backs, self._readings = entity, backs, readings

    def value(self, data: Data, dialect: str) -> Any:
        """The column's value; UNCHANGED when its fields are absent. Raises Untranslatable."""
        given = [back for back in self._backs if back.field.name in data]
        if not given:
            return UNCHANGED
        complaint = None
        for back, candidate in self._candidates(given, data):
            try:
                self._require(back, candidate, data, dialect)
            except Untranslatable as error:
                complaint = complaint or error
            else:
                return candidate
        why = f"{self.column.name} has no value that would be read so"
        raise complaint or refused(self._entity, given[0].field.name, data, why)

    def _candidates(self, given: Sequence[Back], data: Data) -> Iterator[tuple[Back, Any]]:
        for back in given:
            value = field_value(self._entity, back.field, data)
            yield from ((back, candidate) for candidate in back.way.back(value))

    def _require(self, back: Back, candidate: Any, data: Data, dialect: str) -> None:
        try:
            fit(self.column, candidate, dialect)
        except BadValue as error:
            raise refused(self._entity, back.field.name, data, str(error)) from None
        for reading in self._readings:
            reading.require({self.column.name: candidate}, data)


class Said:
    """A column that a `reverse:` fills."""

    def __init__(self, entity: str, fill: Fill, fields: Mapping[str, Named]) -> None:
        self.column, self._entity, self._field = fill.column, entity, fill.field
        self._uses = [fields[each.name] for each in columns(fill.node)]
        self._function = python.function_of(
            fill.node, canonical=False, filename=f"<reverse of {entity}.{fill.field}>"
        )

    def value(self, data: Data, dialect: str) -> Any:
        """The column's value; UNCHANGED when all of its fields are absent. Raises Untranslatable."""
        absent = [field.name for field in self._uses if field.name not in data]
        if absent and len(absent) == len(self._uses):
            return UNCHANGED
        if absent:
            raise refused(self._entity, self._field, data, f"{', '.join(absent)} wasn't sent with it")
        try:
            made = self._function(*[field_value(self._entity, field, data) for field in self._uses])
            fit(self.column, made, dialect)
        except python.FAILURES as error:
            raise refused(self._entity, self._field, data, str(error)) from None
        return made


def field_value(entity: str, field: Named, data: Data) -> Any:
    """The value of the field as expressions see it. Raises Untranslatable when it isn't canonical."""
    value, kind = data[field.name], field.node.type
    try:
        if isinstance(value, bool) is not (kind is FieldType.BOOLEAN) and value is not None:
            raise BadValue(f"{shown(value)} is no {kind.value}")
        return decode_stored(kind, value)
    except BadValue as error:
        raise refused(entity, field.name, data, str(error)) from None


def refused(entity: str, field: str, data: Data, why: str) -> Untranslatable:
    given = f" is {shown(data[field])}, which" if field in data else ""
    return Untranslatable(
        f"{entity}.{field}{given} can't be brought back to legacy",
        why=why,
        do="correct it in the new service, or say with `reverse:` of the field what legacy gets",
    )


def _alike(theirs: Any, ours: Any) -> bool:
    return bool(theirs == ours) and isinstance(theirs, bool) is isinstance(ours, bool)
