"""A kind of documents: what a service is about. The rest is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from examples.tryton.cutover.documents import Complete, Document, Part, Settle, as_it_is


@dataclass(frozen=True)
class Kind:
    """`steps` are what a document may be told to do, by name; `complete` adds what is computed and kept nowhere."""

    path: str
    root: Part
    settle: Settle
    steps: Mapping[str, Callable[[Document], None]] = field(default_factory=dict)
    complete: Complete = as_it_is
