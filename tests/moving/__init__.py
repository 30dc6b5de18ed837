"""Both sides moving: an ERP writes, a worker delivers, and reconciliations run one after the other; none may call in-flight rows drift.

    python -m tests.moving [--minutes 10] [--writes 2000] [--faults 10] [--rows 200000] [--seed N]

PostgreSQL on both sides. The writer is a process of its own that inserts, changes and removes rows at an even pace, many rows to a
transaction; some hot rows go back and forth between the same two values, others are removed and come back as they were. Half way, in
the middle of a run, rows that the writer doesn't touch (any more) are lost or changed in the store, behind delivery's back. No run
may find anything before; a run under way then may find some of them; every later one has to find exactly them.
"""
