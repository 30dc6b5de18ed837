"""Named: asking about a function by its name, for code that has no request to show. Pure.

A question is put as a request that nothing but its function's name tells apart, and decided by what decides requests: so whoever asks
gets the answer that the facade would act by, the caller's bucket included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strangler.routing.asked import Asked, Who
from strangler.routing.decision import Decision, decide
from strangler.routing.route import Kind
from strangler.routing.standings import Standings
from strangler.routing.table import Found, compile_routes
from strangler.settings import Facade, Function, Match, Route

_METHODS: Final[dict[Kind, str]] = {"read": "GET", "write": "PUT"}


class Named:
    """The functions of a configuration, to be asked about."""

    def __init__(self, functions: Mapping[str, Function], facade: Facade | None) -> None:
        self._table = compile_routes({name: _by_name(name, each) for name, each in functions.items()}, facade)
        self._put: dict[tuple[str, Kind], tuple[Asked, Found]] = {}
        for name in functions:
            for kind, method in _METHODS.items():
                asked = Asked(method, f"/{name}", {})
                self._put[name, kind] = asked, self._table.find(asked)

    def ask(self, standings: Standings, function: str, kind: Kind, caller: str = "") -> Decision:
        """Who answers reads, or may write. `caller` is what keeps a caller on one side. Raises KeyError for an unknown function."""
        asked, found = self._put[function, kind]
        return decide(self._table, standings, asked, found, None, Who(caller), draw=1.0)


def _by_name(name: str, function: Function) -> Function:
    routes = [
        Route(match=Match(path=f"/{name}", method=[method]), kind=kind) for kind, method in _METHODS.items()
    ]
    return function.model_copy(update={"routes": routes})
