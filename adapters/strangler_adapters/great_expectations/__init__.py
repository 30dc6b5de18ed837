"""Great Expectations 1.x as the checker of data: expectations in its own words, tested set-wise by the databases, and Data Docs.

It is loaded in a process of its own (`strangler.quality.apart`), where nothing else uses SQLAlchemy. It never sees a password, nor the
SQL of a relation: both are put in where SQLAlchemy hands over to the driver (`sessions`). It tells nobody that it was used.
"""

from __future__ import annotations

import os

from strangler.quality.checker import Checker

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # Before it is imported: it reads this once.


def connect() -> Checker:
    """The checker. Takes seconds: that is the import of the library."""
    from strangler_adapters.great_expectations.checker import GreatExpectations

    return GreatExpectations()
