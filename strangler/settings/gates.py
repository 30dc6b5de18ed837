"""Gates: the conditions with evidence that a stage change needs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from strangler.settings.entities import CheckedSide, Severity
from strangler.settings.section import Duration, Name, Section, Share


class LagGate(Section):
    """The store is close behind the legacy database."""

    max: Duration = Field(
        timedelta(seconds=5),
        description="Longest age of what is committed in legacy and not yet in the store.",
    )


class DriftGate(Section):
    """The last reconciliation found both sides alike, and it is recent."""

    max: int = Field(0, ge=0, description="Most keys that may differ.")
    fresh: Duration = Field(
        timedelta(hours=1), description="Oldest reconciliation that still counts as evidence."
    )


class FreshnessGate(Section):
    """The source has been heard of just now."""

    max: Duration = Field(
        timedelta(seconds=30),
        description="Longest time since the source was last heard of; older means that lag says nothing.",
    )


class ShadowGate(Section):
    """The new service answers as the legacy one does."""

    max_mismatch: Share = Field(0.0, description="Largest share of compared reads that may differ.")
    max_noise: Share = Field(
        0.05,
        description="Largest share of compared reads that may differ in nothing but what legacy itself doesn't answer the same twice; "
        "with more it is inconclusive until rules name these fields.",
    )
    min_samples: int = Field(
        100, ge=1, description="Fewest comparisons for a verdict; fewer is inconclusive."
    )


class EffectsGate(Section):
    """The new service would have done what legacy did. Of a function whose writes are shadowed."""

    max_mismatch: Share = Field(
        0.0, description="Largest share of compared writes that may have another effect."
    )
    min_samples: int = Field(
        50, ge=1, description="Fewest writes compared for a verdict; fewer is inconclusive."
    )


class QuarantineGate(Section):
    """Nothing waits that couldn't be translated."""

    max: int = Field(0, ge=0, description="Most keys that may wait in quarantine.")


class ErrorsGate(Section):
    """The new service fails hardly more often than legacy. Of a function that callers read, once it is in canary."""

    max: Share = Field(
        0.01,
        description="By how much the share of calls that fail at the new service (500 and above, or no answer) may exceed legacy's.",
    )
    min_calls: int = Field(
        50, ge=1, description="Fewest calls that the new service must have answered; fewer is inconclusive."
    )
    window: Duration = Field(
        timedelta(hours=1),
        description="How far back calls count, at most to when the function came to its stage.",
    )


class LatencyGate(Section):
    """The new service answers about as quickly as legacy. Of a function that callers read."""

    max_ratio: float = Field(
        2.0, ge=1, description="How many times as long as legacy the new service may take, at p50 and at p95."
    )
    quick_enough: Duration = Field(
        timedelta(milliseconds=100), description="What is quick enough whatever legacy takes."
    )
    min_samples: int = Field(
        50, ge=1, description="Fewest answers of each side for a verdict; fewer is inconclusive."
    )
    window: Duration = Field(
        timedelta(hours=1),
        description="How far back calls that callers made count. Shadowed reads count from when the function came into shadow.",
    )


class LateWritesGate(Section):
    """Nobody writes in legacy any more what the new service owns."""

    quiet: Duration = Field(
        timedelta(hours=24),
        description="How long no late write may have come, and the new service have been the owner: as long as the rarest job that "
        "writes to legacy waits between two runs.",
    )


class QualityGate(Section):
    """The last run of the checks of data found nothing that blocks, and it is recent. Of a function that declares checks."""

    blocks: list[Severity] = Field(
        ["critical"],
        description="Severities of checks that mustn't fail: `critical`, `warning`, `info`.",
        min_length=1,
    )

    fresh: Duration = Field(timedelta(days=1), description="Oldest run that still counts as evidence.")
    on: list[CheckedSide] = Field(
        ["store"],
        description="What must have passed: by default the store, since that is what the new service answers from.",
        min_length=1,
    )


class WayBackGate(Section):
    """The way back was tried lately. Of a function with `return`."""

    fresh: Duration = Field(
        timedelta(days=7),
        description="Oldest rehearsal (`strangler rehearse`) that still counts as evidence.",
    )


class CustomGate(Section):
    """A gate of your own, for what Strangler doesn't know: a monitoring system, a list of open incidents."""

    kind: str = Field(description="An entry point of `strangler.gates`.")
    options: dict[str, Any] = Field(default_factory=dict, description="What only this gate knows.")
    stages: list[Literal["shadow", "canary", "live", "retired"]] = Field(
        ["canary", "live"], min_length=1, description="The stages on the way into which it is asked."
    )


class Gates(Section):
    """Conditions with evidence that a stage change needs. Sensible defaults hold when nothing is written."""

    lag: LagGate = Field(default_factory=LagGate)
    drift: DriftGate = Field(default_factory=DriftGate)
    freshness: FreshnessGate = Field(default_factory=FreshnessGate)
    shadow: ShadowGate = Field(default_factory=ShadowGate)
    effects: EffectsGate = Field(default_factory=EffectsGate)
    errors: ErrorsGate = Field(default_factory=ErrorsGate)
    latency: LatencyGate = Field(default_factory=LatencyGate)
    late_writes: LateWritesGate = Field(default_factory=LateWritesGate)
    quarantine: QuarantineGate = Field(default_factory=QuarantineGate)
    quality: QualityGate = Field(default_factory=QualityGate)
    way_back: WayBackGate = Field(default_factory=WayBackGate)
    custom: dict[Name, CustomGate] = Field(
        default_factory=dict, description="Gates of your own, by name; see docs/cutover.md."
    )
