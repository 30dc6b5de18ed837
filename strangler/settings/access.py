"""Access: who callers are, what the new services are told of them, and who may run the facade."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

from strangler.identity import Identity
from strangler.people import ISSUED, Person
from strangler.roles import Role
from strangler.settings.section import Duration, Name, Section

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""What a token may be signed by: a private key of its issuer's. HS256 and its kin aren't among them, since whoever can check
those can make them; `none` isn't one."""


class Grants(Section):
    """Which roles or groups, as tokens of the issuer list them, may do what, by commands and in the admin API."""

    viewer: list[str] = Field(default_factory=list, description="Those who may look.")
    operator: list[str] = Field(
        default_factory=list,
        description="Those who may move functions, mend, force breakers and drain facades.",
    )
    approver: list[str] = Field(default_factory=list, description="Those who may approve moves, and hold.")
    admin: list[str] = Field(
        default_factory=list, description="Those who may do everything, and give and take access."
    )

    @property
    def any(self) -> bool:
        """Whether there is a role for anybody."""
        return any(getattr(self, role) for role in Role)

    def person(self, identity: Identity) -> Person:
        """Whoever the issuer vouches for, with the roles that this gives."""
        listed = set(identity.roles)
        roles = tuple(role for role in Role if not listed.isdisjoint(getattr(self, role)))
        return Person(identity.subject, roles, ISSUED)


class EdgeIdentity(Section):
    """Tokens (JWT, OIDC) that the facade itself checks before a call goes anywhere. Needs `pip install strangler[auth]`."""

    mode: Literal["off", "optional", "require"] = Field(
        "require",
        description="require: a call without a good token is answered 401. optional: a call without a token goes on, one with a bad "
        "token is answered 401. off: tokens go through unseen; commands and the admin API may still take them.",
    )
    issuer: str = Field(
        description="What `iss` of a token must be, to the letter: https://login.example.com/realms/erp."
    )
    audience: list[str] = Field(
        min_length=1,
        description="A token must be for one of these (`aud`), or it was given out for something else.",
    )
    jwks_url: str | None = Field(
        None,
        description="Where the issuer's keys are; by default what `<issuer>/.well-known/openid-configuration` names.",
    )
    jwks_file: Path | None = Field(
        None,
        description="The issuer's keys as a file, where the issuer can't be reached; relative to the configuration file.",
    )
    algorithms: list[Algorithm] = Field(
        ["RS256", "ES256", "EdDSA"],
        min_length=1,
        description="What tokens may be signed with; whatever a token itself says, nothing else is accepted.",
    )
    header: str = Field(
        "authorization",
        description="Header with the token, as `Bearer …`, or alone where it is another header than authorization.",
    )
    opaque: bool = Field(
        False,
        description="With mode optional: a bearer key that isn't a JWT at all, as ERPs give out themselves, counts as no token.",
    )
    type: str | None = Field(
        None,
        description="What `typ` of a token must be, where the issuer sets it: at+jwt keeps ID tokens out.",
    )
    subject: str = Field("sub", description="The claim that names the caller.")
    roles: str = Field(
        "roles",
        description="The claim that lists the caller's roles or groups, nested ones by dotted path: realm_access.roles.",
    )
    grants: Grants = Field(
        default_factory=Grants,
        description="Role → those of the listed roles or groups that have it, for commands and in the admin API; see docs/access.md.",
    )
    required: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Claim → the values of which it must have one; an empty list: it must be there.",
    )
    leeway: Duration = Field(
        timedelta(seconds=30), description="How far the issuer's clock may be off, for exp, nbf and iat."
    )
    refresh: Duration = Field(
        timedelta(minutes=5),
        description="How often the keys are fetched anew; a key that isn't known is asked for at once.",
    )
    stale: Duration = Field(
        timedelta(days=1), description="How long the last keys are good while the issuer doesn't answer."
    )


class Signing(Section):
    """The identity that new services get with each call, signed: the header X-Strangler-Identity. Needs `pip install strangler[auth]`."""

    algorithm: Literal["EdDSA", "HS256"] = Field(
        "EdDSA",
        description="EdDSA: services check with a public key (`strangler access keys`). HS256: they have the secret, "
        "and so each could make what another one believes.",
    )
    key: Name = Field(description="The one of `keys` that signs from now on; its name is the `kid`.")
    keys: dict[Name, SecretStr] = Field(
        min_length=1,
        description="Name → 32 random bytes in base64 (`openssl rand -base64 32`), best as ${VARIABLE}. An older one stays until no "
        "service needs its public key any more.",
    )
    lifetime: Duration = Field(
        timedelta(seconds=60),
        description="How long it is good, at most a minute; a third of that it is used again for the same caller and function.",
    )
    claims: list[str] = Field(
        default_factory=list,
        description="Claims of the caller that services get besides subject and roles, e.g. [tenant, company]; none by default, since "
        "what a service doesn't need it shouldn't have.",
    )
    per_call: bool = Field(
        False,
        description="Whether each call is signed by itself and names its trace, so that it can't be used for another one; costs a "
        "signature a call.",
    )


class Sessions(Section):
    """Sessions of the legacy ERP, put into what new services understand. Legacy is asked, seldom, whose a session is."""

    kind: str = Field(description="An entry point of `strangler.sessions` (tryton).")
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this kind knows; see its page."
    )
    ttl: Duration = Field(
        timedelta(seconds=60),
        description="How long an answer of legacy's is believed: for so long a session that ended elsewhere may go on here.",
    )
    stale: Duration = Field(
        timedelta(minutes=5), description="How much longer it is believed while legacy doesn't answer."
    )
    size: int = Field(10_000, ge=1, description="Most sessions that are remembered.")
    credentials: bool = Field(
        True, description="Whether new services get the legacy session too; false keeps it from them."
    )


class Tls(Section):
    """The certificate under which a port is answered by TLS."""

    certificate: Path = Field(description="File with the certificate and those that it is signed by, PEM.")
    key: Path = Field(description="File with its private key, PEM.")


class Admin(Section):
    """The admin API: how the facade stands, and what operators do to it. On a port of its own, for those with a token only."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. On another than a local one the port stays closed until somebody has a token.",
    )
    port: int = Field(
        8082,
        ge=0,
        le=65535,
        description="Port to listen on; 0 takes a free one. Of several workers the first listens here, the next one port further.",
    )
    tls: Tls | None = Field(
        None, description="Without it tokens travel in the clear; on a local address they may."
    )
