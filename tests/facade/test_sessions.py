"""Legacy sessions, put into what new services understand: the suite of the port on a stand-in, and a facade between them all."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest

from strangler.cutover.stages import Side, Stage
from strangler.errors import ConfigurationError, StranglerError
from strangler.facade.answers import Refusal
from strangler.facade.credentials import Credentials
from strangler.facade.identity.signing import HEADER
from strangler.facade.parts import Parts
from strangler.facade.protocol import Answer, Headers, ServiceRequest
from strangler.facade.session import Ask, Mapped, SessionMapping
from strangler.facade.sessions import Sessions
from strangler.facade.wire.request import Origin
from strangler.facade.wire.sayable import Unsayable
from strangler.identity import Identity
from strangler.routing import Asked, Values
from strangler.settings import Sessions as SessionsSettings
from strangler.testing.session_mapping import CLIENT, ORIGIN, SessionMappingSuite
from strangler_adapters.tryton_session import TrytonSessions, connect
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until
from tests.facade.issuing import Issuer
from tests.facade.test_facade import call
from tests.facade.test_identity import section
from tests.facade.test_signing import SECRET, read, signing
from tests.facade.tryton_stand_in import GROUPS, USERS, StandIn

IDS = list(USERS)


def in_header(session: str) -> dict[str, str]:
    return {"authorization": f"Session {base64.b64encode(session.encode()).decode()}"}


def in_cookie(session: str) -> dict[str, str]:
    return {"cookie": f"lang=pl; tryton_session={session}"}


def asking(base: str) -> Ask:
    """Puts calls to a server, as the facade does."""

    async def ask(asked: ServiceRequest) -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                asked.method, base + asked.target, headers=asked.headers, data=asked.body
            ) as response,
        ):
            return Answer(response.status, (), await response.read())

    return ask


class Tryton:
    """The `Erp` of the suite, before anything that keeps sessions as Tryton does."""

    def __init__(self, ask: Ask, stand_in: StandIn) -> None:
        self.mapping: SessionMapping = TrytonSessions("tryton")
        self.ask, self._stand_in = ask, stand_in

    async def log_in(self, user: int) -> Sequence[Asked]:
        return [
            Asked("POST", "/tryton/rpc/", {"host": "erp", **carry(self._stand_in.log_in(IDS[user], CLIENT))})
            for carry in (in_header, in_cookie)
        ]

    def subject(self, user: int) -> str:
        return str(IDS[user])

    def roles(self, user: int) -> Sequence[str]:
        return [GROUPS[each] for each in USERS[IDS[user]]["groups"]]

    def unknown(self) -> Sequence[Asked]:
        texts = ("ada:4:0000", "ada:four:0000", "ada:4:", "4:0000", "::", "ada")
        heads = [carry(text) for text in texts for carry in (in_header, in_cookie)]
        heads.append({"authorization": "Session not-base-64!"})
        return [Asked("POST", "/tryton/rpc/", {"host": "erp", **head}) for head in heads]

    def forged(self, asked: Asked) -> Sequence[Asked]:
        return [
            Asked("POST", "/tryton/rpc/", each)
            for each in forged(asked.headers, USERS[IDS[1]]["login"], IDS[1])
        ]

    async def log_out(self, asked: Asked) -> tuple[Asked, Values]:
        body = b'{"id":1,"method":"common.db.logout","params":[]}'
        headers = [*asked.headers.items(), ("x-forwarded-for", CLIENT)]
        by_cookie = "cookie" in asked.headers
        target = "/tryton/session/logout" if by_cookie else "/tryton/rpc/"
        await self.ask(ServiceRequest("POST", target, headers, body))
        return Asked("POST", target, asked.headers), {} if by_cookie else {
            ("json", "method"): "common.db.logout"
        }


def forged(headers: Mapping[str, str], login: str, user: int) -> list[dict[str, str]]:
    """The same session under another login; under another user; and another user's cookie beside it, that isn't good."""
    if "cookie" in headers:
        _, session = headers["cookie"].split("tryton_session=")
        carry = in_cookie
    else:
        session, carry = base64.b64decode(headers["authorization"].split()[1]).decode(), in_header
    _, own, key = session.rsplit(":", 2)
    made = [
        carry(f"{login}:{own}:{key}"),
        carry(f"{login}:{user}:{key}"),
        carry(f"{login}:{user}:{own}:{key}"),
    ]
    return [{"host": "erp", **each} for each in made]


class TestTheStandIn(SessionMappingSuite):
    @pytest.fixture
    async def erp(self, serve: Serve) -> Tryton:
        stand_in = StandIn()
        return Tryton(asking((await serve(stand_in)).url), stand_in)


async def test_tryton_tells_what_its_context_has_and_the_login_it_checked(serve: Serve) -> None:
    stand_in = StandIn()
    erp = Tryton(asking((await serve(stand_in)).url), stand_in)
    asked = (await erp.log_in(0))[0]
    sessions = Sessions(SessionsSettings(kind="tryton"), erp.mapping, erp.ask)
    who = (await sessions.find(asked, ORIGIN)).identity
    assert who is not None
    assert dict(who.claims) == {
        "login": "ada@example.org", "name": "Ada", "company": "7", "company.rec_name": "ACME", "language": "pl",
        "administrator": "false",
    }  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"database": ""}, {"database": 1}, {"database": "x", "path": "/"}])
def test_options_that_dont_fit_are_told_in_words(options: dict[str, Any]) -> None:
    with pytest.raises(StranglerError, match="sessions of Tryton"):
        connect(options)


class Counting:
    """A mapping whose answers are made up, and counted; while `gate` is closed it waits."""

    carriers = TrytonSessions.carriers
    adds = ("X-User-Id",)
    headers: Headers = ()

    def __init__(self) -> None:
        self.count = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.raises: Refusal | None = None

    async def mapped(self, session: Any, ask: Ask) -> Mapped:
        self.count += 1
        await self.gate.wait()
        if self.raises:
            raise self.raises
        return Mapped(Identity(session.value), self.headers)

    def ends(self, asked: Asked, values: Values) -> bool:
        return values.get(("json", "method")) == "logout"


class Sitting:
    """Sessions without a facade, whose clock is moved by hand."""

    def __init__(self, **more: Any) -> None:
        self.now, self.mapping = 0.0, Counting()
        configured = SessionsSettings.model_validate({"kind": "tryton", "ttl": "60s", "stale": "5m", **more})
        self.sessions = Sessions(configured, self.mapping, _nobody, lambda: self.now)

    def asked(self, value: str = "a:1:x") -> Asked:
        return Asked("POST", "/", in_cookie(value))

    async def find(self, value: str = "a:1:x", client: str = CLIENT) -> str:
        who = (await self.sessions.find(self.asked(value), Origin(client, "http", client, "erp"))).identity
        assert who is not None
        return who.subject


async def _nobody(call: ServiceRequest) -> Answer:
    raise AssertionError("nobody is asked here")


async def test_legacy_is_asked_once_while_the_answer_is_believed() -> None:
    at = Sitting()
    assert at.sessions.known(at.asked(), CLIENT) is None
    assert await at.find() == "a:1:x"
    at.now = 59
    assert at.sessions.known(at.asked(), CLIENT) is not None
    at.now = 61
    assert at.sessions.known(at.asked(), CLIENT) is None
    await at.find()
    assert at.mapping.count == 2


async def test_many_at_once_ask_once_and_one_that_leaves_takes_nobody_along() -> None:
    at = Sitting()
    at.mapping.gate.clear()
    first, *others = [asyncio.create_task(at.find()) for _ in range(10)]
    await until(lambda: at.mapping.count == 1)
    first.cancel()
    at.mapping.gate.set()
    assert await asyncio.gather(*others) == ["a:1:x"] * 9
    assert at.mapping.count == 1


async def test_a_session_is_known_for_the_address_it_came_from() -> None:
    at = Sitting()
    await at.find()
    assert at.sessions.known(at.asked(), "198.51.100.1") is None


@pytest.mark.parametrize(("values", "status"), [({("json", "method"): "logout"}, 200), ({}, 401)])
async def test_a_log_out_or_a_401_forgets_and_so_does_one_that_comes_between(
    values: Values, status: int
) -> None:
    at = Sitting()
    await at.find()
    at.sessions.note(at.asked(), {}, 200)
    assert at.sessions.known(at.asked(), CLIENT) is not None
    at.sessions.note(at.asked(), values, status)
    assert at.sessions.known(at.asked(), CLIENT) is None
    at.mapping.gate.clear()
    under_way = asyncio.create_task(at.find())
    await until(lambda: at.mapping.count == 2)
    at.sessions.note(at.asked(), values, status)
    at.mapping.gate.set()
    await under_way
    assert at.sessions.known(at.asked(), CLIENT) is None, "an answer from before isn't remembered"


async def test_while_legacy_is_silent_the_last_answer_is_good_a_little_longer() -> None:
    at = Sitting()
    await at.find()
    at.mapping.raises = Refusal(504, "the legacy ERP didn't answer")
    at.now = 60 + 299
    assert await at.find() == "a:1:x"
    with pytest.raises(Refusal, match="didn't answer"):
        await at.find(client="198.51.100.1")
    at.now = 60 + 301
    with pytest.raises(Refusal, match="didn't answer"):
        await at.find()


async def test_only_so_many_sessions_are_remembered() -> None:
    at = Sitting(size=3)
    for number in range(10):
        await at.find(f"a:{number}:x")
    assert list(at.sessions._known) == ["a:7:x", "a:8:x", "a:9:x"]


class Scene:
    """A facade whose function `party` is new's, before a stand-in for Tryton."""

    def __init__(self, facade: Running, legacy: StandIn, new: Echo) -> None:
        self.facade, self.legacy, self.new = facade, legacy, new
        self.session = legacy.log_in(4, "127.0.0.1")

    async def read(self, **headers: str) -> int:
        """A read that new answers."""
        return (
            await call(f"{self.facade.url}/parties/1", "GET", headers=headers or in_header(self.session))
        )[0]

    async def rpc(self, method: str) -> int:
        """A call that legacy answers."""
        body = {"id": 1, "method": method, "params": [[4], ["login"], {}]}
        headers = in_header(self.session)
        return (await call(f"{self.facade.url}/tryton/rpc/", "POST", json=body, headers=headers))[0]


@pytest.fixture
async def scene(serve: Serve, front: Front, stand: Stand) -> Any:
    async def begin(sessions: dict[str, Any] | None = None, **more: Any) -> Scene:
        legacy, new = StandIn(), Echo("new")
        configured = {
            "signing": {"key": "k2", "keys": {"k2": SECRET}, "claims": ["login", "company"]},
            "sessions": {"kind": "tryton", "options": {"database": "tryton"}, **(sessions or {})},
            **more,
        }
        # The body is looked at as it is wherever a Tryton's functions are routed.
        routes = [
            {"kind": "read", "match": {"path": "/parties/{rest:path}", "method": ["GET"]}},
            {"kind": "write", "match": {"path": "/parties/{rest:path}", "method": ["PUT"]}},
            {
                "kind": "read",
                "match": {"path": "/tryton/rpc/", "json": {"method": ["model.party.party.read"]}},
            },
        ]
        made = settings((await serve(legacy)).url, (await serve(new)).url, facade=configured, routes=routes)
        facade = await front(made)
        await applied(facade, stand.stage(Stage.LIVE))
        return Scene(facade, legacy, new)

    return begin


async def test_a_new_service_is_told_whose_the_legacy_session_is(scene: Any) -> None:
    at = await scene()
    assert [await at.read() for _ in range(3)] == [200] * 3
    told = [read(headers[HEADER], signing()) for _, _, headers, _ in at.new.asked]
    assert {each["sub"] for each in told} == {"4"}
    assert told[0]["claims"] == {"login": "ada@example.org", "company": "7"}
    assert told[0]["roles"] == ["Employee Administration", "Party Administration"]
    assert at.legacy.asked == [
        "model.res.user.get_preferences",
        "model.res.user.read",
        "model.res.group.read",
    ]
    assert at.new.asked[0][2]["authorization"] == in_header(at.session)["authorization"]


async def test_calls_to_legacy_ask_nobody_whose_the_session_is(scene: Any) -> None:
    at = await scene()
    assert await at.rpc("model.res.user.read") == 200
    assert at.legacy.asked == ["model.res.user.read"]


async def test_a_session_that_isnt_good_never_reaches_the_new_service(scene: Any) -> None:
    at = await scene()
    status, text, _ = await call(f"{at.facade.url}/parties/1", "GET", headers=in_header("ada:4:0000"))
    assert status == 401
    assert "log in again" in text
    assert at.new.asked == []


async def test_a_write_waits_with_all_of_its_body_until_its_caller_is_known(scene: Any) -> None:
    at = await scene()
    at.legacy.gate = asyncio.Event()
    body = b"x" * 3_000_000
    url, headers = f"{at.facade.url}/parties/1", in_header(at.session)
    write = asyncio.create_task(call(url, "PUT", data=body, headers=headers))
    await until(lambda: bool(at.legacy.asked))
    assert at.new.asked == []
    at.legacy.gate.set()
    assert (await write)[0] == 200
    assert at.new.asked[0][3] == body
    assert HEADER in at.new.asked[0][2]


async def test_who_leaves_meanwhile_leaves_nothing_behind(scene: Any) -> None:
    at = await scene()
    at.legacy.gate = asyncio.Event()
    read = asyncio.create_task(at.read())
    await until(lambda: bool(at.legacy.asked))
    read.cancel()
    await until(lambda: not at.facade.parts.exchanges)
    at.legacy.gate.set()
    # What was asked for it is known to the next one.
    assert await at.read() == 200
    assert at.legacy.asked.count("model.res.user.get_preferences") == 1
    assert len(at.new.asked) == 1


async def test_a_log_out_through_the_facade_ends_the_session_on_new_at_once(scene: Any) -> None:
    at = await scene()
    assert await at.read() == 200
    assert await at.rpc("common.db.logout") == 200
    assert await at.read() == 401


async def test_while_legacy_is_down_who_is_known_goes_on_and_who_isnt_waits(scene: Any) -> None:
    at = await scene()
    assert await at.read() == 200
    at.legacy.away = True
    assert await at.read() == 200
    at.session = at.legacy.log_in(5, "127.0.0.1")
    assert await at.read() == 502


async def test_new_services_can_be_kept_from_the_legacy_session(scene: Any) -> None:
    at = await scene({"credentials": False})
    assert await at.read() == 200
    assert await at.read(**in_cookie(at.session)) == 200
    assert await at.read(cookie="lang=pl", authorization="Basic YTpi") == 200
    by_header, by_cookie, without = (headers for _, _, headers, _ in at.new.asked)
    assert "authorization" not in by_header
    assert by_cookie["cookie"] == "lang=pl"
    assert (without["cookie"], without["authorization"]) == ("lang=pl", "Basic YTpi")
    assert [HEADER in each for each in (by_header, by_cookie, without)] == [True, True, False]


async def test_a_token_speaks_before_a_session(scene: Any, serve: Serve) -> None:
    issuer = Issuer()
    await issuer.begin(serve)
    at = await scene(identity=section(issuer.url, mode="optional"))
    await until(lambda: not at.facade.parts.credentials.trouble)
    headers = {"authorization": f"Bearer {issuer.token()}", **in_cookie(at.session)}
    assert await at.read(**headers) == 200
    assert read(at.new.asked[0][2][HEADER], signing())["sub"] == "ada"


async def test_a_shadow_call_says_that_legacy_answers_the_caller() -> None:
    configured = settings(
        "http://127.0.0.1:9", facade={"signing": {"key": "k2", "keys": {"k2": SECRET}}}
    ).facade
    assert configured is not None
    credentials = Credentials(configured, "strangler-test", _nobody)
    asked = Asked("GET", "/", {})
    told = credentials.onward(
        "party", asked, ORIGIN, Identity("ada"), f"00-{'a' * 32}-{'b' * 16}-01", Side.LEGACY
    )
    assert told is not None
    assert read(dict(told.add)[HEADER], signing())["side"] == "legacy"


@pytest.mark.parametrize(
    "bad",
    [
        ("x-user-id", "ada\r\nX-Role: admin"),
        ("x-user-id", "a\x00"),
        ("x-user-id\r\nx-role", "admin"),
        ("x-other", "not said to be added"),
    ],
)
async def test_what_a_mapping_gives_is_fit_to_be_sent_or_refused_in_words(bad: tuple[str, str]) -> None:
    at = Sitting()
    at.mapping.headers = [bad]
    with pytest.raises(Unsayable) as refused:
        await at.find()
    assert refused.value.status == 502
    assert "\n" not in refused.value.detail
    assert "admin" not in refused.value.detail
    at.mapping.headers = [("X-User-ID", "4"), ("Content-Length", "0")]
    await at.find()
    known = at.sessions.known(at.asked(), CLIENT)
    assert known is not None
    assert known.headers == [("x-user-id", "4")]


async def test_what_a_mapping_adds_no_caller_can_say(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it writes the name, and with a session or without; legacy still gets all that the caller sent."""

    async def mapped(self: TrytonSessions, session: Any, ask: Ask) -> Mapped:
        return Mapped(Identity("4"), [("X-User-Id", "4")])

    monkeypatch.setattr(TrytonSessions, "adds", ("X-User-Id",))
    monkeypatch.setattr(TrytonSessions, "mapped", mapped)
    at = await scene()
    forged = {"X-User-Id": "5", "x_user_id": "5", "X-User_ID": "5", "x-mine": "1"}
    for session in (in_header(at.session), {}):
        status, _, _ = await call(f"{at.facade.url}/parties/1", "GET", headers={**forged, **session})
        assert status == 200
    known, nobody = (headers for _, _, headers, _ in at.new.asked)
    users = [
        {name: value for name, value in each.items() if name.replace("_", "-") == "x-user-id"}
        for each in (known, nobody)
    ]
    assert users == [{"x-user-id": "4"}, {}]
    assert known["x-mine"] == nobody["x-mine"] == "1"


def test_sessions_of_an_unknown_form_are_told_before_the_facade_starts() -> None:
    configured = settings(
        "http://127.0.0.1:9", facade={"sessions": {"kind": "tryton", "options": {"db": "x"}}}
    )
    with pytest.raises(ConfigurationError, match=r"facade\.sessions"):
        Parts(configured, lambda: pytest.fail("not opened"))
