"""The provider: what `openfeature-sdk` asks, answered from the control store's standings as this process knows them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata

from strangler import assembly, configuration
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import Refused
from strangler.facade.inside import Inside, Write
from strangler.facade.standing import LEASE
from strangler.routing import Standings, Trust
from strangler.routing.named import About
from strangler.settings import Settings
from strangler_adapters.openfeature.resolution import about_of, details, flag, keys, trusted

WAIT: Final = 5.0
"""Seconds that `set_provider_and_wait` waits for the control store, and that a shutdown waits for writes under way."""

_NEVER: Final = Standings()


class _State(Enum):
    NEVER = "not reached yet"
    READY = "reached"
    STALE = "out of reach for the moment"
    LOST = "out of reach for too long"


class StranglerProvider(AbstractProvider):
    """Answers from `strangler.yaml` (its path, or the settings that were read from it) and the control store that it names.

    `name` is how people know this process; they are shown it when a switch waits for it. `wait`: seconds, see `WAIT`. One provider may
    serve any number of clients, threads and event loops, but not a process that is forked off afterwards: make one in each.
    """

    def __init__(
        self,
        settings: Settings | Path | str,
        *,
        name: str = "in-process code",
        wait: float = WAIT,
        lease: float = LEASE,
    ) -> None:
        super().__init__()
        self._settings = settings if isinstance(settings, Settings) else configuration.load(Path(settings))
        self._name, self._wait, self._lease = name, wait, lease
        self._inside: Inside | None = None
        self._lock = threading.Lock()
        self._begun, self._state, self._known = False, _State.NEVER, _NEVER

    # What OpenFeature asks of a provider

    def get_metadata(self) -> Metadata:
        return Metadata(name="strangler")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Begin, and wait for the control store. Raises ProviderNotReadyError when it isn't reached; it is tried on, and PROVIDER_READY
        is emitted when it is."""
        self._inside = Inside(self._settings, self._open, self._name, heard=self._heard, lease=self._lease)
        self._inside.open(self._wait)
        with self._lock:
            self._begun = True
            self._state, self._known = self._look()
            if self._state is _State.NEVER:
                raise ProviderNotReadyError(f"the control store isn't reached: {self._inside.trouble}")

    def shutdown(self) -> None:
        """End: no more writes are begun, and those under way are waited for."""
        inside, self._inside, self._begun = self._inside, None, False
        if inside is not None:
            inside.close(self._wait)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return cast("FlagResolutionDetails[str]", self._resolve(flag_key, str, evaluation_context))

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return cast("FlagResolutionDetails[bool]", self._resolve(flag_key, bool, evaluation_context))

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        self._no_such_type(flag_key, int)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        self._no_such_type(flag_key, float)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        self._no_such_type(flag_key, dict)

    # What it can beyond that

    @contextmanager
    def writing(
        self,
        function: str,
        side: Side | str | None = None,
        *,
        caller: str = "",
        cohort: str | None = None,
        key: str | None = None,
    ) -> Iterator[Write]:
        """A write of the function that is under way, to `side` or to whoever owns it (`write.owner`). A switch of owners waits until it is
        over. In coroutines too: it doesn't wait. `caller` reads its own write; `cohort` and `key` say what it is about, where the function
        has cohorts, or documents that stay where they were begun.

        Raises Refused when another side owns the function, while writes are fenced, and while nobody knows who owns it.
        """
        if self._inside is None:
            raise Refused(
                f"{function} can't be written to now",
                why="the provider isn't set, or is shut down",
                do="openfeature.api.set_provider_and_wait(provider)",
            )
        with self._inside.writing(function, side, About(caller, cohort, key)) as write:
            yield write

    def _resolve(
        self, key: str, type_: type, context: EvaluationContext | None
    ) -> FlagResolutionDetails[str | bool]:
        asked = flag(key, self._settings.functions, type_)
        inside = self._inside
        if inside is None:
            raise ProviderNotReadyError("the provider isn't set, or is shut down")
        standings, trouble = inside.current(), inside.trouble
        trusted(standings, asked, trouble)
        about = about_of(context)
        decision = inside.ask(standings, asked.function, asked.kind, about)
        home = inside.at_home(asked.function, about.key)
        return details(asked, decision, standings, about, home=home, stale=bool(trouble))

    def _no_such_type(self, key: str, type_: type) -> NoReturn:
        flag(key, self._settings.functions, type_)
        raise AssertionError(key)

    def _open(self) -> Control:
        return assembly.control(self._settings)

    # What it tells by itself

    def _heard(self) -> None:
        with self._lock:
            if not self._begun:
                return  # The client itself says of the first time whether it was reached.
            state, now = self._look()
            if state is _State.NEVER:
                return
            before, known = self._state, self._known
            self._state, self._known = state, now
        if state is not before:
            self._tell(state)
        if changed := _changed(self._settings.functions, known, now):
            told = ProviderEventDetails(
                flags_changed=changed, message=f"generation {now.generation} of the standings is applied"
            )
            self.emit_provider_configuration_changed(told)

    def _look(self) -> tuple[_State, Standings]:
        inside = self._inside
        if inside is None:
            return _State.NEVER, self._known
        standings = inside.current()
        if standings.trust is Trust.NEVER:
            return _State.NEVER, standings
        if standings.trust is Trust.LOST:
            return _State.LOST, standings
        return _State.STALE if inside.trouble else _State.READY, standings

    def _tell(self, state: _State) -> None:
        words = f"the control store is {state.value}"
        if state is _State.READY:
            self.emit_provider_ready(ProviderEventDetails(message=words))
        elif state is _State.STALE:
            self.emit_provider_stale(ProviderEventDetails(message=words))
        else:
            self.emit_provider_error(ProviderEventDetails(message=words, error_code=ErrorCode.GENERAL))


def _changed(functions: Mapping[str, Any], before: Standings, after: Standings) -> list[str]:
    """The keys of the functions that stand otherwise than before."""
    if before.generation == after.generation:
        return []
    return [key for name in functions if before.all_of(name) != after.all_of(name) for key in keys(name)]
