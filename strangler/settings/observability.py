"""What the facade tells of the calls that it serves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strangler.settings.section import Section


class AccessLog(Section):
    """One JSON line on stdout for each call: which side answered it, and why."""

    enabled: bool = Field(True, description="Without it no call is logged; metrics and traces stay.")
    client: Literal["none", "network", "address"] = Field(
        "none",
        description="What a line says of the caller: nothing, its network (/24 of IPv4, /48 of IPv6), or its address. An address is "
        "personal data where it can be traced to somebody, so keeping it needs a reason and an end.",
    )
