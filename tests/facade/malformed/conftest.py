"""One facade for a whole table, in front of one upstream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strangler.testing.facade import running
from tests.facade.wire.scene import Scene, configuration
from tests.facade.wire.upstream import Upstream, standing


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with standing(Upstream()) as it:
        yield it


@pytest.fixture(scope="module")
def scene(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with running(configuration(upstream.url), tmp_path_factory.mktemp("facade")) as facade:
        yield Scene(facade, upstream)
