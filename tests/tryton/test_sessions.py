"""The suite of the session port on a real Tryton: what the stand-in of the other tests takes for granted is so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.tryton import erp as tryton
from strangler.facade.protocol import ServiceRequest
from strangler.routing import Asked, Values
from strangler.testing import postgres
from strangler.testing.session_mapping import SessionMappingSuite
from strangler_adapters.tryton_session import TrytonSessions
from tests.facade.test_sessions import asking, forged, in_cookie, in_header

pytestmark = pytest.mark.nightly

PASSWORD = "a-long-one-4711"
LOGINS = ("ada@example.org", "bob@example.org")
GROUP = "Party Administration"


class RealTryton:
    """The `Erp` of the suite."""

    def __init__(self, running: tryton.Tryton, users: Sequence[int]) -> None:
        self._running, self._users = running, users
        self.mapping = TrytonSessions(tryton.DATABASE)
        self.ask = asking(running.base_url)

    async def log_in(self, user: int) -> Sequence[Asked]:
        made = []
        for carry in (in_header, in_cookie):
            body = {
                "id": 0,
                "method": "common.db.login",
                "params": [LOGINS[user], {"password": PASSWORD}, "en"],
            }
            answer = await self.ask(self._rpc((), body))
            id, key, _ = json.loads(answer.body)["result"]
            head = carry(f"{LOGINS[user]}:{id}:{key}")
            made.append(Asked("POST", f"/{tryton.DATABASE}/rpc/", {"host": "erp", **head}))
        return made

    def subject(self, user: int) -> str:
        return str(self._users[user])

    def roles(self, user: int) -> Sequence[str]:
        return [GROUP] if user == 0 else []

    def unknown(self) -> Sequence[Asked]:
        texts = (f"ada:{self._users[0]}:{'0' * 64}", "ada:four:0", "4:0", "::", "ada")
        heads = [carry(text) for text in texts for carry in (in_header, in_cookie)]
        return [Asked("POST", "/", {"host": "erp", **head}) for head in heads]

    def forged(self, asked: Asked) -> Sequence[Asked]:
        made = forged(asked.headers, LOGINS[1], self._users[1])
        return [Asked("POST", asked.target, each) for each in made]

    async def log_out(self, asked: Asked) -> tuple[Asked, Values]:
        if "cookie" in asked.headers:
            target = f"/{tryton.DATABASE}/session/logout"
            await self.ask(ServiceRequest("POST", target, list(asked.headers.items()), b"{}"))
            return Asked("POST", target, asked.headers), {}
        body = {"id": 1, "method": "common.db.logout", "params": []}
        await self.ask(self._rpc(asked.headers.items(), body))
        return asked, {("json", "method"): "common.db.logout"}

    def _rpc(self, headers: object, body: object) -> ServiceRequest:
        sent = [*headers, ("content-type", "application/json")]  # type: ignore[misc]
        return ServiceRequest("POST", f"/{tryton.DATABASE}/rpc/", sent, json.dumps(body).encode())


@contextmanager
def with_users(running: tryton.Tryton) -> Iterator[RealTryton]:
    session = running.session()
    groups = session.model("res.group.search", [["name", "=", GROUP]])
    users = session.model(
        "res.user.create",
        [{"login": login, "name": login.split("@")[0].title(), "password": PASSWORD} for login in LOGINS],
    )
    session.model("res.user.write", users[:1], {"groups": [["add", groups]]})
    session.close()
    yield RealTryton(running, users)


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTryton]:
    folder: Path = tmp_path_factory.mktemp("tryton")
    modules = ("ir", "res", "party", "company")
    with (
        postgres.server() as server,
        tryton.tryton(server, folder, modules) as running,
        with_users(running) as made,
    ):
        yield made


class TestTryton(SessionMappingSuite):
    async def test_the_login_is_what_tryton_says_it_is(self, erp: RealTryton) -> None:
        for asked in await erp.log_in(0):
            who = (await self._mapped(erp, asked)).identity
            assert who is not None
            assert (who.claims["login"], who.claims["name"], who.claims["language"]) == (
                LOGINS[0],
                "Ada",
                "en",
            )
            assert who.claims["administrator"] == "false"
