"""Tokens at the edge: a real issuer, a real facade between real upstreams, and tokens of every kind of wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import secrets
import time
import timeit
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strangler.facade.answers import Refusal
from strangler.facade.identity import issuer as issuers
from strangler.facade.identity.issuer import Issuer as Keeping
from strangler.facade.identity.keys import read_keys
from strangler.facade.identity.verifier import KNOWN, Verifier
from strangler.facade.protocol import Answer
from strangler.settings import EdgeIdentity
from tests.facade.conftest import Echo, Front, Running, Serve, settings, until
from tests.facade.issuing import AUDIENCE, Issuer, jwk, private, token, without_padding
from tests.facade.test_facade import call

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


def section(issuer: str, **more: Any) -> dict[str, Any]:
    return {"issuer": issuer, "audience": [AUDIENCE], **more}


class Scene:
    """A facade that checks tokens of an issuer, before a legacy ERP."""

    def __init__(self, facade: Running, issuer: Issuer, legacy: Echo) -> None:
        self.facade, self.issuer, self.legacy = facade, issuer, legacy

    async def ask(self, authorization: str | None, header: str = "authorization") -> tuple[int, str, Any]:
        headers = {} if authorization is None else {header: authorization}
        return await call(f"{self.facade.url}/parties/1", "GET", headers=headers)

    async def bearer(self, given: str) -> tuple[int, str, Any]:
        return await self.ask(f"Bearer {given}")


Stage = Callable[..., Any]


@pytest.fixture
def scene(serve: Serve, front: Front) -> Stage:
    async def begin(issuer: Issuer | None = None, *, known: bool = True, **more: Any) -> Scene:
        issuer, legacy = issuer or Issuer(), Echo("legacy")
        await issuer.begin(serve)
        identity = section(issuer.url, **more)
        facade = await front(settings((await serve(legacy)).url, facade={"identity": identity}))
        if known:
            await until(lambda: not facade.parts.credentials.trouble)
        return Scene(facade, issuer, legacy)

    return begin


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_good_token_of_each_algorithm_goes_through(scene: Stage, algorithm: str) -> None:
    at = await scene(Issuer(jwk(algorithm, "k1")), algorithms=ALGORITHMS)
    given = at.issuer.token(algorithm=algorithm)
    assert [(await at.bearer(given))[0] for _ in range(2)] == [200, 200]
    passed_on = [headers["authorization"] for _, _, headers, _ in at.legacy.asked]
    assert passed_on == [f"Bearer {given}"] * 2, "legacy gets what the caller sent"


def hand_made(header: dict[str, Any], payload: dict[str, Any], secret: bytes = b"") -> str:
    """A token as an attacker makes it: signed with a hash where there is a secret, else not at all."""
    parts = [without_padding(json.dumps(part).encode()) for part in (header, payload)]
    mac = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest() if secret else b""
    return ".".join([*parts, without_padding(mac)])


def payload(issuer: str, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": issuer, "aud": AUDIENCE, "sub": "ada", "exp": now + 300, **more}


def as_pem(name: str) -> bytes:
    return bytes(
        private("RS256", name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def tampered(given: str) -> str:
    head, _, signature = given.split(".")
    return ".".join([head, without_padding(json.dumps({"sub": "root", "exp": 9e12}).encode()), signature])


NOW = time.time
BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "expired": (lambda i: token(i, exp=int(NOW()) - 60), "has expired"),
    "not yet": (lambda i: token(i, nbf=int(NOW()) + 600), "isn't valid yet"),
    "issued in the future": (lambda i: token(i, iat=int(NOW()) + 600), "isn't valid yet"),
    "without an end": (lambda i: token(i, exp=None), "has no claim 'exp'"),
    "an end that is no number": (lambda i: token(i, exp="tomorrow"), "can't be read"),
    "for somebody else": (lambda i: token(i, aud="crm"), "is for somebody else"),
    "for nobody": (lambda i: token(i, aud=None), "has no claim 'aud'"),
    "an audience of another form": (lambda i: token(i, aud={"erp": True}), "is for somebody else"),
    "from another issuer": (lambda i: token(f"{i}/"), "from another issuer"),
    "from nobody": (lambda i: token(i, iss=None), "has no claim 'iss'"),
    "of nobody": (lambda i: token(i, sub=None), "has no claim 'sub'"),
    "of the wrong tenant": (lambda i: token(i, tenant="other"), "claim 'tenant' isn't as it must be"),
    "of no tenant": (lambda i: token(i, tenant=None), "claim 'tenant' isn't as it must be"),
    "signed by nobody": (lambda i: hand_made({"alg": "none", "kid": "k1"}, payload(i)), "algorithm"),
    "none, in other letters": (lambda i: hand_made({"alg": "nOnE", "kid": "k1"}, payload(i)), "algorithm"),
    "without an algorithm": (lambda i: hand_made({"kid": "k1"}, payload(i)), "algorithm"),
    "an algorithm that is a list": (lambda i: hand_made({"alg": ["RS256"], "kid": "k1"}, payload(i)), "algorithm"),
    "hashed with the public key": (
        lambda i: hand_made({"alg": "HS256", "kid": "k1"}, payload(i), as_pem("k1")), "algorithm"),
    "hashed, said to be signed": (
        lambda i: hand_made({"alg": "RS256", "kid": "k1"}, payload(i), as_pem("k1")), "signature"),
    "an algorithm that wasn't asked for": (lambda i: token(i, algorithm="PS512"), "algorithm"),
    "signed by another key of that name": (
        lambda i: token(i, key=private("RS256", "attacker")), "signature isn't the issuer's"),
    "with its own key in it": (
        lambda i: token(i, key=private("RS256", "attacker"), headers={"jwk": jwk("RS256", "attacker")}), "signature"),
    "with its own place of keys": (
        lambda i: token(i, key=private("RS256", "attacker"), headers={"jku": "http://127.0.0.1/"}), "signature"),
    "a key of another algorithm": (lambda i: token(i, algorithm="ES256", name="k1"), "key isn't one"),
    "changed afterwards": (lambda i: tampered(token(i, tenant="acme")), "signature"),
    "asks for what nobody knows": (
        lambda i: hand_made({"alg": "RS256", "crit": ["b64"], "b64": True}, payload(i), b"x"), "isn't understood"),
    "not a token": (lambda i: "garbage", "can't be read"),
    "three empty parts": (lambda i: "..", "can't be read"),
    "a header that isn't JSON": (lambda i: f"{without_padding(b'RS256')}.e30.x", "can't be read"),
    "a header that is a list": (lambda i: f"{without_padding(b'[]')}.e30.x", "can't be read"),
    "a header too deep": (lambda i: f"{without_padding(b'[' * 6000)}.e30.x", "can't be read"),
}  # fmt: skip


async def test_no_bad_token_comes_through_and_each_is_told_why(scene: Stage) -> None:
    at = await scene(
        Issuer(jwk("RS256", "k1"), jwk("ES256", "k2")),
        algorithms=["RS256", "ES256"], required={"tenant": ["acme"]},
    )  # fmt: skip
    for name, (make, words) in BAD.items():
        status, text, headers = await at.bearer(make(at.issuer.url))
        told = headers.get("www-authenticate", "")
        assert status == 401, name
        assert words in json.loads(text)["detail"], name
        assert told.startswith('Bearer realm="strangler", error="invalid_token", error_description="'), name
        assert headers["cache-control"] == "no-store"
    assert at.legacy.asked == []
    assert (await at.bearer(at.issuer.token(tenant="acme")))[0] == 200
    assert (await at.bearer(at.issuer.token(tenant=["x", "acme"], algorithm="ES256", name="k2")))[0] == 200


@pytest.mark.parametrize(
    "given", ["Bearer", "Bearer ", "Bearer a, Bearer b", "Bearer a b", f"Bearer {'x' * 20_000}"]
)
async def test_what_can_be_no_token_is_a_bad_request(scene: Stage, given: str) -> None:
    at = await scene()
    status, _, headers = await at.ask(given)
    assert status == 400
    assert 'error="invalid_request"' in headers["www-authenticate"]
    assert at.legacy.asked == []


async def test_who_has_no_token_is_told_to_bring_one_and_nothing_more(scene: Stage) -> None:
    at = await scene()
    for given in (None, "Basic YTpi", "Session abc"):
        status, text, headers = await at.ask(given)
        assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="strangler"')
        assert "needs one" in text
    assert at.legacy.asked == []


async def test_where_tokens_are_optional_only_bad_ones_are_refused(scene: Stage) -> None:
    at = await scene(mode="optional")
    good, bad = at.issuer.token(), at.issuer.token(aud="crm")
    asked = [
        None,
        "Basic YTpi",
        "Session abc",
        f"Bearer {good}",
        f"bearer {good}",
        f"Bearer {bad}",
        "Bearer key",
    ]
    assert [(await at.ask(each))[0] for each in asked] == [200, 200, 200, 200, 200, 401, 401]


async def test_bearer_keys_of_the_erp_pass_where_that_is_wanted_and_bad_tokens_still_dont(
    scene: Stage,
) -> None:
    at = await scene(mode="optional", opaque=True)
    bad = at.issuer.token(aud="crm")
    assert [(await at.bearer(each))[0] for each in ("a-key-of-the-erp", bad)] == [200, 401]


async def test_off_looks_at_nothing(scene: Stage) -> None:
    at = await scene(mode="off")
    assert [(await at.ask(each))[0] for each in (None, "Bearer garbage")] == [200, 200]


async def test_a_token_may_stand_in_another_header_with_or_without_its_scheme(scene: Stage) -> None:
    at = await scene(header="X-Access-Token")
    good = at.issuer.token()
    for given, status in ((good, 200), (f"Bearer {good}", 200), ("garbage", 401)):
        assert (await at.ask(given, "x-access-token"))[0] == status
    assert (await at.bearer(good))[0] == 401


async def test_a_type_that_is_wanted_keeps_id_tokens_out(scene: Stage) -> None:
    at = await scene(type="at+jwt")
    given = [at.issuer.token(headers={"typ": typ}) for typ in ("JWT", "at+jwt", "application/at+JWT")]
    assert [(await at.bearer(each))[0] for each in given] == [401, 200, 200]


async def test_a_new_key_of_the_issuers_is_fetched_at_once_and_made_up_ones_seldom(
    scene: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await scene()
    assert at.issuer.fetches == 1
    # Right after a fetch nobody asks again for a key that isn't there.
    assert [
        (await at.bearer(at.issuer.token(name=f"made-up-{i}", key=private("RS256", "k1"))))[0]
        for i in range(20)
    ] == [401] * 20
    assert at.issuer.fetches == 1
    monkeypatch.setattr(issuers, "REFETCH", 0.2)
    at.issuer.keys.append(jwk("RS256", "k2"))
    fresh = at.issuer.token(name="k2")
    seen = []

    async def taken() -> bool:
        status, text, headers = await at.bearer(fresh)
        seen.append(status)
        if status == 503:
            assert headers["retry-after"] == "1"
            assert "can't be checked now" in text
        return status == 200

    while not await taken():
        assert len(seen) < 500
    assert set(seen) <= {401, 503, 200}
    assert at.issuer.fetches == 2
    assert (await at.bearer(at.issuer.token()))[0] == 200


async def test_a_key_that_the_issuer_withdraws_takes_its_tokens_with_it(scene: Stage) -> None:
    at = await scene(Issuer(jwk("RS256", "k1"), jwk("ES256", "k2")), refresh="100ms")
    given = at.issuer.token()
    assert (await at.bearer(given))[0] == 200
    del at.issuer.keys[0]
    statuses = [200]
    while statuses[-1] == 200:
        statuses.append((await at.bearer(given))[0])
        assert len(statuses) < 1000
    assert (await at.bearer(at.issuer.token(algorithm="ES256", name="k2")))[0] == 200


async def test_while_the_issuer_was_never_reached_nobody_is_called_a_liar(
    scene: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "AGAIN", 0.05)
    issuer = Issuer()
    issuer.away = True
    at = await scene(issuer, known=False)
    await until(lambda: "answered 503" in at.facade.parts.credentials.trouble)
    status, text, headers = await at.bearer(at.issuer.token())
    assert (status, headers["retry-after"]) == (503, "1")
    assert "the issuer answered 503 to" in json.loads(text)["detail"]
    issuer.away = False
    await until(lambda: not at.facade.parts.credentials.trouble)
    assert (await at.bearer(at.issuer.token()))[0] == 200


async def test_while_the_issuer_is_away_the_last_keys_are_good(
    scene: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "AGAIN", 0.05)
    at = await scene(refresh="50ms")
    at.issuer.away = True
    await until(lambda: bool(at.facade.parts.credentials.trouble))
    assert (await at.bearer(at.issuer.token()))[0] == 200
    # Whether the issuer has a new key nobody can tell now.
    assert (await at.bearer(at.issuer.token(name="k9")))[0] == 503


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"issuer": "https://evil.example"}, "is of another issuer"),
        ({"jwks_uri": "http://keys.example/"}, "no place for its keys that is safe"),
        ({"jwks_uri": None}, "no place for its keys that is safe"),
    ],
)
async def test_what_an_issuer_says_of_its_keys_is_doubted(
    scene: Stage, said: dict[str, Any], words: str
) -> None:
    issuer = Issuer()
    issuer.said = said
    at = await scene(issuer, known=False)
    await until(lambda: words in at.facade.parts.credentials.trouble)
    assert (await at.bearer(at.issuer.token()))[0] == 503


async def test_keys_may_come_from_a_place_or_a_file_of_their_own(
    scene: Stage, serve: Serve, tmp_path: Any
) -> None:
    elsewhere = Issuer(jwk("RS256", "k7"))
    place = (await elsewhere.begin(serve)).url
    at = await scene(jwks_url=f"{place}/certs?v=1")
    assert elsewhere.asked == ["/certs"]
    assert (await at.bearer(at.issuer.token(name="k7")))[0] == 200
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk("RS256", "k8")]}))
    at = await scene(jwks_file=str(file))
    assert (await at.bearer(at.issuer.token(name="k8")))[0] == 200
    assert at.issuer.asked == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("no JSON", "isn't JSON"),
        ("[]", "has no list of keys"),
        ({"keys": []}, "has no key for RS256"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}, "key 's': is for none of the algorithms"),
        ({"keys": [jwk("RS256", "k1", use="enc")]}, "key 'k1': isn't for signatures"),
        ({"keys": [jwk("RS256", "k1", key_ops=["sign"])]}, "key 'k1': isn't for signatures"),
        ({"keys": [jwk("RS256", "k1", alg="RS512")]}, "key 'k1': is for none of the algorithms"),
        ({"keys": [{"kty": "RSA", "kid": "k1"}]}, "key 'k1': can't be read"),
        ({"keys": ["k1"]}, "key number 1: isn't an object"),
    ],
)  # fmt: skip
def test_a_document_without_a_key_that_fits_is_told_in_words(keys: Any, words: str) -> None:
    with pytest.raises(ValueError, match=" ") as told:
        read_keys(keys if isinstance(keys, str) else json.dumps(keys), ["RS256"])
    assert words in str(told.value)


def test_a_weak_key_is_passed_over_and_the_others_are_taken() -> None:
    keys = read_keys(json.dumps({"keys": [jwk("RS256", "weak"), jwk("RS256", "k1")]}), ["RS256", "PS256"])
    assert set(keys.held) == {("k1", "RS256"), ("k1", "PS256")}
    assert keys.passed_over == ("key 'weak': has 1024 bits, fewer than 2048",)


def test_a_token_without_a_key_id_is_for_the_only_key_there_is() -> None:
    one, two = (json.dumps({"keys": [jwk("RS256", name) for name in names]}) for names in (["a"], ["a", "b"]))
    assert read_keys(one, ["RS256"]).find(None, "RS256") is not None
    assert read_keys(two, ["RS256"]).find(None, "RS256") is None


class Sitting:
    """A verifier without a facade, whose clocks are moved by hand."""

    def __init__(self, **more: Any) -> None:
        self.now = 1_000_000.0
        self.keys: list[dict[str, Any]] = [jwk("EdDSA", "k1")]
        self.away = False
        configured = EdgeIdentity.model_validate(
            section("https://id.example", jwks_url="https://id.example/keys", **more)
        )
        self.issuer = Keeping(configured, self.fetch, lambda: self.now)
        self.verifier = Verifier(configured, self.issuer, lambda: self.now)

    async def fetch(self, name: str, url: str) -> Answer:
        if self.away:
            raise Refusal(502, f"{name} doesn't accept connections")
        return Answer(200, (), json.dumps({"keys": self.keys}).encode())

    def token(self, **claims: Any) -> str:
        made = {"iat": time.time(), "exp": time.time() + 300, **claims}
        return token("https://id.example", algorithm="EdDSA", **made)

    def check(self, given: str) -> Any:
        return self.verifier.check({"authorization": f"Bearer {given}"})


async def test_an_identity_has_what_the_token_says_as_texts() -> None:
    at = Sitting(roles="realm_access.roles", subject="preferred_username")
    await at.issuer.fetch()
    who = at.check(
        at.token(
            preferred_username="ada", company=1000, vip=True, groups=["a"], realm_access={"roles": ["clerk", "buyer"]},
            address={"country": "PL"}, nothing=None, **{"https://acme/tenant": "north"},
        )
    )  # fmt: skip
    assert (who.subject, who.roles) == ("ada", ("clerk", "buyer"))
    told = {
        name: who.claims.get(name) for name in ("company", "vip", "address.country", "https://acme/tenant")
    }
    assert told == {"company": "1000", "vip": "true", "address.country": "PL", "https://acme/tenant": "north"}
    assert not {"groups", "nothing"} & set(who.claims)


async def test_a_known_token_ends_when_it_says_so_and_not_later_than_the_clocks_may_differ() -> None:
    at = Sitting(leeway="10s")
    at.now = time.time()
    await at.issuer.fetch()
    who = at.check(at.token(exp=int(at.now) + 60))
    assert who.until == int(at.now) + 70
    nearly_over = at.token(exp=int(at.now) - 8)
    first = at.check(nearly_over)
    assert at.check(nearly_over) is first
    at.now = first.until
    # It is looked at anew, as if it had never been seen.
    assert at.check(nearly_over) is not first


async def test_after_too_long_a_silence_the_last_keys_are_no_good_any_more() -> None:
    at = Sitting(stale="1h")
    await at.issuer.fetch()
    at.away = True
    at.now += 3599
    await at.issuer.fetch()
    assert at.check(at.token()).subject == "ada"
    at.now += 2
    with pytest.raises(Refusal, match="the issuer doesn't accept connections") as refused:
        at.check(at.token(jti="another"))
    assert refused.value.status == 503


async def test_only_so_many_tokens_are_remembered_and_the_oldest_go() -> None:
    at = Sitting()
    await at.issuer.fetch()
    first = at.token()
    at.check(first)
    identity = at.check(at.token(jti="1"))
    for number in range(KNOWN):
        at.verifier._keep(f"Bearer {number}", identity)
    assert len(at.verifier._known) == KNOWN
    assert f"Bearer {first}" not in at.verifier._known


async def test_a_known_token_costs_less_than_three_microseconds() -> None:
    at = Sitting()
    at.now = time.time()
    await at.issuer.fetch()
    headers = {"authorization": f"Bearer {at.token(padding='x' * 600)}", "host": "erp"}
    assert at.verifier.check(headers) is at.verifier.check(headers)
    # Each round makes the header anew, as each request does: an equal text isn't the same one.
    texts = [dict(headers, authorization=headers["authorization"].encode().decode()) for _ in range(2000)]
    check = at.verifier.check
    best = min(timeit.repeat(lambda: [check(each) for each in texts], number=1, repeat=7)) / len(texts)
    assert best < 3e-6


def test_no_text_whatever_makes_the_check_fail_otherwise_than_by_refusing() -> None:
    at, random_one = Sitting(), random.Random(7)
    letters = "eyJ.-_=+/ABCabc019{}[]\"', \t\x00é\udc80€"
    for _ in range(3000):
        given = "".join(random_one.choice(letters) for _ in range(random_one.randrange(40)))
        with pytest.raises(Refusal):
            at.check(given)
    head = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"k1"}').decode().rstrip("=")
    for _ in range(300):
        with pytest.raises(Refusal):
            at.check(f"{head}.{secrets.token_urlsafe(20)}.{secrets.token_urlsafe(64)}")
