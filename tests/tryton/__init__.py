"""Tryton whole: parties, products and sales with all their lines are migrated while random edits go on through Tryton's own API.

    python -m tests.tryton [--edits 10000] [--kills 20] [--seed N]

The worker is killed (SIGKILL) now and then, stays dead while the edits go on, and is started again; more is never done. In the end
`strangler reconcile` is clean for each function, nothing is in quarantine, the logs hold no event twice, their positions grow
for each key, and aggregates of the stores are what Tryton's API reads.
"""
