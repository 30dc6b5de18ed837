"""Routes: which requests belong to a function, and how they are put to its new service."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from strangler.settings.base import Section


class Match(Section):
    """What a request must be for a route. All that is given must hold."""

    path: str = Field(description="Path template: `/parties/{id}`; `{rest:path}` takes the remainder.")
    method: list[str] | None = Field(None, description="HTTP methods; all when absent.")
    headers: dict[str, str] = Field(default_factory=dict, description="Header name → exact value.")
    json_body: dict[str, list[str]] = Field(
        default_factory=dict,
        alias="json",
        description="Dotted path in a JSON body → the values that match, e.g. method: [model.party.party.read].",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Route(Section):
    """Which requests belong to the function, and whether they read or write."""

    match: Match
    kind: Literal["read", "write"] = Field(description="A read is answered by weight, a write by the owner.")
    operation: str | None = Field(
        None, description="What the protocol plugin calls it, when it can't tell from the request."
    )


class Service(Section):
    """The new service of a function."""

    url: str = Field(description="Base URL, e.g. http://127.0.0.1:9001.")
    health: str = Field("/healthz", description="Path that answers 200 when the service is well.")


class Protocol(Section):
    """How requests of the legacy contract are put to the new service and its answers put back."""

    kind: str = Field(description="An entry point of `strangler.protocols` (jsonrpc).")
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this protocol knows; see its page."
    )
