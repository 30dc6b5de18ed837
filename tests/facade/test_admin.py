"""The admin API on a real socket, inside a running facade: who comes in, what is told, what is done and recorded."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from strangler.control import access_tokens, ledger, standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.errors import Unavailable
from strangler.facade.admin import gate as gates
from strangler.facade.admin import server as servers
from strangler.facade.admin.attempts import MOST, WINDOW, Attempts
from strangler.facade.admin.gate import Gate
from strangler.facade.admin.inside import Inside
from strangler.facade.admin.outlook import inside
from strangler.facade.admin.server import AdminServer
from strangler.facade.parts import Parts
from strangler.facade.server import Facade
from strangler.facade.workers import of_worker
from strangler.roles import ALLOWED, Action, Role, allows, needed
from strangler.settings import Admin
from strangler.settings.access import Grants
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, fronting, settings, until
from tests.facade.issuing import Issuer, private
from tests.facade.test_identity import section
from tests.facade.test_signing import SECRET

REASON = {"reason": "tests"}


def given(
    control: Control, role: Role = Role.OPERATOR, name: str = "ada", expires_at: float | None = None
) -> str:
    return access_tokens.add(
        control, name=name, role=role, expires_at=expires_at, actor="tests", at=time.time()
    )


class Desk:
    """Asks an admin API."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(
        self, method: str, path: str, token: str | None = None, **more: Any
    ) -> tuple[int, Any, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.url}{path}", headers=headers, **more) as response,
        ):
            text = await response.text()
            told = json.loads(text) if "json" in response.headers.get("content-type", "") else text
            return response.status, told, response.headers

    async def status(self, path: str, token: str | None = None, method: str = "GET", **more: Any) -> int:
        return (await self.ask(method, path, token, **more))[0]


def desk(running: Running) -> Desk:
    assert running.facade is not None
    assert running.facade.admin is not None
    return Desk(running.facade.admin.url)


@pytest.fixture
async def facade(serve: Serve, front: Front) -> Running:
    """A facade with an admin API, between its upstreams."""
    legacy, new = (await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url
    more = {"admin": {"port": 0}, "signing": {"key": "k2", "keys": {"k2": SECRET}}}
    running = await front(settings(legacy, new, facade=more))
    await until(lambda: running.facade.admin.serves)  # type: ignore[union-attr]
    return running


# Who comes in


LOOKS = ["/standings", "/upstreams", "/calls", "/facades", "/routes/explain?target=/parties/1", "/metrics"]
ACTS = [("/drain", REASON), ("/breakers/legacy/party", {"state": "open", **REASON})]


async def test_nothing_is_told_or_done_without_a_token(facade: Running, control: Control) -> None:
    at = desk(facade)
    revoked, expired = given(control), given(control, expires_at=time.time() - 1)
    access_tokens.revoke(control, revoked.split("_")[1], actor="tests", at=time.time())
    before = len(ledger.entries(control))
    wrong = revoked[:-1] + ("A" if revoked[-1] != "A" else "B")
    for token in (None, "", "garbage", revoked, expired, wrong, "strangler_00000000_" + "x" * 43):
        for path in LOOKS[:1]:
            status, told, headers = await at.ask("GET", path, token)
            assert (status, told["status"]) == (401, 401)
            assert headers["www-authenticate"].startswith('Bearer realm="strangler"')
            assert headers["cache-control"] == "no-store"
    for path in LOOKS:
        assert await at.status(path) == 401, path
    for path, body in ACTS:
        assert await at.status(path, method="POST", json=body) == 401, path
    assert len(ledger.entries(control)) == before
    assert not facade.parts.health.draining


async def test_who_may_only_look_is_told_so_in_words(facade: Running, control: Control) -> None:
    at, viewer = desk(facade), given(control, Role.VIEWER, "vera")
    for path in LOOKS:
        assert await at.status(path, viewer) == 200, path
    for path, body in ACTS:
        status, told, _ = await at.ask("POST", path, viewer, json=body)
        assert status == 403, path
        assert told["detail"].startswith("vera has the role viewer; to ")
        assert told["detail"].endswith("needs operator or admin")
    assert not facade.parts.health.draining
    assert not [each for each in ledger.entries(control) if "facade" in each.body]


async def test_a_token_that_was_taken_away_is_good_no_more_after_some_seconds(
    facade: Running, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, token = desk(facade), given(control)
    assert await at.status("/calls", token) == 200
    access_tokens.revoke(control, "ada", actor="tests", at=time.time())
    monkeypatch.setattr(gates, "FRESH", 0.0)
    assert await at.status("/calls", token) == 401


async def test_wrong_tokens_hold_their_address_off_but_nobody_who_is_in(
    facade: Running, control: Control
) -> None:
    at, token, other = desk(facade), given(control), given(control, name="bob")
    assert await at.status("/calls", token) == 200
    assert [await at.status("/calls", f"wrong-{number}") for number in range(MOST)] == [401] * MOST
    status, told, headers = await at.ask("GET", "/calls", other)
    assert status == 429
    assert "too many wrong tokens" in told["detail"]
    assert 0 < int(headers["retry-after"]) <= WINDOW
    assert await at.status("/calls", token) == 200, "who was let in just now stays in"


def test_attempts_are_forgotten_one_by_one_when_their_time_is_over() -> None:
    attempts = Attempts()
    for number in range(MOST):
        assert attempts.wait("a", number) == 0
        attempts.note("a", number)
    assert attempts.wait("a", MOST) == WINDOW - MOST
    assert attempts.wait("b", MOST) == 0
    assert attempts.wait("a", WINDOW) == 0
    attempts.note("a", WINDOW)
    assert attempts.wait("a", WINDOW) == 1


async def test_a_wrong_token_is_logged_without_it(
    facade: Running, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    token = given(control)
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert await desk(facade).status("/calls", wrong) == 401
    assert "a wrong token came to the admin API" in caplog.text
    told = " ".join(str(record.__dict__) for record in caplog.records)
    assert wrong not in told
    assert wrong.split("_", 2)[2][:20] not in told


async def test_while_the_control_store_is_gone_who_was_in_stays_in_and_may_only_look(
    serve: Serve, front: Front, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await front(settings((await serve(Echo("legacy"))).url, facade={"admin": {"port": 0}}))
    at, token, other = desk(running), given(control), given(control, name="bob")
    await until(lambda: running.facade.admin.serves)  # type: ignore[union-attr]
    assert await at.status("/standings", token) == 200
    monkeypatch.setattr(gates, "FRESH", 0.0)

    def gone(*args: object) -> None:
        raise Unavailable("the control store doesn't answer")

    monkeypatch.setattr(control, "read", gone)
    monkeypatch.setattr(control, "begin", gone)
    assert await at.status("/standings", token) == 200
    assert await at.status("/standings", other) == 503
    status, told, _ = await at.ask("POST", "/drain", token, json=REASON)
    assert (status, running.parts.health.draining) == (503, False)
    assert "nothing was done, since it couldn't be put on the ledger" in told["detail"]
    assert await at.status("/facades", token) == 503


async def test_the_issuers_groups_have_roles_too(serve: Serve, front: Front, control: Control) -> None:
    issuer = Issuer()
    await issuer.begin(serve)
    more = {
        "identity": section(
            issuer.url,
            mode="off",
            roles="groups",
            grants={"viewer": ["staff"], "operator": ["erp-ops", "sap-ops"]},
        ),
        "admin": {"port": 0},
    }
    running = await front(settings((await serve(Echo("legacy"))).url, facade=more))
    await until(lambda: running.facade.admin.serves and not running.parts.credentials.trouble)  # type: ignore[union-attr]
    at = desk(running)
    ops, staff, stranger = (issuer.token(groups=[each]) for each in ("sap-ops", "staff", "guests"))
    assert [await at.status("/calls", each) for each in (ops, staff, stranger)] == [200, 200, 403]
    assert await at.status("/drain", staff, "POST", json=REASON) == 403
    assert await at.status("/calls", issuer.token(groups=["erp-ops"], aud="crm")) == 401
    assert await at.status("/drain", ops, "POST", json=REASON) == 202
    assert ledger.entries(control)[-1].actor == "ada (OIDC)"


# What is told


async def test_standings_are_those_that_the_facade_acts_by(
    facade: Running, stand: Stand, control: Control
) -> None:
    token = given(control, Role.VIEWER)
    generation = stand.stage(Stage.CANARY, weight=2500)
    await applied(facade, generation)
    _, told, _ = await desk(facade).ask("GET", "/standings", token)
    assert (told["facade"], told["generation"], told["trust"]) == (facade.parts.id, generation, "sure")
    (party,) = told["standings"]
    assert (party["function"], party["stage"], party["owner"], party["weight"]) == (
        "party",
        "canary",
        "legacy",
        2500,
    )


async def test_cohorts_are_listed_with_their_function(
    facade: Running, stand: Stand, control: Control
) -> None:
    token = given(control, Role.VIEWER)
    own = standings.amend(control, "party", "1000", at=1.0, stage=Stage.LIVE, owner=Side.NEW)
    await applied(facade, own.generation)
    _, told, _ = await desk(facade).ask("GET", "/standings", token)
    assert [(each["cohort"], each["stage"], each["owner"]) for each in told["standings"]] == [
        ("*", "legacy", "legacy"),
        ("1000", "live", "new"),
    ]


async def test_health_has_no_address_of_anybody_in_its_words(
    serve: Serve, front: Front, control: Control
) -> None:
    running = await front(settings("http://127.0.0.1:9", "http://127.0.0.1:9"))
    await until(lambda: len(running.parts.health.seen) == 2)
    running.parts.keeper.trouble = "the control store postgresql://erp-db/x doesn't answer"
    for path in ("/healthz", "/readyz"):
        _, told, _ = await Desk(running.url).ask("GET", path)
        assert "://" not in str(told)
        assert "doesn't accept connections" in str(told)


async def test_upstreams_are_told_with_what_was_seen_of_them(facade: Running, control: Control) -> None:
    token = given(control, Role.VIEWER)
    await until(lambda: len(facade.parts.health.seen) == 2)
    _, told, _ = await desk(facade).ask("GET", "/upstreams", token)
    assert [(each["name"], each["status"]) for each in told] == [("legacy", "pass"), ("new:party", "pass")]


async def test_calls_and_facades_are_told(facade: Running, control: Control) -> None:
    token, at = given(control, Role.VIEWER), desk(facade)
    generation = facade.parts.keeper.current().generation
    facade.parts.flight.begin(generation)
    assert (await at.ask("GET", "/calls", token))[1]["writes"] == 1
    facade.parts.flight.end(generation)
    _, told, _ = await at.ask("GET", "/facades", token)
    assert [each["id"] for each in told] == [facade.parts.id]


async def test_a_route_is_explained_as_a_call_would_be_decided(facade: Running, control: Control) -> None:
    token, at = given(control, Role.VIEWER), desk(facade)

    async def told(query: str) -> Any:
        return (await at.ask("GET", f"/routes/explain?{query}", token))[1]

    read = await told("target=/parties/7%3Ffull=1")
    assert (read["function"], read["kind"], read["side"]) == ("party", "read", "legacy")
    assert read["why"] == "in stage legacy legacy answers"
    taken, other = read["candidates"]
    assert (taken["why"], "the method is GET" in other["why"]) == ("", True)
    write = await told("method=post&target=/rpc/&value=json:method=party.write")
    assert (write["function"], write["kind"]) == ("party", "write")
    assert (await told("method=post&target=/rpc/"))["function"] is None
    assert (await told("target=/elsewhere"))["function"] is None
    assert (await told("target=/parties/%252e%252e%252fx%00"))["status"] in (400, 422)
    assert (await told("target=parties"))["detail"].startswith("target is a path as it is sent")
    assert (await told("target=/x&header=nonsense"))["detail"] == "a header is written name:value"
    assert (await told("target=/x&value=a=b"))["detail"].startswith("a value is written json:name=value")


async def test_health_has_details_only_for_those_with_a_token(facade: Running, control: Control) -> None:
    at, token = desk(facade), given(control, Role.VIEWER)
    for path in ("/healthz", "/readyz"):
        assert (await at.ask("GET", path))[:2] == (200, {"status": "pass"})
        assert "checks" in (await at.ask("GET", path, token))[1] or path == "/readyz"
        assert await at.status(path, "wrong") == 401
    assert "strangler_facade_generation" in (await at.ask("GET", "/metrics", token))[1]


async def test_callers_port_can_keep_health_to_itself(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    running = await front(settings((await serve(legacy)).url, facade={"public_health": False}))
    at = Desk(running.url)
    assert (await at.ask("GET", "/readyz"))[:2] == (200, {"status": "pass"})
    assert (await at.ask("GET", "/healthz"))[1] == {"status": "pass"}
    assert (await at.ask("GET", "/metrics"))[1] == "legacy", "it is a path like any other then"


async def test_public_keys_and_the_description_are_for_everybody(facade: Running) -> None:
    at = desk(facade)
    assert (await at.ask("GET", "/keys"))[1]["keys"][0]["kid"] == "k2"
    _, told, _ = await at.ask("GET", "/openapi.json")
    described = {(method, path) for path, methods in told["paths"].items() for method in methods}
    assert described == {
        ("get", "/standings"), ("get", "/upstreams"), ("get", "/calls"), ("get", "/facades"), ("get", "/routes/explain"),
        ("post", "/breakers/{upstream}/{function}"), ("post", "/drain"),
        ("get", "/metrics"), ("get", "/healthz"), ("get", "/readyz"), ("get", "/keys"),
    }  # fmt: skip
    open_to_all = {"/keys"}
    for path, methods in told["paths"].items():
        for described_one in methods.values():
            assert ("security" in described_one) is (path not in open_to_all), path
            assert described_one.get("description"), path


# What is done


async def test_drain_is_recorded_and_done(facade: Running, control: Control) -> None:
    at, token = desk(facade), given(control)
    status, told, _ = await at.ask("POST", "/drain", token, json={"reason": "new kernel"})
    assert (status, told["writes"]) == (202, 0)
    assert await at.status("/readyz") == 503
    entry = ledger.entries(control)[-1]
    assert (entry.actor, entry.kind) == (f"ada (token {token.split('_')[1]})", "facade drained")
    assert entry.body == {"facade": facade.parts.id, "reason": "new kernel"}
    assert ledger.verify(control).problem is None


Opened = Callable[..., Any]


@pytest.fixture
async def opened(facade: Running, control: Control) -> Any:
    """Opens another admin API of the same facade, on what is given."""
    running: list[AdminServer] = []

    def begin(within: Inside, **configured: Any) -> AdminServer:
        made = Admin.model_validate({"port": 0, **configured})
        server = AdminServer(made, within, Gate(None, lambda: control), "tests")
        server.open()
        running.append(server)
        return server

    yield begin
    for each in running:
        await each.close()


async def test_a_breaker_is_forced_with_a_reason_that_it_and_the_ledger_have(
    facade: Running, control: Control, stand: Stand
) -> None:
    at, token, path = desk(facade), given(control), "/breakers/new:party/party"
    await applied(facade, stand.stage(Stage.LIVE))
    actor = f"ada (token {token.split('_')[1]})"
    for state, answered in (("open", 503), ("closed", 200), ("automatic", 200)):
        wanted = {"state": state, "reason": "its disk is full"}
        status, now, _ = await at.ask("POST", path, token, json=wanted)
        assert (status, now["forced"], now["why"]) == (200, state, f"{actor}: its disk is full")
        told = {each["name"]: each["breakers"] for each in (await at.ask("GET", "/upstreams", token))[1]}
        assert told["new:party"] == [now]
        assert [each["forced"] for each in told["legacy"]] == ["automatic"]
        assert await Desk(facade.url).status("/parties/1") == answered
        entry = ledger.entries(control)[-1]
        assert (entry.actor, entry.kind, entry.function) == (actor, "breaker forced", "party")
        assert entry.body == {"facade": facade.parts.id, "upstream": "new:party", **wanted}
    before = len(ledger.entries(control))
    bad = [
        {"state": "ajar", **REASON},
        {"state": "open"},
        {"state": "open", "reason": ""},
        {**REASON, "x": 1},
    ]
    assert [await at.status(path, token, "POST", json=each) for each in bad] == [422] * 4
    assert await at.status("/breakers/legacy/sale", token, "POST", json={"state": "open", **REASON}) == 404
    assert await at.status("/breakers/new:sale/party", token, "POST", json={"state": "open", **REASON}) == 404
    assert len(ledger.entries(control)) == before


async def test_a_long_body_isnt_read_for_anybody(facade: Running, control: Control) -> None:
    at = desk(facade)
    assert await at.status("/drain", given(control), "POST", json={"reason": "x" * 10_000}) == 413

    async def pieces() -> Any:
        yield b"{}"

    assert await at.status("/drain", None, "POST", data=pieces()) == 413


# Where it listens


async def test_elsewhere_than_here_it_stays_closed_until_somebody_has_a_token(
    facade: Running, control: Control, opened: Opened, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(servers, "AGAIN", 0.02)
    server = opened(inside(facade.parts, lambda: None), host="0.0.0.0")
    await until(lambda: "stays closed" in caplog.text)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) != 0
    assert not server.serves
    token = given(control)
    await until(lambda: server.serves)
    assert await Desk(server.url.replace("0.0.0.0", "127.0.0.1")).status("/calls", token) == 200


async def test_a_taken_port_is_told_in_words(facade: Running, control: Control) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made = Admin(port=taken.getsockname()[1])
        with pytest.raises(Unavailable, match="the admin API can't listen on"):
            AdminServer(made, inside(facade.parts, lambda: None), Gate(None, lambda: control), "tests")


def test_each_worker_has_a_port_of_its_own() -> None:
    configured = settings("http://127.0.0.1:9", facade={"admin": {"port": 8082}})
    ports = [of_worker(configured, number).facade.admin.port for number in (1, 2, 3)]  # type: ignore[union-attr]
    assert ports == [8082, 8083, 8084]
    anywhere = settings("http://127.0.0.1:9", facade={"admin": {"port": 0}})
    assert of_worker(anywhere, 3) == anywhere


async def test_a_comparer_has_none(control: Control) -> None:
    configured = settings("http://127.0.0.1:9", facade={"admin": {"port": 0}})
    comparer = Facade(Parts(configured, lambda: control, compares=True))
    async with fronting(comparer):
        assert comparer.admin is None


async def test_it_speaks_tls_with_a_certificate(
    facade: Running, control: Control, opened: Opened, tmp_path: Path
) -> None:
    certificate, key = _certificate(tmp_path)
    server = opened(
        inside(facade.parts, lambda: None), tls={"certificate": str(certificate), "key": str(key)}
    )
    await until(lambda: server.serves)
    trusting = ssl.create_default_context(cafile=str(certificate))
    assert server.url.startswith("https://")
    assert await Desk(server.url).status("/calls", given(control), ssl=trusting) == 200


def _certificate(folder: Path) -> tuple[Path, Path]:
    """One that this machine's address signs for itself."""
    key, name = private("ES256", "tls"), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "admin.pem", folder / "admin.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, secret


async def test_it_ends_with_its_facade_and_leaves_signals_alone(facade: Running) -> None:
    at = desk(facade)
    assert await at.status("/keys") == 200
    assert facade.facade is not None
    assert facade.facade.admin is not None
    async with asyncio.timeout(30):
        await facade.facade.admin.close()
    with pytest.raises(aiohttp.ClientConnectionError):
        await at.status("/keys")
    facade.facade.admin = None


# The table of roles


def test_roles_are_no_ladder() -> None:
    assert allows(Role.APPROVER, Action.APPROVE)
    assert not allows(Role.OPERATOR, Action.APPROVE)
    assert not allows(Role.APPROVER, Action.MOVE)
    assert all(allows(Role.ADMIN, each) for each in Action)
    assert all(allows(each, Action.LOOK) for each in Role)
    assert set(ALLOWED) == set(Action)
    assert needed(Action.APPROVE) == "approver or admin"
    assert set(Grants.model_fields) == set(Role), "the configuration knows them all"
