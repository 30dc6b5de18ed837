"""Fields: what the records of a service are made of, as legacy's callers know it. Written as sources: `created: created_at | timestamp`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from strangler.errors import StranglerError, UntranslatableRequest
from strangler_adapters.protocols.contract.sources import ABSENT, Language, Scope, Taken, taken


class Field(NamedTuple):
    """One field. `label`: what is told beside the value, where the contract shows a reference as a pair."""

    name: str
    field: str
    to_service: Taken
    to_legacy: Taken
    label: Taken | None

    def told(self, item: Mapping[str, Any]) -> Any:
        """Its value of a service's record. Raises UntranslatableRequest."""
        value = self.to_legacy.value(Scope(item))
        if self.label is None or value is ABSENT or value == self.to_legacy.nothing:
            return value
        return [value, self.label.value(Scope(item))]


class Fields:
    """All fields by name."""

    def __init__(self, written: Mapping[str, str | list[str]], language: Language) -> None:
        self._fields = {name: _field(name, each, language) for name, each in written.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def known(self, names: Iterable[Any]) -> list[Field]:
        """The fields of these names. Raises UntranslatableRequest for a name that there isn't, or for none at all."""
        wanted = list(names)
        unknown = [str(name) for name in wanted if not isinstance(name, str) or name not in self._fields]
        if unknown or not wanted:
            raise UntranslatableRequest(
                f"fields that the new service doesn't have: {', '.join(unknown) or 'all of them, since none is named'}",
                why=f"it has {', '.join(self._fields)}",
            )
        return [self._fields[name] for name in wanted]

    def all(self) -> list[Field]:
        return list(self._fields.values())

    def values(self, values: Any) -> dict[str, Any]:
        """A record's values as the service takes them. Raises UntranslatableRequest."""
        if not isinstance(values, dict):
            raise UntranslatableRequest("values must be an object")
        told: dict[str, Any] = {}
        for field in self.known(values) if values else ():
            if field.field in told:
                raise UntranslatableRequest(
                    f"two fields of the call are one in the new service: {field.field}"
                )
            told[field.field] = self.value(field, values[field.name])
        return told

    def value(self, field: Field, value: Any) -> Any:
        """One value as the service takes it. Raises UntranslatableRequest, naming the field as its caller does."""
        try:
            return field.to_service.converted(value)
        except UntranslatableRequest as error:
            raise UntranslatableRequest(
                f"the value of {field.name} can't be put to the new service as {field.to_service.written}",
                why=error.why or error.what,
            ) from error


def record(item: Any, fields: Iterable[Field]) -> dict[str, Any]:
    """A service's record as legacy's callers know it. Raises UntranslatableRequest."""
    if not isinstance(item, dict):
        raise UntranslatableRequest("a record of the new service is no JSON object")
    told = {field.name: field.told(item) for field in fields}
    return {name: value for name, value in told.items() if value is not ABSENT}


def _field(name: str, written: str | list[str], language: Language) -> Field:
    """Raises StranglerError."""
    value, label = (written, None) if isinstance(written, str) else (written[0], written[1])
    read, write = taken(value, language, "read", True), taken(value, language, "write", True)
    if len(read.path) != 1:
        raise StranglerError(
            f"field {name}: {value!r} must name a field of the service", do=f"{name}: {name}"
        )
    beside = None if label is None else taken(label, language, "write", True)
    return Field(name, read.path[0], read, write, beside)
