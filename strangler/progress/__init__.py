"""Progress: how far the migration is, computed from what is recorded in the control store.

So it can be told at any time, with no other part running, and what it says can be checked against the ledger. Only how
each new service is gets asked at the moment, since the gates want to know it. `strangler.report` puts it into form.
"""

from strangler.progress.facts import (
    Attention,
    Calls,
    CohortProgress,
    FunctionProgress,
    Point,
    Progress,
    Reconciled,
    Step,
)
from strangler.progress.measuring import measure

__all__ = [
    "Attention",
    "Calls",
    "CohortProgress",
    "FunctionProgress",
    "Point",
    "Progress",
    "Reconciled",
    "Step",
    "measure",
]
