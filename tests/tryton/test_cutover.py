"""The whole story of the cutover, as `python -m tests.tryton.cutover` tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.testing.postgres import server
from tests.tryton.cutover.scene import scene
from tests.tryton.cutover.story import play

pytestmark = [pytest.mark.nightly, pytest.mark.slow, pytest.mark.timeout(3600)]


def test_three_functions_move_there_and_back_while_two_companies_work(tmp_path: Path) -> None:
    with server() as private, scene(private, tmp_path, print) as running:
        tally = play(running, print)
    assert not tally.failed, tally.failures
    assert {
        "model.party.party.create",
        "model.party.party.write",
        "model.product.template.create",
        "model.product.template.write",
        "model.sale.sale.create",
        "model.sale.sale.write",
        "model.sale.sale.quote",
        "model.sale.sale.confirm",
    } <= tally.calls.keys()
