"""The facade: the HTTP front that callers use."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from strangler.settings.base import Duration, Section, Share
from strangler.settings.observability import AccessLog
from strangler.settings.resilience import Breaker, Budget, Limits


class Sticky(Section):
    """What keeps a caller on one side: the first of these that the request has is hashed with the salt."""

    headers: list[str] = Field(
        default_factory=lambda: ["authorization"],
        description="Header names, in order of preference; by default authorization.",
    )
    cookies: list[str] = Field(default_factory=list, description="Cookie names, tried after the headers.")
    salt: SecretStr = Field(
        SecretStr("strangler"), description="Makes the buckets of this installation its own."
    )


class Shadow(Section):
    """Reads sent to the new side too, and compared, never on the caller's time."""

    share: Share = Field(1.0, description="Share of reads that are shadowed in the stages shadow and canary.")
    queue: int = Field(
        256, ge=1, description="Most comparisons that may wait; beyond it they are dropped and counted."
    )
    timeout: Duration = Field(timedelta(seconds=5), description="Deadline of one shadow call.")
    settle: Duration = Field(
        timedelta(seconds=2),
        description="How long a difference may take to vanish, since the store is behind by the lag; "
        "the service is asked again meanwhile.",
    )
    credentials: bool = Field(
        False, description="Whether shadow calls carry the caller's Authorization and Cookie."
    )
    ignore: list[str] = Field(
        default_factory=list,
        description="Dotted paths in the answer that are not compared (`*` matches one step).",
    )


class Facade(Section):
    """The HTTP front that callers use."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; local by default, so that nothing is exposed unasked."
    )
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    legacy: str = Field(description="Base URL of the legacy ERP.")
    connect_timeout: Duration = Field(
        timedelta(seconds=2), description="Longest wait for a connection to an upstream."
    )
    total_timeout: Duration = Field(
        timedelta(seconds=60), description="Longest time for a whole request; ERPs are slow."
    )
    read_timeout: Duration = Field(
        timedelta(seconds=60),
        description="Longest silence of an upstream, before its answer begins and within it.",
    )
    body_prefix: int = Field(
        65536,
        ge=256,
        description="Bytes of a body that are looked at for routing, where a route asks for it.",
    )
    ignore_case: bool = Field(
        False,
        description="Whether case is nothing in a path, as it is to IIS: then no route is missed for it.",
    )
    budget: Budget = Field(default_factory=Budget)
    breaker: Breaker = Field(default_factory=Breaker)
    limits: Limits = Field(default_factory=Limits)
    access_log: AccessLog = Field(default_factory=AccessLog)
    sticky: Sticky = Field(default_factory=Sticky)
    shadow: Shadow = Field(default_factory=Shadow)
