"""The inverse: from the fields of the new service back to the legacy row.

    mapping.inverse.row(data)    # legacy column → value
    mapping.inverse.lost         # the fields that have no way back, and why
    mapping.inverse.through      # those that come back with others
    mapping.inverse.empty        # the columns of a new legacy row that nothing fills

An expression is undone operation by operation (`steps`, and by kind of operation `casts`, `numbers`, `texts`, `choices`) down to its one
column (`ways`); where that isn't possible the user says what the column gets (`reverse`).
"""

from strangler.mapping.inverse.compiled import Inverse, Lost, Through, compile_inverse

__all__ = ["Inverse", "Lost", "Through", "compile_inverse"]
