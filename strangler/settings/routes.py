"""Routes: which requests belong to a function, and how they are put to its new service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from strangler.settings.codes import as_call
from strangler.settings.section import Section


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | dict) or value is None else [value]


def _as_lists(value: Any) -> Any:
    return {name: _as_list(each) for name, each in value.items()} if isinstance(value, dict) else value


Texts = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]
"""A text, or a list of texts any of which will do."""

Accepted = Annotated[
    dict[str, list[str]], BeforeValidator(_as_lists, json_schema_input_type=dict[str, str | list[str]])
]
"""Name → the value, or a list of values any of which will do; `*` is any value, as long as there is one."""


class Match(Section):
    """What a request must be for a route. All that is given must hold; of the routes that a request meets the most specific one
    takes it. See docs/routing.md."""

    path: str = Field(
        description="Path template: `/parties/{id}`; `{rest:path}` takes the remainder. Beside `odata` that of the service root."
    )
    method: Texts | None = Field(None, description="HTTP methods; all when absent.")
    host: Texts | None = Field(
        None, description="Hosts, without port: `erp.example.com`, or `*.example.com` for all below it."
    )
    headers: Accepted = Field(default_factory=dict, description="Header name → value or values.")
    query: Accepted = Field(
        default_factory=dict,
        description="Name in the query → value or values, e.g. action: [create, update].",
    )
    cookies: Accepted = Field(default_factory=dict, description="Cookie name → value or values.")
    json_body: Accepted = Field(
        default_factory=dict,
        alias="json",
        description="Dotted path in a JSON body → value or values, e.g. method: [model.party.party.read].",
    )
    form: Accepted = Field(
        default_factory=dict, description="Field of an urlencoded form in the body → value or values."
    )
    xml: Accepted = Field(
        default_factory=dict,
        description="Dotted path of local names from the root of an XML body → value or values, e.g. methodCall.methodName: [party.read]; "
        "`*` in a path stands for one element of any name, at its end for the name of the first one there.",
    )
    soap: Texts = Field(
        default_factory=list,
        description="Operations of SOAP: the local name of the first element of the Body, or the last part of the SOAPAction.",
    )
    odata: Texts = Field(
        default_factory=list,
        description="Entity sets of OData below the path: `Orders` is also Orders('1') and Orders('1')/Items.",
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

    kind: str = Field(
        description="An entry point of `strangler.protocols`: rest, jsonrpc, soap, odata, form."
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="What only this protocol knows; see docs/protocols.md."
    )
    class_: Annotated[str, AfterValidator(as_call)] | None = Field(
        None,
        alias="class",
        description="`module:Class` of your own for what the options can't say. A file of that name in `folder`, or a module that is "
        "installed.",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="What the class is made with, by name."
    )
    folder: Path = Field(
        Path(),
        description="Where the module's file is, and files that options name; by default that of the configuration file.",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
