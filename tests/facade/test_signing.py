"""The signed identity: the new service gets it and can check it; nobody else does, and nobody can bring one along."""

from __future__ import annotations

import asyncio
import base64
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.facade.identity.signing import HEADER, Signer, public_keys
from strangler.facade.parts import Parts
from strangler.facade.server import Facade
from strangler.identity import Identity
from strangler.settings import Signing
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, fronting, settings, until
from tests.facade.issuing import Issuer
from tests.facade.test_facade import call
from tests.facade.test_identity import section
from tests.facade.test_jsonrpc import OPTIONS, ROUTES

SECRET = base64.b64encode(b"s" * 32).decode()
OLDER = base64.b64encode(b"o" * 32).decode()
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
ADA = Identity("ada", {"company": "1000", "email": "ada@example.com"}, ("clerk",))


def signing(**more: Any) -> Signing:
    return Signing.model_validate({"key": "k2", "keys": {"k1": OLDER, "k2": SECRET}, **more})


def read(given: str, configured: Signing, audience: str = "party") -> dict[str, Any]:
    """What a new service makes of it, with nothing but the published keys; this is the page's verifier."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in public_keys(configured)["keys"]}
    key = keys[jwt.get_unverified_header(given)["kid"]]
    told: dict[str, Any] = jwt.decode(
        given, key, algorithms=["EdDSA"], audience=audience, issuer="strangler-test",
        options={"require": ["exp", "sub", "aud"]},
    )  # fmt: skip
    return told


class Scene:
    """A facade whose function `party` is new's, with its two upstreams."""

    def __init__(self, facade: Running, issuer: Issuer, legacy: Echo, new: Echo) -> None:
        self.facade, self.issuer, self.legacy, self.new = facade, issuer, legacy, new


@pytest.fixture
async def scene(serve: Serve, front: Front, stand: Stand) -> Scene:
    issuer, legacy, new = Issuer(), Echo("legacy"), Echo("new")
    await issuer.begin(serve)
    section_ = {
        "identity": section(issuer.url, mode="optional"),
        "signing": {"key": "k2", "keys": {"k2": SECRET}, "claims": ["tenant"]},
    }
    facade = await front(settings((await serve(legacy)).url, (await serve(new)).url, facade=section_))
    await until(lambda: not facade.parts.credentials.trouble)
    await applied(facade, stand.stage(Stage.LIVE))
    return Scene(facade, issuer, legacy, new)


async def test_the_new_service_is_told_who_the_caller_is_and_legacy_is_not(scene: Scene) -> None:
    headers = {"authorization": f"Bearer {scene.issuer.token(roles=['clerk'])}"}
    for path in ("/parties/1", "/elsewhere"):
        assert (await call(f"{scene.facade.url}{path}", "GET", headers=headers))[0] == 200
    told = read(scene.new.asked[0][2][HEADER], signing())
    assert {name: told[name] for name in ("sub", "aud", "roles", "claims", "side")} == {
        "sub": "ada", "aud": "party", "roles": ["clerk"], "claims": {"tenant": "acme"}, "side": "new",
    }  # fmt: skip
    assert 0 < told["exp"] - told["iat"] <= 60
    assert scene.legacy.asked[0][1] == "/elsewhere"
    assert HEADER not in scene.legacy.asked[0][2]


@pytest.mark.parametrize("name", ["X-Strangler-Identity", "x_strangler_identity", "X-Strangler_Identity"])
@pytest.mark.parametrize("path", ["/parties/1", "/elsewhere"])
@pytest.mark.parametrize("listed", ["", ", {name}"])
async def test_what_a_caller_says_of_itself_goes_nowhere(
    scene: Scene, name: str, path: str, listed: str
) -> None:
    """Over a raw socket, in every way of writing the name, listed in Connection or not."""
    reader, writer = await asyncio.open_connection(scene.facade.host, int(scene.facade.port))
    forged = Signer(signing(), "strangler-test").sign(ADA, "party", Side.NEW, TRACE)
    head = f"GET {path} HTTP/1.1\r\nHost: erp\r\nConnection: close{listed.format(name=name)}\r\n{name}: {forged}\r\n\r\n"
    writer.write(head.encode())
    # A name that some servers take for this one is refused outright.
    status = b" 400 " if "_" in name else b" 200 "
    assert status in await reader.readline()
    await reader.read()
    writer.close()
    asked = (scene.new if path == "/parties/1" else scene.legacy).asked
    assert len(asked) == (status == b" 200 ")
    assert not [each for _, _, headers, _ in asked for each in headers if "identity" in each]


async def test_legacy_isnt_told_either_where_it_answers_in_place_of_new(
    scene: Scene, stand: Stand, serve: Serve
) -> None:
    await applied(scene.facade, stand.stage(Stage.CANARY, weight=10_000))
    scene.facade.parts.breakers.of("new", "party").force("open", 0.0, "tests")
    headers = {"authorization": f"Bearer {scene.issuer.token()}"}
    assert (await call(f"{scene.facade.url}/parties/1", "GET", headers=headers))[1] == "legacy"
    assert HEADER not in scene.legacy.asked[0][2]


async def test_a_shadow_call_carries_the_identity_too_and_says_what_it_is(scene: Scene, stand: Stand) -> None:
    await applied(scene.facade, stand.stage(Stage.SHADOW))
    headers = {"authorization": f"Bearer {scene.issuer.token()}"}
    assert (await call(f"{scene.facade.url}/parties/1", "GET", headers=headers))[1] == "legacy"
    await until(lambda: bool(scene.new.asked))
    assert read(scene.new.asked[0][2][HEADER], signing())["side"] == "legacy"


async def test_legacy_isnt_told_either_where_shadow_asks_it_again(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    """As it is for a share of the calls, and for all that differ: it gets what the caller sent, its token too."""
    issuer, legacy, new = Issuer(), Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":2}')
    await issuer.begin(serve)
    section_ = {
        "identity": section(issuer.url),
        "signing": {"key": "k2", "keys": {"k2": SECRET}},
        "shadow": {"noise": "100%", "settle": "0s"},
    }
    facade = await front(settings((await serve(legacy)).url, (await serve(new)).url, facade=section_))
    await until(lambda: not facade.parts.credentials.trouble)
    await applied(facade, stand.stage(Stage.SHADOW))
    headers = {"authorization": f"Bearer {issuer.token()}"}
    assert (await call(f"{facade.url}/parties/1", "GET", headers=headers))[0] == 200
    await until(lambda: len(legacy.asked) == 3 and len(new.asked) == 2)
    assert [each[2].get(HEADER) for each in legacy.asked] == [None] * 3
    assert [each[2]["authorization"] for each in legacy.asked] == [headers["authorization"]] * 3
    assert all(read(each[2][HEADER], signing())["sub"] == "ada" for each in new.asked)


async def test_a_comparer_checks_callers_as_the_facade_does(
    serve: Serve, stand: Stand, control: Control
) -> None:
    issuer, legacy, new = Issuer(), Echo("legacy", b"{}"), Echo("new", b"{}")
    await issuer.begin(serve)
    section_ = {
        "identity": section(issuer.url),
        "signing": {"key": "k2", "keys": {"k2": SECRET}},
        "shadow": {"noise": 0},
    }
    generation = stand.stage(Stage.SHADOW)
    made = settings((await serve(legacy)).url, (await serve(new)).url, facade=section_)
    async with fronting(Facade(Parts(made, lambda: control, compares=True))) as comparer:
        await until(lambda: not comparer.parts.credentials.trouble)
        await applied(comparer, generation)
        forged = {"authorization": f"Bearer {Issuer().token()}"}
        assert (await call(f"{comparer.url}/parties/1", "GET", headers=forged))[0] == 204
        headers = {"authorization": f"Bearer {issuer.token()}"}
        assert (await call(f"{comparer.url}/parties/2", "GET", headers=headers))[0] == 204
        await until(lambda: bool(new.asked))
        assert read(new.asked[0][2][HEADER], signing())["sub"] == "ada"
        assert [each[1] for each in (*legacy.asked, *new.asked)] == ["/parties/2"] * 2
        assert HEADER not in legacy.asked[0][2]


async def test_a_comparer_believes_proxies_and_its_own_machine_alone(
    serve: Serve, stand: Stand, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy, new = Echo("legacy", b"{}"), Echo("new", b"{}")
    generation = stand.stage(Stage.SHADOW)
    quiet = {"shadow": {"noise": 0}}
    made = settings((await serve(legacy)).url, (await serve(new)).url, facade=quiet)
    async with fronting(Facade(Parts(made, lambda: control, compares=True))) as comparer:
        await applied(comparer, generation)
        monkeypatch.setattr(comparer.parts.peers, "mirrors", lambda address: False)
        for method, body in (("GET", b""), ("POST", b"x" * 100_000)):
            status, text, _ = await call(f"{comparer.url}/parties/1", method, data=body)
            assert status == 403
            assert "copies of calls are taken from facade.trusted_proxies" in text
        monkeypatch.undo()
        assert (await call(f"{comparer.url}/parties/2", "GET"))[0] == 204
        await until(lambda: bool(new.asked))
        assert [each[1] for each in (*legacy.asked, *new.asked)] == ["/parties/2"] * 2


async def test_a_call_that_is_translated_carries_the_identity_too(
    serve: Serve, front: Front, stand: Stand
) -> None:
    issuer, new = Issuer(), Echo("new", b"[]")
    await issuer.begin(serve)
    section_ = {"identity": section(issuer.url), "signing": {"key": "k2", "keys": {"k2": SECRET}}}
    urls = (await serve(Echo("legacy"))).url, (await serve(new)).url
    protocol = {"kind": "jsonrpc", "options": OPTIONS}
    facade = await front(settings(*urls, facade=section_, protocol=protocol, routes=ROUTES))
    await until(lambda: not facade.parts.credentials.trouble)
    await applied(facade, stand.stage(Stage.LIVE))
    body = {"id": 1, "method": "model.party.party.read", "params": [[1], ["name"], {}]}
    headers = {"authorization": f"Bearer {issuer.token()}"}
    await call(f"{facade.url}/tryton/rpc/", "POST", json=body, headers=headers)
    assert read(new.asked[0][2][HEADER], signing())["sub"] == "ada"


async def test_who_has_no_token_is_nobody(scene: Scene) -> None:
    await call(f"{scene.facade.url}/parties/1", "GET")
    assert HEADER not in scene.new.asked[0][2]


def test_one_signature_serves_a_caller_and_a_function_for_a_third_of_its_life() -> None:
    now = [1_000_000.0]
    signer = Signer(signing(lifetime="60s"), "strangler-test", lambda: now[0])
    first = signer.sign(ADA, "party", Side.NEW, TRACE)
    now[0] += 19
    assert signer.sign(ADA, "party", Side.NEW, TRACE) == first
    others = {
        signer.sign(ADA, "sale", Side.NEW, TRACE),
        signer.sign(ADA, "party", Side.LEGACY, TRACE),
        signer.sign(replace(ADA, subject="bob"), "party", Side.NEW, TRACE),
    }
    assert len(others | {first}) == 4
    now[0] += 2
    assert signer.sign(ADA, "party", Side.NEW, TRACE) != first


def test_a_signed_identity_ends_no_later_than_what_it_stands_on() -> None:
    now = time.time()
    signer = Signer(signing(), "strangler-test")
    told = read(signer.sign(replace(ADA, until=now + 5), "party", Side.NEW, TRACE), signing())
    assert told["exp"] <= now + 5


def test_signed_by_the_call_it_names_the_trace_and_is_made_each_time() -> None:
    configured = signing(per_call=True)
    signer = Signer(configured, "strangler-test")
    told = [
        read(signer.sign(ADA, "party", Side.NEW, each), configured)
        for each in (TRACE, TRACE.replace("a", "c"))
    ]
    assert [each["trace"] for each in told] == ["a" * 32, "c" * 32]


def test_a_signed_identity_is_for_one_function_alone() -> None:
    signer = Signer(signing(), "strangler-test")
    with pytest.raises(jwt.InvalidAudienceError):
        read(signer.sign(ADA, "party", Side.NEW, TRACE), signing(), audience="sale")


def test_only_claims_that_are_named_go_along() -> None:
    signer = Signer(signing(claims=["company", "nothing"]), "strangler-test")
    assert read(signer.sign(ADA, "party", Side.NEW, TRACE), signing())["claims"] == {"company": "1000"}


def test_all_keys_are_published_but_no_secret_is() -> None:
    assert [each["kid"] for each in public_keys(signing())["keys"]] == ["k1", "k2"]
    assert all("d" not in each for each in public_keys(signing())["keys"])
    assert public_keys(signing(algorithm="HS256")) == {"keys": []}


def test_with_hs256_a_service_checks_by_the_secret_itself() -> None:
    signed = Signer(signing(algorithm="HS256"), "strangler-test").sign(ADA, "party", Side.NEW, TRACE)
    assert jwt.decode(signed, b"s" * 32, algorithms=["HS256"], audience="party")["sub"] == "ada"


def test_only_so_many_signatures_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strangler.facade.identity.signing.KEPT", 5)
    signer = Signer(signing(algorithm="HS256"), "strangler-test")
    for number in range(20):
        signer.sign(replace(ADA, subject=str(number)), "party", Side.NEW, TRACE)
    assert len(signer._kept) == 5
