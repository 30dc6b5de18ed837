"""Reconciliation: compare what the legacy database means, seen through the mapping, with what the store holds.

The work is pushed down: both databases hash their own rows (`digest`), in the new shape (`relation`), and only sums per bucket
come here (`checksum`). Buckets that differ are looked into (`narrow`); a key that differs is drift only when it still does
after the store has passed a position that was read later (`confirm`). `entity` does this for one entity with both
sides at once (`pair`); `runs` does it for a function and records it. `repair` plans what brings drift to what legacy has, and asks the
worker for it; `following` waits for that.
"""
