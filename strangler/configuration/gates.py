"""Gates of your own are installed, and guards name gates that there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strangler import plugins
from strangler.configuration.findings import Finding, Path
from strangler.names import nearest
from strangler.settings import Gates, Settings

OWN: Final = frozenset(Gates.model_fields) | {"backfill", "service", "dependencies"}
"""Names that say something else."""


def custom_gates(settings: Settings) -> Iterator[Finding]:
    """Gates of your own come from a plugin that is installed, and aren't called as one of Strangler's."""
    for name, function in settings.functions.items():
        for called, gate in function.gates.custom.items():
            at: Path = ("functions", name, "gates", "custom", called)
            if gate.kind not in (known := plugins.names("gates")):
                meant = nearest(gate.kind, known) or f"installed are: {', '.join(known) or 'none'}"
                yield Finding((*at, "kind"), f"there is no {gate.kind!r} in strangler.gates", meant)
            if called in OWN:
                yield Finding(at, f"{called} is a gate of Strangler's", f"own_{called}")


def guards(settings: Settings) -> Iterator[Finding]:
    """Guards look at gates that there are, each in one way."""
    named = {
        name: each.guards for name, each in settings.functions.items() if "guards" in each.model_fields_set
    }
    if not any(named.values()):
        return
    from strangler.cutover.gates import Gate  # with it comes the control store, which takes its time

    for name, those in named.items():
        known = [*(gate.value for gate in Gate), *settings.functions[name].gates.custom]
        for index, each in enumerate(those):
            at: Path = ("functions", name, "guards", index)
            if each.gate not in known:
                meant = nearest(each.gate, known) or f"one of: {', '.join(known)}"
                yield Finding((*at, "gate"), f"there is no gate {each.gate!r}", meant)
            if each.name in (other.name for other in those[:index]):
                yield Finding(at, f"another guard is {each.name!r}", "one of them, with the shorter `for`")
