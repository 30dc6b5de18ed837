"""Guarding: the ways into a call from connections and from the clock. What goes wrong within is told to the caller, and leaves nothing
half done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Protocol, TypeVar, TypeVarTuple, cast

from strangler.facade.answers import Refusal


class Answerable(Protocol):
    """Who tells the caller."""

    def refuse(self, refusal: Refusal) -> None:
        """The facade answers by itself."""

    def defect(self, error: Exception) -> None:
        """The facade itself failed."""


S = TypeVar("S")
Ts = TypeVarTuple("Ts")
Way = Callable[[S, *Ts], None]


def guarded(whose: Callable[[S], Answerable]) -> Callable[[Way[S, *Ts]], Way[S, *Ts]]:
    """Marks a way in; `whose` says who tells the caller of this one. Arguments are told by place."""

    def guard(method: Way[S, *Ts]) -> Way[S, *Ts]:
        @wraps(method)
        def within(self: S, *told: *Ts) -> None:
            try:
                method(self, *told)
            except Refusal as refusal:
                whose(self).refuse(refusal)
            except Exception as error:  # noqa: BLE001  # the last line: a defect here must not look like the ERP's
                whose(self).defect(error)

        return cast("Way[S, *Ts]", within)

    return guard
