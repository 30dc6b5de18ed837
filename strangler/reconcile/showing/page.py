"""A reconciliation as a page for those who audit: one file that opens offline, in light and dark, on a phone and on A4. Pure.

It says the verdict first, then the figures, the keys and why they differ, and how it was checked. Unlike the progress report it shows
values, those of sensitive fields masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strangler import __version__
from strangler.control.reconciliations import ENDED, Run, Status
from strangler.reconcile.showing import account as say
from strangler.reconcile.showing import balances, flat
from strangler.reconcile.showing.account import Account
from strangler.report.render import template

MODES: Final = {
    "full": "every row of every entity, by checksums first, down to the field where they differ",
    "quick": "which keys there are, and the balances; no field was compared",
    "sample": "random keys, which say how many of the others may differ",
    "recent": "the keys that events in the log were about since a moment",
}
"""What each mode compares."""


def html(accounts: Sequence[Account]) -> str:
    """The page of these runs: one of each function."""
    page = template("reconciliation.html.j2", escape=True)
    return page.render(
        accounts=accounts,
        at=max(each.run.finished_at or each.run.updated_at for each in accounts),
        headline=headline,
        say=say,
        balances=balances,
        modes=MODES,
        value=flat.value,
        whole_row=flat.whole_row,
        ended=ENDED,
        version=__version__,
    )


def headline(run: Run) -> str:
    """How it ended, in a sentence of a person."""
    if run.status is Status.CLEAN:
        return "Both sides are the same." if run.whole else "No difference was found in what was compared."
    if run.status is Status.DRIFT:
        return (
            f"{run.drift:,} {'key differs' if run.drift == 1 else 'keys differ'}."
            if run.drift
            else "Every key is the same, but the balances differ."
        )
    if run.status is Status.FAILED:
        return "It could not be checked."
    return (
        "It was stopped half way: it says nothing yet."
        if run.status is Status.INCOMPLETE
        else "It is going on."
    )
