"""Resolution: from a flag's key and what is known of its function to the flag's value, the reason, and the words to it.

What can't be said is an error of OpenFeature's, upon which its client gives the caller's default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    FlagNotFoundError,
    GeneralError,
    InvalidContextError,
    OpenFeatureError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, Reason

from strangler.cutover.stages import EVERYONE, RULES, SETTLED, Reads, Side, Standing
from strangler.names import nearest
from strangler.routing import BUCKETS, Decision, Standings, Trust
from strangler.routing.named import About
from strangler.routing.route import Kind
from strangler.routing.ruling import UNPROCESSABLE

_FACETS: Final[Mapping[str, tuple[Kind, type]]] = {
    "": ("read", str),
    "owner": ("write", str),
    "new": ("read", bool),
}


class Flag(NamedTuple):
    """What a key names: a function, what is asked of it, and the type of the answer."""

    function: str
    kind: Kind
    type: type

    def value(self, side: Side) -> str | bool:
        return side is Side.NEW if self.type is bool else side.value


def keys(function: str) -> list[str]:
    """The keys of a function's flags."""
    return [f"{function}.{facet}" if facet else function for facet in _FACETS]


def flag(key: str, functions: Collection[str], asked: type) -> Flag:
    """The flag that a key names. Raises FlagNotFoundError, and TypeMismatchError when its value is of another type than is `asked` for."""
    function, _, facet = key.partition(".")
    if function not in functions or facet not in _FACETS or key.endswith("."):
        meant = nearest(key, [each for name in functions for each in keys(name)])
        raise FlagNotFoundError(
            f"no function has a flag {key!r}" + (f"; did you mean {meant!r}?" if meant else "")
        )
    kind, type_ = _FACETS[facet]
    if asked is not type_:
        raise TypeMismatchError(f"{key} is a {_WORDS[type_]}, not a {_WORDS.get(asked, asked.__name__)}")
    return Flag(function, kind, type_)


_WORDS: Final = {str: "string", bool: "boolean"}


def about_of(context: EvaluationContext | None) -> About:
    """What an evaluation is about: the targeting key, and the attributes `cohort` and `key`."""
    if context is None:
        return About()
    cohort, key = (context.attributes.get(name) for name in ("cohort", "key"))
    return About(
        context.targeting_key or "",
        None if cohort is None else str(cohort),
        None if key is None else str(key),
    )


def trusted(standings: Standings, asked: Flag, trouble: str) -> None:
    """Raises ProviderNotReadyError and GeneralError where nobody knows any more who owns the function."""
    if standings.trust is Trust.NEVER:
        raise ProviderNotReadyError(f"the control store hasn't been reached yet: {trouble}")
    moving = any(each.stage not in SETTLED for each in standings.all_of(asked.function))
    if standings.trust is Trust.LOST and moving:
        raise GeneralError(
            f"the control store has been out of reach for so long that {asked.function} may have moved unseen: {trouble}"
        )


def details(
    asked: Flag, decision: Decision, standings: Standings, about: About, *, home: bool, stale: bool
) -> FlagResolutionDetails[str | bool]:
    """The answer. `home`: it is known where the document was begun. `stale`: the control store can't be reached at this moment. Raises
    OpenFeatureError."""
    if decision.status is not None:
        raise _refused(asked, decision)
    standing = standings.of(asked.function, decision.cohort)
    reason = Reason.TARGETING_MATCH if home else _reason(asked, standing)
    if reason is Reason.SPLIT and not about.caller:
        raise TargetingKeyMissingError(
            f"{asked.function} is answered by new for some callers, so the context must say which caller it is: a targeting key"
        )
    told: dict[str, bool | int | float | str] = {
        "stage": standing.stage.value,
        "owner": standing.owner.value,
        "weight": standing.weight,
        "generation": standings.generation,
        "why": decision.why,
        "reason": reason.value,
    }
    if standing.cohort != EVERYONE:
        told["cohort"] = standing.cohort
    return FlagResolutionDetails(
        value=asked.value(decision.side),
        variant=decision.side.value,
        reason=Reason.STALE if stale else reason,
        flag_metadata=told,
    )


def _reason(asked: Flag, standing: Standing) -> Reason:
    """Of a cohort with a standing of its own the weight divides the callers, too."""
    if (
        asked.kind == "read"
        and RULES[standing.stage].reads is Reads.WEIGHTED
        and 0 < standing.weight < BUCKETS
    ):
        return Reason.SPLIT
    return Reason.STATIC if standing.cohort == EVERYONE else Reason.TARGETING_MATCH


def _refused(asked: Flag, decision: Decision) -> OpenFeatureError:
    words = f"{asked.function}: {decision.why}"
    return InvalidContextError(words) if decision.status == UNPROCESSABLE else GeneralError(words)
