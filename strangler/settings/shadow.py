"""Shadow: what is asked of the new service beside legacy, and by which rules the two answers may differ.

`facade.shadow` holds for all functions; what a function says under `shadow` itself wins, and its rules come before the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from strangler.durations import write_duration
from strangler.settings.entities import Day, Ignoring, Key, Within
from strangler.settings.section import Duration, Name, Section, Share, Words

if TYPE_CHECKING:
    from strangler.settings.facade import Facade
    from strangler.settings.functions import Function

RuleKind = Literal["ignore", "unordered", "decimal", "time", "code map", "text", "empty"]


class ShadowRule(Section):
    """A difference between two answers that is known and accepted. docs/shadow.md has each kind with an example."""

    rule: RuleKind = Field(description="What kind of difference doesn't count.")
    path: str = Field(
        description="Where in the answer: dotted, `*` for any one step, `**` for any number of them; a dot in a name is written `\\.`. "
        "Empty is the whole answer.",
    )
    by: Key | None = Field(
        None,
        description="Of `unordered`: the field, or fields, by which the elements of both lists find each other; without it, "
        "elements that are alike do.",
    )
    within: Within = Field(
        None,
        description="How far apart two values may be: of `decimal` a number like 0.01, of `time` a duration like 1s. Without it only the "
        "way in which they are written may differ.",
    )
    zone: str | None = Field(
        None,
        description="Of `time`: the zone of moments that are written without one, by its name in the IANA database; by default UTC.",
    )
    map: Name | None = Field(
        None, description="Of `code map`: which of `code_maps` legacy's value is put through."
    )
    ignore: Ignoring = Field(
        default_factory=list,
        description="Of `text`, what of it doesn't count, one or several of: `trailing blanks`; `blanks` at both ends, and how many "
        "stand together in between; `case`.",
    )
    owner: Words = Field(description="Who answers for it.")
    reason: Words = Field(description="Why it is so.")
    until: Day = Field(
        None,
        description="The last day (in UTC) on which it holds; without it, it holds until it is taken out.",
    )

    @property
    def words(self) -> str:
        """What it allows, in a line; it is known by this in the control store: `decimal rows.*.price within 0.01`."""
        within = write_duration(self.within) if isinstance(self.within, timedelta) else self.within
        more = {
            "by": ", ".join(self.by or ()),
            "within": "" if within is None else str(within),
            "in": self.zone or "",
            "through": self.map or "",
            "without": ", ".join(self.ignore),
        }
        said = "".join(f" {word} {value}" for word, value in more.items() if value)
        return f"{self.rule} {self.path or '(all)'}{said}"

    def has_ended(self, today: date) -> bool:
        """Whether it hides nothing any more."""
        return self.until is not None and today > self.until


class Shadow(Section):
    """Reads sent to the new side too, and compared, never on the caller's time."""

    share: Share = Field(1.0, description="Share of reads that are shadowed in the stages shadow and canary.")
    queue: int = Field(
        256,
        ge=1,
        description="Most comparisons of one function that may wait; beyond it they are dropped and counted. A service that hasn't "
        "answered yet, or doesn't, has less room.",
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
    noise: Share = Field(
        0.05,
        description="Share of the shadowed reads for which legacy is asked a second time, to learn which fields it doesn't answer the "
        "same twice.",
    )
    rules: list[ShadowRule] = Field(
        default_factory=list,
        description="Differences that don't count, in any function; each with who says so.",
    )


class FunctionShadow(Section):
    """The same for one function: what isn't said here is as in `facade.shadow`."""

    share: Share | None = Field(None, description="Share of its reads that are shadowed.")
    timeout: Duration | None = Field(None, description="Deadline of one shadow call.")
    settle: Duration | None = Field(None, description="How long a difference may take to vanish.")
    credentials: bool | None = Field(
        None, description="Whether shadow calls carry the caller's Authorization and Cookie."
    )
    noise: Share | None = Field(
        None, description="Share of its reads for which legacy is asked a second time."
    )
    writes: bool = Field(
        False,
        description="Whether writes that legacy has accepted are put to the service as dry runs, and their effects compared with what "
        "sync derives. The service has to know the header X-Strangler-Dry-Run: see docs/shadow.md.",
    )
    rules: list[ShadowRule] = Field(
        default_factory=list,
        description="Differences that don't count; they come before those of all functions.",
    )


def shadow_of(facade: Facade, function: Function) -> Shadow:
    """How a function is shadowed: by what it says itself, else as the others."""
    own = {
        name: value
        for name in ("share", "timeout", "settle", "credentials", "noise")
        if (value := getattr(function.shadow, name)) is not None
    }
    return facade.shadow.model_copy(update={**own, "rules": [*function.shadow.rules, *facade.shadow.rules]})


def ended_rules(rules: list[ShadowRule], today: date) -> Iterator[str]:
    """What is to be said of each rule whose time is over."""
    for rule in rules:
        if rule.has_ended(today):
            yield f"the shadow rule `{rule.words}` held until {rule.until} and hides nothing any more; ask {rule.owner}"
