"""Routes: which requests belong to a function, and how they are put to its new service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from strangler.settings.codes import as_call
from strangler.settings.section import Duration, Name, Section


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


class Place(Section):
    """A place in a request where a value stands: one of these."""

    header: str | None = Field(None, description="A header.")
    query: str | None = Field(None, description="A name in the query.")
    cookie: str | None = Field(None, description="A cookie.")
    path: str | None = Field(
        None, description="A parameter of the path template: `company` where that has {company}."
    )
    json_body: str | None = Field(None, alias="json", description="A dotted path in a JSON body.")
    form: str | None = Field(None, description="A field of an urlencoded form in the body.")
    xml: str | None = Field(None, description="A dotted path of local names from the root of an XML body.")
    claim: str | None = Field(None, description="A claim of the identity that the facade verified.")
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def named(self) -> list[tuple[str, str]]:
        """What is given of all that, as (key, name): one, in a configuration that is right."""
        given = self.model_dump(by_alias=True, exclude_none=True)
        return [(key, str(name)) for key, name in given.items()]


class CohortOf(Section):
    """Which cohort a row of an entity is of: one of these. `sale: company` is short for `sale: {name: company}`."""

    name: str | None = Field(
        None,
        description="SQL expression over the entity's fields, a text or an integer: the name of the row's cohort. A row for which it is "
        "NULL goes with the rest of the function.",
    )
    everyone: str | None = Field(
        None,
        min_length=1,
        description="Why the entity's rows are of no cohort, but everybody's: they move with the rest of the function.",
    )


def _as_cohort(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Cohorts(Section):
    """Slices of a function that move on their own: a company code, a plant, a tenant. The value that a request has, and the one that a row
    has, is the name of its cohort; one without a standing of its own goes with the rest of the function."""

    from_: list[Place] = Field(
        alias="from",
        min_length=1,
        description="Where a request says which cohort it is about; of several the first that it has.",
    )
    default: str | None = Field(
        None,
        description="The cohort of requests that show none. Without it they are refused while the cohorts stand on different sides.",
    )
    names: list[str] = Field(
        default_factory=list,
        description="All that there are. With them a command refuses any other, with the nearest of these: one that is misspelled gets a "
        "standing of its own, and nothing moves. Without them one that no row is of is refused, unless it is said to be new.",
    )
    of: dict[
        Name, Annotated[CohortOf, BeforeValidator(_as_cohort, json_schema_input_type=str | CohortOf)]
    ] = Field(
        default_factory=dict,
        description="Entity → which cohort its rows are of: a SQL expression over its fields, or why they are everybody's. Every entity of "
        "the function has a line here.",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Created(Section):
    """Where an answer tells the key of a document that was begun: one of these."""

    json_body: str | None = Field(
        None, alias="json", description="A dotted path in the JSON body of the answer: `id`, `result.0`."
    )
    location: str | None = Field(
        None,
        description="The Location header, as a path with one parameter: `/orders/{id}`, `/card.php?id={id}`.",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Documents(Section):
    """Documents that stay on the side on which they were begun, for reads and writes, whoever owns the function by then."""

    key: list[Place] = Field(
        min_length=1,
        description="Where a request says which document it is about; of several the first that it has.",
    )
    created: Created = Field(
        description="Where the answer to a write tells the key of the document that it began."
    )
    for_: Duration = Field(
        timedelta(days=30),
        alias="for",
        description="How long a document stays; by then it should be finished.",
    )
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


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
