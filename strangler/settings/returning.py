"""The way back: how what the new service writes returns to legacy, as long as new owns the function."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from strangler.settings.resilience import Breaker, HeaderName
from strangler.settings.section import Duration, Name, Section


class Request(Section):
    """A request of legacy's own API that brings an entity back. In texts `{column}` is what the column gets; see docs/cutover.md."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = Field(description="The method.")
    path: str = Field(
        description="Behind the API's URL, with its query: `/customers/{code}`. Values are percent-encoded."
    )
    body: Any = Field(
        None,
        description="The body's template; `{each: lines, as: …}` stands for a list with an element for each line. By default every column "
        "that leads back, with the children as lists of such; with PATCH only what changes, with DELETE nothing.",
    )
    form: bool = Field(
        False, description="Whether the body goes as a form, not as JSON; it is an object of texts then."
    )
    expect: list[int] = Field(
        [200, 201, 202, 204], min_length=1, description="The statuses that say that it was taken."
    )

    @field_validator("path")
    @classmethod
    def _begins_with_a_slash(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError("begin it with a slash: /customers/{code}")
        if re.search(r"[\s#]", value):
            raise ValueError("a path has neither blanks nor #")
        return value


class Requests(Section):
    """How one entity is brought back. What has no request here is held, when it comes, for a decision."""

    insert: Request | None = Field(None, description="Of one that legacy doesn't have.")
    update: Request | None = Field(None, description="Of one that legacy has.")
    delete: Request | None = Field(None, description="Of one that new has removed.")


class Api(Section):
    """The API of the legacy ERP, by which what new writes returns where nobody may write its tables."""

    url: SecretStr | None = Field(
        None, description="Its base URL, with a path if need be; by default `facade.legacy`."
    )
    headers: dict[HeaderName, SecretStr] = Field(
        default_factory=dict,
        description="What each request has beside its own headers, credentials first: `Authorization: Bearer ${ERP_TOKEN}`. A user of its "
        "own tells the ERP's administrators whose the changes are.",
    )
    check: str = Field(
        "/",
        description="A path that answers a GET when the API is well and the credentials are good; asked before a switch, by `doctor` and "
        "by `rehearse`. Any status below 500 but 401 and 403 is good.",
    )
    ca: Path | None = Field(
        None,
        description="With https: the file with the certificates of the authorities that may vouch for it (PEM), as of a company's own; by "
        "default the system's.",
    )
    connect_timeout: Duration = Field(timedelta(seconds=3), description="Longest wait for a connection.")
    timeout: Duration = Field(
        timedelta(seconds=30), description="Longest wait for an answer, and for each part of it."
    )
    settle: Duration = Field(
        timedelta(seconds=2),
        description="How long after an answer legacy's tables may take to show what was asked for; more where the API only puts it into a "
        "queue.",
    )
    idempotency: HeaderName = Field(
        "Idempotency-Key",
        description="Header with a key that is the same as often as the same changes are asked for.",
    )
    honours_idempotency: bool = Field(
        False,
        description="Whether the API does a POST or a PATCH with the same key only once. Otherwise one that nobody answered isn't "
        "repeated: unless its effect shows, it is held for a decision.",
    )
    breaker: Breaker = Field(
        default_factory=lambda: Breaker(window_calls=10, minimum=5),
        description="Keeps from asking an API that fails.",
    )
    requests: dict[Name, Requests] = Field(min_length=1, description="Entity → its requests.")


class Return(Section):
    """That what the new service writes returns to legacy once new owns the function, so that functions still on legacy see it and a
    rollback loses nothing. See docs/cutover.md."""

    through: Literal["tables", "api"] = Field(
        "tables",
        description="`tables`: the legacy rows are written. `api`: legacy is asked by its own API, where nobody may write its tables.",
    )
    api: Api | None = Field(None, description="With `through: api`.")
    url: SecretStr | None = Field(
        None,
        description="How to reach the legacy database for writing; by default as its source does. A user of its own tells the ERP's "
        "administrators whose the changes are.",
    )
    batch: int = Field(
        100, ge=1, description="Entities that are returned in one transaction of the legacy database."
    )
    max_conflicts: int = Field(
        100,
        ge=0,
        description="Entities that may be held because legacy was changed, too, or doesn't take them; with more nothing is returned until "
        "somebody has decided, for then it isn't single rows that are wrong.",
    )

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        if (self.through == "api") != (self.api is not None):
            raise ValueError("`through: api` and `api:` go together")
        if self.through == "api" and self.url is not None:
            raise ValueError("`url` is that of the database, and goes with `through: tables`")
        return self
