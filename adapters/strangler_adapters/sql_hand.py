"""The hand: a store changed beside its rows; see `strangler.ports.Hand`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strangler_adapters.sql_session import Session, Transaction


class SqlHand:
    """See `Hand`. The session is its own."""

    def __init__(self, dialect: str, session: Session[Transaction]) -> None:
        self.dialect, self._session = dialect, session

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self._session.rows(sql)

    def do(self, statements: Sequence[str]) -> None:
        with self._session.transaction() as transaction:
            transaction.script(statements)

    def close(self) -> None:
        self._session.close()
