"""Seeded faults: single rows of the store go wrong in twelve ways; a reconciliation has to find each of them and nothing else.

    python -m tests.faults --pair postgres-postgres|mariadb-postgres|postgres-sqlite [--rows 5000000] [--faults 1000] [--seed N]

A legacy table of ten columns is filled by the database itself and carried over by a real worker, which goes on running. The history that
faults need is real, too: rows are inserted, changed and removed in legacy and delivered, before the store is made to lose
or to keep what it shouldn't. Then one reconciliation, which confirms what it finds. `tests/faults/kinds.py` has the
twelve kinds and what is to be said of each.
"""
