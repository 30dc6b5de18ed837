"""A stand-in for Tryton on a real socket: it keeps sessions as Tryton 8.2 does, down to what it doesn't check.

It checks user and key, and the address for which the facade forwards, and never looks at the login that stands in a session. Cookie wins
over header. `tests/tryton/test_sessions.py` holds the same suite against a real Tryton.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import Any

USERS: dict[int, dict[str, Any]] = {
    4: {"login": "ada@example.org", "name": "Ada", "groups": [3, 5], "company": 7, "language": "pl"},
    5: {"login": "bob@example.org", "name": "Bob", "groups": [], "company": None, "language": "en"},
}
GROUPS = {3: "Party Administration", 5: "Employee Administration"}


class StandIn:
    """Serves `/tryton/rpc/`. `sessions`: (user, key) → the address that it is for. While `away`, it answers 503; while `gate` is closed,
    nothing."""

    def __init__(self) -> None:
        self.sessions: dict[tuple[int, str], str] = {}
        self.asked: list[str] = []
        self.away = False
        self.gate: asyncio.Event | None = None

    def log_in(self, user: int, address: str) -> str:
        """A new session, as it stands in a cookie."""
        key = secrets.token_hex(32)
        self.sessions[(user, key)] = address
        return f"{USERS[user]['login']}:{user}:{key}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, told = self._answer(scope["path"], headers, body)
        if self.gate is not None:
            await self.gate.wait()
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": told})

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if self.away:
            return 503, b""
        session = _session(headers)
        if path == "/tryton/session/logout":
            return self._ended(session)
        if path != "/tryton/rpc/":
            return 404, b""
        if session is None or self.sessions.get(session) != headers.get("x-forwarded-for"):
            return 401, b""
        asked = json.loads(body)
        self.asked.append(asked["method"])
        if asked["method"] == "common.db.logout":
            return self._ended(session)
        return 200, json.dumps({"id": asked["id"], **_called(session[0], asked)}).encode()

    def _ended(self, session: tuple[int, str] | None) -> tuple[int, bytes]:
        if session is not None:
            self.sessions.pop(session, None)
        return 200, b'{"id":1,"result":null}'


def _called(user: int, asked: dict[str, Any]) -> dict[str, Any]:
    *arguments, _context = asked["params"]
    if asked["method"] == "model.res.user.get_preferences":
        known = USERS[user]
        told = {name: known[name] for name in ("groups", "language")}
        company = {"company": known["company"], "company.rec_name": "ACME"} if known["company"] else {}
        return {
            "result": {**told, **company, "administrator": False, "employees": [], "locale": {"date": "%d"}}
        }
    if asked["method"] == "model.res.user.read" and arguments[0] == [user]:
        return {"result": [{"id": user, **{name: USERS[user][name] for name in arguments[1]}}]}
    if asked["method"] == "model.res.group.read":
        return {"result": [{"id": each, "name": GROUPS[each]} for each in arguments[0]]}
    return {"error": ["UserError", ["You are trying to read records that don't exist.", ""]]}


def _session(headers: dict[str, str]) -> tuple[int, str] | None:
    cookies = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
    text = {name: value for name, _, value in cookies}.get("tryton_session", "").strip('"')
    try:
        if not text:
            text = base64.b64decode(headers["authorization"].removeprefix("Session ")).decode()
            _, user, key = text.split(":", 3)
        else:
            _, user, key = text.rsplit(":", 2)
        return int(user), key
    except (KeyError, ValueError):
        return None
