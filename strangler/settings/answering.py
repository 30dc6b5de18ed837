"""Answering: who answers beyond what a function's stage says: those who wrote just now, and testers."""

from __future__ import annotations

from pydantic import Field, SecretStr

from strangler.settings.section import Section


class ReadYourWrites(Section):
    """Who has written to legacy reads from legacy until the store has the write, also where a weight says new."""

    enabled: bool = Field(
        True, description="Without it a canary may show callers less than they have just written."
    )
    cookie: bool = Field(
        False,
        description="Tell other facades of a write by a cookie of the caller; needed where its calls may come to several of them.",
    )
    name: str = Field("strangler-wrote", description="What the cookie is called.")
    most: int = Field(
        100_000,
        ge=1,
        description="Writes of a function that are remembered one by one; with more, all its reads stay on legacy for a while.",
    )


class Tester(Section):
    """Who may say which side answers: who has the token, or whose verified identity has the role or the claim. One of these."""

    token: SecretStr | None = Field(
        None, min_length=16, description="A secret that testers send along, best as ${VARIABLE}."
    )
    role: str | None = Field(None, description="A role of the identity that the facade verified.")
    claim: str | None = Field(None, description="A claim of that identity.")
    values: list[str] = Field(
        default_factory=list,
        description="Values of the claim, any of which will do; without any, that it is there.",
    )


class Overrides(Section):
    """Testers may say by a header which side answers a read: `new`, or `legacy`. A write goes to the owner, whatever they say."""

    header: str = Field("X-Strangler-Side", description="The header that says the side.")
    token_header: str = Field(
        "X-Strangler-Token", description="The header with the token; it isn't passed on to either side."
    )
    allow: list[Tester] = Field(
        min_length=1, description="Who may; for everybody else the header says nothing."
    )
