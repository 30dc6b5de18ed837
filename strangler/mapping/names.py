"""Event names: a fact in the past tense, and the default names of what can happen to an entity."""

from __future__ import annotations

import re
from typing import Final

from strangler.changes import Operation

KINDS: Final = {Operation.INSERT: "created", Operation.UPDATE: "changed", Operation.DELETE: "removed"}
"""What an operation on the legacy row is to the entity."""

_IRREGULAR: Final = frozenset({
    "agreed", "become", "begun", "bent", "bid", "born", "bought", "bound", "bred", "broken", "brought",
    "built", "burnt", "cast", "caught", "chosen", "come", "cost", "cut", "dealt", "decreed", "disagreed",
    "done", "drawn", "driven", "fallen", "fed", "felt", "flown", "forgotten", "fought", "found", "freed",
    "frozen", "given", "gone", "got", "gotten", "grown", "guaranteed", "had", "heard", "held", "hidden",
    "hit", "hurt", "kept", "known", "laid", "learnt", "led", "left", "lent", "let", "lost", "made",
    "meant", "met", "misled", "overdrawn", "overdue", "overridden", "overtaken", "overwritten", "paid",
    "put", "quit", "read", "rebuilt", "redone", "repaid", "reread", "rerun", "resent", "reset", "resold",
    "rewritten", "risen", "run", "said", "seen", "sent", "set", "shown", "shut", "sold", "spent", "split",
    "spread", "stolen", "stood", "struck", "taken", "taught", "thought", "told", "torn", "understood",
    "undertaken", "undone", "upset", "withdrawn", "withheld", "won", "worn", "written",
})  # fmt: skip


def default_name(entity: str, operation: Operation) -> str:
    """`sale_order` and an insert give `SaleOrderCreated`."""
    return "".join(part.capitalize() for part in (*entity.split("_"), KINDS[operation]))


def is_past_tense(name: str) -> bool:
    """Whether the last word of a name like `PartyDeactivated` or `OrderSent` is a past participle; loosely."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    last = words[-1].lower() if words else ""
    return (len(last) > 3 and last.endswith("ed") and not last.endswith("eed")) or last in _IRREGULAR
