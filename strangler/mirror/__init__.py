"""The mirror: the rows of those legacy tables of which entities over several tables are made, beside the boundary.

Only the tables and columns that the mappings name. It is fed by the same changes in the same order, so that a change in any of
the tables finds the aggregates that it touches, and these are evaluated whole, as they are after each source transaction.
"""

from strangler.mirror.mirror import Mirror

__all__ = ["Mirror"]
