"""A short run of Tryton whole; `make tryton-whole` is the long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strangler.testing.postgres import server
from tests.tryton.experiment import Size, run
from tests.tryton.scene import Scene, scene

pytestmark = [pytest.mark.nightly, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 20261123


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One Tryton for this module: to install it takes longer than all that is done with it."""
    with server() as private, scene(private, tmp_path_factory.mktemp("tryton")) as running:
        yield running


def test_parties_products_and_sales_reconcile_whole_after_random_edits_and_kills(tryton: Scene) -> None:
    size = Size(parties=60, templates=15, sales=25, edits=200, kills=1)
    outcome = run(tryton, size, SEED)
    assert outcome.tally.edits >= size.edits
    assert outcome.kills == size.kills
    assert {"line moved to another sale", "party replaced", "party deactivated"} <= outcome.tally.done.keys()
    assert {"PartyReplaced", "PartyDeactivated", "SaleChanged"} <= outcome.events.keys()
    assert all(outcome.compared.values()), f"nothing was compared: {outcome.compared}"
