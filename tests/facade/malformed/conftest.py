"""One facade for a whole table, in front of one upstream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.facade.wire.scene import Scene, configuration, untroubled
from tests.facade.wire.upstream import Upstream, standing


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with standing(Upstream()) as it:
        yield it


@pytest.fixture(scope="module")
def scene(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with untroubled(configuration(upstream.url), tmp_path_factory.mktemp("facade")) as facade:
        yield Scene(facade, upstream)
