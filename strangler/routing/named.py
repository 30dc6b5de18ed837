"""Named: asking about a function by its name, for code that has no request to show. Pure.

A question is put as a request that nothing but its function's name tells apart, and decided by what decides requests: so whoever asks
gets the answer that the facade would act by, the caller's bucket included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strangler.routing.asked import Asked, Who
from strangler.routing.decision import decide
from strangler.routing.remembered import NOTHING, Remembered
from strangler.routing.route import Kind
from strangler.routing.ruling import Decision
from strangler.routing.standings import Standings
from strangler.routing.table import Found, compile_routes
from strangler.settings import Facade, Function, Match, Place, Route

_METHODS: Final[dict[Kind, str]] = {"read": "GET", "write": "PUT"}


class About(NamedTuple):
    """What a question is about. `caller` is what keeps a caller on one side; `cohort` and `key` (of a document) as far as they are known,
    where the function has any."""

    caller: str = ""
    cohort: str | None = None
    key: str | None = None


class Named:
    """The functions of a configuration, to be asked about."""

    def __init__(self, functions: Mapping[str, Function], facade: Facade | None) -> None:
        self._table = compile_routes({name: _by_name(name, each) for name, each in functions.items()}, facade)
        self._put: dict[tuple[str, Kind], tuple[Asked, Found]] = {}
        for name in functions:
            for kind, method in _METHODS.items():
                asked = Asked(method, f"/{name}", {})
                self._put[name, kind] = asked, self._table.find(asked)

    def ask(
        self, standings: Standings, function: str, kind: Kind, about: About, memory: Remembered = NOTHING
    ) -> Decision:
        """Who answers reads, or may write. Raises KeyError for an unknown function."""
        asked, found = self._put[function, kind]
        who = Who(about.caller, {"cohort": about.cohort, "key": about.key})
        return decide(self._table, standings, asked, found, None, who, 1.0, memory)


def _by_name(name: str, function: Function) -> Function:
    """The function with routes by its name alone, where what the question is about stands among the claims of who asks."""
    said: dict[str, Any] = {
        "routes": [
            Route(match=Match(path=f"/{name}", method=[method]), kind=kind)
            for kind, method in _METHODS.items()
        ]
    }
    if function.cohorts is not None:
        said["cohorts"] = function.cohorts.model_copy(update={"from_": [Place(claim="cohort")]})
    if function.documents is not None:
        said["documents"] = function.documents.model_copy(update={"key": [Place(claim="key")]})
    return function.model_copy(update=said)
