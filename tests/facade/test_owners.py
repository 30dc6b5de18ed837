"""Two facades, three processes of them, and a control store that fails: nobody but the owner is ever written to.

The short experiment; `python -m tests.owners` is the long one.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from strangler.testing import postgres
from tests.owners.experiment import run

pytestmark = [pytest.mark.slow, pytest.mark.nightly]


def test_invariants_4_5_only_the_owner_is_written_to_whatever_becomes_of_the_control_store(
    tmp_path: Path,
) -> None:
    with postgres.server(tmp_path / "postgres") as server:
        outcome = run(tmp_path, server, seed=random.randrange(1 << 30))
    assert outcome.switches >= 6
