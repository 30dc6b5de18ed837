"""Guards of a configuration name gates that there are, each in one way."""

from __future__ import annotations

from collections.abc import Iterator

from strangler.configuration.findings import Finding, Path
from strangler.names import nearest
from strangler.settings import Settings


def guards(settings: Settings) -> Iterator[Finding]:
    """Guards look at gates that there are, each in one way."""
    named = {
        name: each.guards for name, each in settings.functions.items() if "guards" in each.model_fields_set
    }
    if not any(named.values()):
        return
    from strangler.cutover.gates import Gate  # with it comes the control store, which takes its time

    for name, those in named.items():
        known = [gate.value for gate in Gate]
        for index, each in enumerate(those):
            at: Path = ("functions", name, "guards", index)
            if each.gate not in known:
                meant = nearest(each.gate, known) or f"one of: {', '.join(known)}"
                yield Finding((*at, "gate"), f"there is no gate {each.gate!r}", meant)
            if each.name in (other.name for other in those[:index]):
                yield Finding(at, f"another guard is {each.name!r}", "one of them, with the shorter `for`")
