"""Identity: who a caller is, as far as somebody vouches for it: the issuer of a token, or the legacy ERP for its own session.

Cohorts and overrides ask it, the new service is told of it. A caller without one isn't a bad caller: nobody vouches for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """One caller. Two that say the same are two all the same: what was made for one is found again by itself, at the price of a hash
    of its address.

    `claims`: what is said of the caller, nested ones by dotted path, all as text; lists aren't among them. `roles` are the values of the
    claim that names them. `until`: seconds since the epoch up to which this holds.
    """

    subject: str
    claims: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    until: float = float("inf")
