"""A facade says how it runs: as plain Python from a checkout, compiled where a compiled wheel is installed (`make test-compiled`)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from strangler.facade.compiled import WITNESS, is_compiled
from tests.facade.wire.scene import configuration, untroubled

COMPILED = os.environ.get("STRANGLER_COMPILED") == "1"
"""What the one who runs the tests says of the environment."""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_facade_runs_as_the_environment_is_meant_to_and_says_so(workers: str, tmp_path: Path) -> None:
    with untroubled(configuration("http://127.0.0.1:9"), tmp_path, "--workers", workers) as facade:
        assert facade.compiled is COMPILED
        assert json.loads(facade.page("/healthz")[1])["compiled"] is COMPILED


@pytest.mark.parametrize(("module", "compiled"), [("orjson.orjson", True), ("json", False), (WITNESS, False)])
def test_an_extension_is_told_from_python(module: str, compiled: bool) -> None:
    """The tests themselves run on the checkout, whichever environment they run in."""
    assert is_compiled(module) is compiled


def test_what_isnt_there_isnt_compiled() -> None:
    assert not is_compiled("strangler.facade.nothing")
