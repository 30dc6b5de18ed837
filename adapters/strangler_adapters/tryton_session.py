"""Sessions of Tryton: `Authorization: Session …` of its clients, or the cookie `tryton_session` of its web client.

Tryton is asked for the preferences of the session's user, which every user may read. What the session itself says is believed as far as
Tryton checks it: the user's id and the key. The login stands there too, and Tryton never looks at it, so it is read anew.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from strangler.errors import StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.protocol import Answer, ServiceRequest
from strangler.facade.session import Ask, Carrier, Mapped, Session, SessionOver
from strangler.identity import Identity
from strangler.routing import Asked, Values

COOKIE: Final = Carrier("cookie", cookie="tryton_session")
HEADER: Final = Carrier("authorization", scheme="Session")

LOGOUT: Final = "common.db.logout"


def connect(options: Mapping[str, Any]) -> TrytonSessions:
    """`database`: the name of Tryton's database, as it stands in its URLs. Raises StranglerError."""
    given = dict(options)
    database = given.pop("database", None)
    if given or not isinstance(database, str) or not database:
        raise StranglerError(
            "the sessions of Tryton can't be mapped by these options",
            why="they need the name of the database, and nothing else",
            do="options: {database: tryton}",
        )
    return TrytonSessions(database)


class TrytonSessions:
    """See `SessionMapping`. Roles are the names of the user's groups in English; claims are what Tryton's context has of the user."""

    # Tryton itself obeys the cookie where it has both.
    carriers = (COOKIE, HEADER)
    adds = ()

    def __init__(self, database: str) -> None:
        self._path, self._logout = f"/{database}/rpc/", f"/{database}/session/logout"

    async def mapped(self, session: Session, ask: Ask) -> Mapped:
        user = _user(session)
        preferences = await self._call(session, ask, "model.res.user.get_preferences", True)
        if not isinstance(preferences, dict):
            raise _unclear("the preferences of the user aren't an object")
        names = await self._read(session, ask, "res.user", [user], "login", "name")
        groups = preferences.get("groups") or []
        roles = await self._read(session, ask, "res.group", groups, "name") if groups else []
        claims = {key: _text(value) for key, value in preferences.items() if isinstance(value, str | int)}
        claims |= {key: str(value) for each in names for key, value in each.items() if value and key != "id"}
        return Mapped(Identity(str(user), claims, tuple(sorted(str(each["name"]) for each in roles))))

    def ends(self, asked: Asked, values: Values) -> bool:
        return values.get(("json", "method")) == LOGOUT or asked.path == self._logout

    async def _read(
        self, session: Session, ask: Ask, model: str, ids: list[int], *names: str
    ) -> list[dict[str, Any]]:
        """Records in English, whatever the user's language; none where the user may not see them."""
        found = await self._call(session, ask, f"model.{model}.read", ids, list(names))
        return found if isinstance(found, list) else []

    async def _call(self, session: Session, ask: Ask, method: str, *arguments: Any) -> Any:
        """The result; None where Tryton refuses it in its own terms."""
        body = json.dumps({"id": 0, "method": method, "params": [*arguments, {"language": "en"}]}).encode()
        headers = [*session.headers, ("content-type", "application/json"), ("accept", "application/json")]
        answer = await ask(ServiceRequest("POST", self._path, headers, body))
        if answer.status in (401, 403):
            raise SessionOver
        return _result(answer)


def _user(session: Session) -> int:
    """The id of the user that the session is of. Raises SessionOver for what Tryton wouldn't take for one either."""
    text = session.value
    try:
        if session.carrier == HEADER:
            text = base64.b64decode(text).decode()
        _, user, key = text.rsplit(":", 2)
        if not key:
            raise SessionOver
        return int(user)
    except ValueError as error:
        raise SessionOver from error


def _result(answer: Answer) -> Any:
    if answer.status != 200:
        raise _unclear(f"it answered {answer.status}")
    try:
        said = json.loads(answer.body)
    except ValueError as error:
        raise _unclear("its answer isn't JSON") from error
    if not isinstance(said, dict) or not said.keys() & {"result", "error"}:
        raise _unclear("its answer isn't one of JSON-RPC")
    return said.get("result")


def _unclear(why: str) -> Refusal:
    return Refusal(502, f"Tryton didn't say whose the session is: {why}", "http_protocol_error")


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
