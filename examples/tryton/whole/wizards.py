"""Tryton's buttons and wizards by RPC: what its client does when somebody clicks through one."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from examples.tryton.rpc import Fault, Session

WARNING = "UserWarning"


def press(session: Session, button: str, id: int) -> None:
    """Press a record's button, `account.invoice.post`. Warnings are answered with yes. Raises Fault when Tryton refuses."""
    try:
        session.model(button, [id])
    except Fault as refusal:
        if refusal.name != WARNING:
            raise
        _say_yes(session, refusal)
        press(session, button, id)


class Wizard:
    """One run of a wizard: `with Wizard(session, "party.replace") as wizard: wizard.go("replace", ask={…})`."""

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name = session, name
        self._data: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        self._run, *_ = self._call("create")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call("delete", self._run)

    def go(self, state: str, **filled: dict[str, Any]) -> dict[str, Any]:
        """Go on to a state, with what was filled into the views on the way. Warnings are answered with yes.

        Gives what is shown next. Raises Fault when Tryton refuses.
        """
        self._data |= filled
        try:
            shown: dict[str, Any] = self._call("execute", self._run, self._data, state)
        except Fault as refusal:
            if refusal.name != WARNING:
                raise
            _say_yes(self._session, refusal)
            return self.go(state)
        return shown

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._session.call(f"wizard.{self._name}.{method}", *arguments, self._session.context)


def _say_yes(session: Session, warning: Fault) -> None:
    (user,) = session.model("res.user.search", [["login", "=", "admin"]])
    session.model("res.user.warning.create", [{"user": user, "name": warning.details[0], "always": False}])
