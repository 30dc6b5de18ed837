"""Where a run is, so that it can be gone on with: the parts that are done, and how far the scans of the one under way are.

Sums of what was scanned before stay good: what changed meanwhile makes its bucket differ, and is looked at as it is then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from strangler.reconcile.entity import Outcome, Quarantined, Scans
from strangler.reconcile.narrow import Difference, Kind
from strangler.reconcile.scan import Scanned
from strangler.reconcile.tolerances import Tolerated


@dataclass(slots=True)
class Checkpoint:
    """`versions`: entity → version of the mapping that all of this was made by; `seed` draws the sample; `since` is where a recent one
    begins. `done` are the outcomes so far, `part` the name of the one under way, with the keys that those before it couldn't translate."""

    versions: Mapping[str, str]
    seed: int
    since: float | None = None
    done: list[Outcome] = field(default_factory=list)
    part: str = ""
    scans: Scans = field(default_factory=Scans)
    untranslatable: set[str] = field(default_factory=set)

    def text(self) -> str:
        """As it is kept; `read` makes it again."""
        return orjson.dumps(
            {
                "versions": self.versions,
                "seed": self.seed,
                "since": self.since,
                "done": [asdict(outcome) for outcome in self.done],
                "part": self.part,
                "scans": {
                    "legacy": self.scans.legacy.as_json(),
                    "store": self.scans.store.as_json(),
                    "native": self.scans.native,
                    "shift": self.scans.shift,
                    "drawn": self.scans.drawn,
                },
                "untranslatable": sorted(self.untranslatable),
            },
            default=_plain,
        ).decode()

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        kept = orjson.loads(text)
        scans = kept["scans"]
        sides = {name: Scanned.of_json(scans[name]) for name in ("legacy", "store")}
        return cls(
            versions=kept["versions"],
            seed=kept["seed"],
            since=kept["since"],
            done=[_outcome(each) for each in kept["done"]],
            part=kept["part"],
            scans=Scans(
                sides["legacy"],
                sides["store"],
                scans["native"],
                scans["shift"],
                None if scans["drawn"] is None else tuple(scans["drawn"]),
            ),
            untranslatable=set(kept["untranslatable"]),
        )


def _plain(value: Any) -> Any:
    """What JSON doesn't know: a named tuple by its place, else what it is written as."""
    return list(value) if isinstance(value, tuple) else str(value)


def _outcome(kept: Mapping[str, Any]) -> Outcome:
    differences = tuple(_difference(each) for each in kept["differences"])
    quarantined = tuple(Quarantined(*each) for each in kept["quarantined"])
    tolerances = tuple(Tolerated(**each) for each in kept["tolerances"])
    made = {"differences": differences, "quarantined": quarantined, "tolerances": tolerances}
    return Outcome(**{**kept, **made})


def _difference(kept: Mapping[str, Any]) -> Difference:
    fields = {name: _pair(pair) for name, pair in kept["fields"].items()}
    return Difference(**{**kept, "kind": Kind(kept["kind"]), "fields": fields, "explanation": None})


def _pair(pair: Sequence[Any]) -> tuple[Any, Any]:
    legacy, store = pair
    return legacy, store
