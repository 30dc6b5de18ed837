"""The facade: the HTTP front that callers use."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import Field, SecretStr

from strangler.settings.access import Admin, EdgeIdentity, Sessions, Signing, Tls
from strangler.settings.answering import Overrides, ReadYourWrites
from strangler.settings.observability import AccessLog, Traces
from strangler.settings.resilience import Breaker, Budget, Limits
from strangler.settings.section import Duration, Section
from strangler.settings.shadow import Shadow


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


class Callers(Section):
    """What a caller may take: slow ones, whether in sending or in taking, hold up nobody else, and not for ever."""

    head_bytes: int = Field(
        65536,
        ge=1024,
        description="Longest head of a call, and longest trailers; ERPs put much into cookies.",
    )
    body_bytes: int | None = Field(
        None, ge=0, description="Longest body of a call; beyond it 413. By default what the upstream takes."
    )
    head_time: Duration = Field(
        timedelta(seconds=10), description="Longest time for the head of a call; then 408."
    )
    body_time: Duration = Field(
        timedelta(seconds=30), description="Longest silence in the middle of a body; then 408."
    )
    write_time: Duration = Field(
        timedelta(seconds=60), description="Longest time in which a caller takes nothing of its answer."
    )
    idle_time: Duration = Field(
        timedelta(seconds=75),
        description="How long an idle connection is kept: longer than clients and balancers keep theirs.",
    )


class Facade(Section):
    """The HTTP front that callers use."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; local by default, so that nothing is exposed unasked."
    )
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        1, ge=1, le=256, description="Processes of `strangler facade`, one for each core that it may have."
    )
    legacy: str = Field(description="Base URL of the legacy ERP.")
    tls: Tls | None = Field(None, description="Without it callers are answered by plain HTTP.")
    trusted_proxies: list[IPv4Network | IPv6Network] = Field(
        default_factory=list,
        description="Networks of the balancers before the facade, e.g. 10.0.0.0/8: only they are believed what they say of who "
        "called (X-Forwarded-*).",
    )
    connect_timeout: Duration = Field(
        timedelta(seconds=2), description="Longest wait for a connection to an upstream."
    )
    total_timeout: Duration = Field(
        timedelta(seconds=60), description="Longest time for a whole request; ERPs are slow."
    )
    doubtful_write: Duration = Field(
        timedelta(seconds=10),
        description="How long a switch still waits for a write that was given up (no answer in time, a connection that broke), since "
        "legacy may be doing it; 0s: not at all.",
    )
    read_timeout: Duration = Field(
        timedelta(seconds=60),
        description="Longest silence of an upstream, before its answer begins and within it.",
    )
    idle_timeout: Duration = Field(
        timedelta(hours=1),
        description="Longest silence of both sides of a stream: of server-sent events, or a WebSocket. Streams have no total timeout.",
    )
    drain: Duration = Field(
        timedelta(seconds=30),
        description="Longest time that calls under way get to finish when the facade stops.",
    )
    connections: int = Field(
        1000,
        ge=1,
        description="Most connections to one upstream; a call beyond them waits as long as for a new connection. Each upstream has its "
        "own, so that one that hangs takes none from the others.",
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
    callers: Callers = Field(default_factory=Callers)
    budget: Budget = Field(default_factory=Budget)
    breaker: Breaker = Field(default_factory=Breaker)
    limits: Limits = Field(default_factory=Limits)
    access_log: AccessLog = Field(default_factory=AccessLog)
    traces: Traces = Field(default_factory=Traces)
    proxy_status: Literal["errors", "all"] = Field(
        "errors",
        description="Which answers say in Proxy-Status (RFC 9209) what the facade did: those that it made itself or whose upstream failed, "
        "or all, with the side that answered.",
    )
    server_timing: bool = Field(
        False,
        description="Whether answers say in Server-Timing how long facade and upstream took. Times can tell strangers what they "
        "shouldn't know, such as whether a key exists.",
    )
    sticky: Sticky = Field(default_factory=Sticky)
    read_your_writes: ReadYourWrites = Field(default_factory=ReadYourWrites)
    overrides: Overrides | None = Field(None, description="Without it no header says which side answers.")
    pins: int = Field(
        500_000,
        ge=1,
        description="Documents of which a facade knows the side (`functions.*.documents`), about 150 bytes each. With more, calls about "
        "documents that aren't known are refused once a side that there are more of isn't the owner.",
    )
    shadow: Shadow = Field(default_factory=Shadow)
    identity: EdgeIdentity | None = Field(
        None, description="Without it credentials go through, and nobody but the upstreams looks at them."
    )
    sessions: Sessions | None = Field(
        None, description="Without it new services get the legacy session as it is."
    )
    signing: Signing | None = Field(
        None, description="Without it new services aren't told who the caller is."
    )
    admin: Admin | None = Field(None, description="Without it there is no admin API.")
    public_health: bool = Field(
        True,
        description="Whether callers' port tells /metrics and the details of /healthz and /readyz; false leaves them to the admin "
        "port, and here only whether the facade is well and ready.",
    )
