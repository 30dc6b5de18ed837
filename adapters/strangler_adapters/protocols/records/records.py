"""The records of a service: reading, searching, counting, creating, changing, removing, as steps."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, ServiceRequest
from strangler_adapters.protocols.contract import exact, problems
from strangler_adapters.protocols.records.search import Search

PAGE: Final = 1000
"""Records asked for at once when legacy's caller wants all."""

_JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))
_READ: Final = (("accept", "application/json"),)

Asking = Generator[ServiceRequest, Answer, Any]


class Refusing(Exception):
    """The service didn't do it. `done`: of several records so many were done before."""

    def __init__(self, answer: Answer, done: int = 0) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer, self.done = answer, done


class Records:
    """A collection under a path. `id` is the service's field of the key; `batch` the most records of one write. Its generators raise
    Refusing and UntranslatableRequest."""

    def __init__(self, path: str, id: str, batch: int) -> None:
        self._path, self._id, self._batch = path.rstrip("/"), id, batch

    def read(self, ids: Sequence[Any]) -> Asking:
        """The records of these keys, by key. None are asked for none, since a service might take an empty `ids` for no condition."""
        if not ids:
            return {}
        answer = yield self._by_ids(ids)
        _check_asked(answer)
        return {self.identity(item): item for item in _items(answer)}

    def search(self, search: Search, offset: int, limit: int | None) -> Asking:
        """A list of records."""
        if search.ids is not None:
            found = yield from self._named(search)
            return found[offset : None if limit is None else offset + limit]
        return (yield from self._gather(search, offset, limit))

    def count(self, search: Search) -> Asking:
        """How many records a search finds."""
        if search.ids is not None:
            return len((yield from self._named(search)))
        answer = yield ServiceRequest("GET", search.target(self._path, 1, 0), _READ)
        _check_asked(answer)
        return _total(answer)

    def create(self, records: Sequence[dict[str, Any]]) -> Asking:
        """The created records, each by a call of its own."""
        bodies = [_written(values) for values in self._bounded(records)]
        created: list[Any] = []
        for body in bodies:
            answer = yield ServiceRequest("POST", self._path, _JSON, body)
            _check(answer, len(created))
            created.append(_record(answer))
        return created

    def change(self, ids: Sequence[Any], values: dict[str, Any]) -> Asking:
        return (yield from self._each("PATCH", ids, _JSON, _written(values)))

    def remove(self, ids: Sequence[Any]) -> Asking:
        return (yield from self._each("DELETE", ids, _READ, b""))

    def identity(self, item: Any) -> Any:
        """The key of a record as the service gave it. Raises UntranslatableRequest."""
        try:
            identity = item[self._id]
            hash(identity)
            return identity
        except (KeyError, TypeError) as error:
            raise UntranslatableRequest(f"the new service gave a record without its {self._id}") from error

    def _gather(self, search: Search, offset: int, limit: int | None) -> Asking:
        """Page by page until all that is wanted is there; the service may give fewer at once than asked."""
        items: list[Any] = []
        while True:
            page = PAGE if limit is None else min(PAGE, limit - len(items))
            answer = yield ServiceRequest("GET", search.target(self._path, page, offset + len(items)), _READ)
            _check_asked(answer)
            more = _items(answer)
            items += more
            left = max(_total(answer) - offset, 0)
            if len(items) >= (left if limit is None else min(limit, left)) or not more:
                return items

    def _named(self, search: Search) -> Asking:
        """The service gives exactly the records that are named; what else is asked of them is seen to here."""
        found = yield from self.read(search.ids or ())
        return sorted(filter(search.takes, found.values()), key=self.identity, reverse=search.descending)

    def _each(self, verb: str, ids: Sequence[Any], headers: Any, body: bytes) -> Asking:
        for done, id in enumerate(self._bounded(ids)):
            answer = yield ServiceRequest(verb, f"{self._path}/{_quoted(id)}", headers, body)
            _check(answer, done)
        return None

    def _bounded(self, records: Sequence[Any]) -> Sequence[Any]:
        if len(records) > self._batch:
            raise UntranslatableRequest(
                f"{len(records)} records at once can't be put to the new service, {self._batch} can",
                why="each record is a call of its own, so a batch wouldn't be all or nothing as it is in legacy",
                do="send fewer at once, or raise protocol.options.batch if that is acceptable",
            )
        return records

    def _by_ids(self, ids: Iterable[Any]) -> ServiceRequest:
        return ServiceRequest("GET", f"{self._path}?ids={','.join(map(_quoted, ids))}", _READ)


def _quoted(id: Any) -> str:
    shown = str(id)
    if shown in ("", ".", "..") or "," in shown:
        raise UntranslatableRequest(f"{shown[:60]!r} can't be the key of a record of the new service")
    try:
        return quote(shown, safe="")
    except UnicodeEncodeError as error:
        raise UntranslatableRequest("half of a surrogate pair can't be a key") from error


def _written(values: Any) -> bytes:
    try:
        return exact.written(values)
    except ValueError as error:
        raise UntranslatableRequest("the values can't be written as JSON", why=str(error)) from error


def _check(answer: Answer, done: int = 0) -> None:
    if not problems.done(answer):
        raise Refusing(answer, done)


def _check_asked(answer: Answer) -> None:
    """A query that the service refuses, or answers with a redirect, is one that it can't be asked."""
    if answer.status in (400, 422) or 300 <= answer.status < 400:
        said = problems.trouble(answer)
        raise UntranslatableRequest(f"the new service can't be asked this: {said.detail or said.title}")
    _check(answer)


def _record(answer: Answer) -> dict[str, Any]:
    told: Any = problems.told(answer)
    if not isinstance(told, dict):
        raise UntranslatableRequest("the new service's answer is no JSON object")
    return told


def _items(answer: Answer) -> list[dict[str, Any]]:
    found: Any = _record(answer).get("items")
    if not isinstance(found, list):
        raise UntranslatableRequest("the new service's answer has no items")
    return found


def _total(answer: Answer) -> int:
    found: Any = _record(answer).get("total")
    if not isinstance(found, int):
        raise UntranslatableRequest("the new service's answer has no total")
    return found
