"""What the log and the stores need of a database, whichever it is: a session, and transactions in it.

Statements are written once for SQLite and PostgreSQL, with `?` for each parameter. Where the two differ in more than
that, the session says how.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from strangler.ports import SqlSide


class Transaction(Protocol):
    """One transaction under way. It commits when its `with` block ends and is undone when the block raises."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and take all its rows."""
        ...

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and say how many rows it wrote."""
        ...

    def script(self, statements: Iterable[str]) -> None:
        """Run statements that take no parameters."""
        ...

    def lock(self, name: str) -> None:
        """Wait for the lock of this name and hold it until the transaction ends."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        ...

    def begin_delivery(self) -> None:
        """Let triggers know, until `end_delivery`, that it isn't the service that writes."""
        ...

    def end_delivery(self) -> None:
        """To be called before the transaction ends."""
        ...


T_co = TypeVar("T_co", bound=Transaction, covariant=True)


class Session(Protocol[T_co]):
    """A connection that opens when it is first needed, and again when it was lost. Foreign errors leave it translated."""

    @property
    def each(self) -> str:
        """A FROM item that takes a JSON array as its parameter and yields the column `value`, one row an element."""
        ...

    @property
    def identity(self) -> str:
        """Declares an integer key that numbers itself."""
        ...

    @property
    def binary_text(self) -> str:
        """Declares text that sorts bytewise, as positions must."""
        ...

    @property
    def double(self) -> str:
        """Declares a float of eight bytes."""
        ...

    def transaction(self) -> AbstractContextManager[T_co]:
        """A writing transaction."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """A query of its own, over what is committed at its beginning."""
        ...

    def close(self) -> None: ...


class Side(SqlSide, Protocol):
    """A connection for reading."""

    def one_moment(self) -> AbstractContextManager[None]:
        """All queries within see the database as it was at the first of them."""
        ...
