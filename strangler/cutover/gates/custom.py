"""Gates of your own: callables behind the entry points `strangler.gates`, each named and given its options in the configuration.

They may ask anything, a monitoring system or a list of open incidents, so they are asked while evidence is collected, and what they
said is evidence from then on. One that raises, is silent for too long or says what no gate may say is inconclusive, and says why: it
never passes by accident, and takes nobody else down (invariant 7).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from strangler import plugins
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import GateResult, Verdict
from strangler.errors import StranglerError
from strangler.settings import CustomGate, Function

CustomCheck = Callable[[Evidence, Mapping[str, Any]], GateResult]
"""Told all that is known of the function, which it can't change, and the options of the configuration, it says what it finds. It may wait
for others up to `PATIENCE`. An error that it raises reads as inconclusive; a `StranglerError` says best why."""

PATIENCE: Final = 10.0
"""Seconds that a gate has: people wait for `strangler status` meanwhile."""


def ask(function: Function, evidence: Evidence) -> dict[str, GateResult]:
    """What the function's own gates say, by name; asked side by side."""
    asked = {name: _begin(gate, evidence) for name, gate in function.gates.custom.items()}
    return {name: _said(name, function.gates.custom[name], answers) for name, answers in asked.items()}


def check(name: str, evidence: Evidence, function: Function) -> GateResult:
    """What the gate said when evidence was collected."""
    said = evidence.custom.get(name)
    return said or _doubt(name, function.gates.custom[name], "it wasn't asked")


_Answer = GateResult | Exception


def _begin(gate: CustomGate, evidence: Evidence) -> queue.SimpleQueue[_Answer]:
    """Let it think in a thread of its own, which nobody waits for longer than `PATIENCE`."""
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()

    def think() -> None:
        try:
            answers.put(plugins.load("gates", gate.kind)(evidence, gate.options))
        except Exception as error:  # noqa: BLE001  # it is somebody else's code, and whatever it raises isn't a pass
            answers.put(error)

    threading.Thread(target=think, name=f"gate {gate.kind}", daemon=True).start()
    return answers


def _said(name: str, gate: CustomGate, answers: queue.SimpleQueue[_Answer]) -> GateResult:
    try:
        answer = answers.get(timeout=PATIENCE)
    except queue.Empty:
        return _doubt(name, gate, f"it said nothing for {PATIENCE:g} s")
    if isinstance(answer, StranglerError):
        return _doubt(name, gate, f"{answer.what}{f': {answer.why}' if answer.why else ''}", answer.do)
    if isinstance(answer, Exception):
        return _doubt(name, gate, f"it failed: {type(answer).__name__}: {answer}")
    if why := fault(answer):
        return _doubt(name, gate, why)
    return replace(answer, name=name)


def fault(answer: object) -> str:
    """Why what a gate said isn't a result; empty when it is one."""
    if not isinstance(answer, GateResult):
        return f"it gave {type(answer).__name__}, not a GateResult"
    if not isinstance(answer.verdict, Verdict):
        return f"its verdict is {answer.verdict!r}, not one of pass, fail, inconclusive"
    needed = ("figure", "limit", "words") + (() if answer.passes else ("do",))
    lacking = [
        each for each in needed if not isinstance(said := getattr(answer, each), str) or not said.strip()
    ]
    return f"it is {answer.verdict} without {' and '.join(lacking)}" if lacking else ""


def _doubt(name: str, gate: CustomGate, why: str, do: str = "") -> GateResult:
    words = f"the gate {name} ({gate.kind}) can't tell: {why}"
    do = do or f"mend the plugin {gate.kind} or its options in gates.custom.{name}, or take the gate out"
    return GateResult(name, Verdict.INCONCLUSIVE, "unknown", "known", words, do)
