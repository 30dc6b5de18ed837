"""What the facade tells of the calls that it serves."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from strangler.settings.section import Duration, Section, Share


class AccessLog(Section):
    """One JSON line on stdout for each call: which side answered it, and why."""

    enabled: bool = Field(True, description="Without it no call is logged; metrics and traces stay.")
    client: Literal["none", "network", "address"] = Field(
        "none",
        description="What a line says of the caller: nothing, its network (/24 of IPv4, /48 of IPv6), or its address. An address is "
        "personal data where it can be traced to somebody, so keeping it needs a reason and an end.",
    )


def _as_endpoint(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("not an endpoint of OTLP over HTTP: write http://collector:4318/v1/traces")
    return value


class Traces(Section):
    """The trace that a call belongs to: gone on with, and, where there is an endpoint, told to a collector of OpenTelemetry."""

    endpoint: Annotated[str, AfterValidator(_as_endpoint)] | None = Field(
        None,
        description="Where spans go, by OTLP over HTTP: http://collector:4318/v1/traces. Needs `pip install strangler[otel]`. Without it "
        "the context is passed on and no span is made.",
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Headers for the endpoint, such as an Authorization."
    )
    timeout: Duration = Field(timedelta(seconds=10), description="Longest wait for the endpoint.")
    sample: Share = Field(
        1.0,
        description="Share of the traces begun here that are sampled, here and by whatever is asked. Of a trace that a caller began, "
        "the caller has decided.",
    )
    from_callers: bool = Field(
        True,
        description="Whether a caller's trace is gone on with. Without it each call begins its own: for a facade that strangers reach.",
    )
