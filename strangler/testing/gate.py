"""What every gate of your own must do, as tests: subclass `GateSuite` and say how it is asked.

    class TestMyGate(GateSuite):
        @pytest.fixture
        def gate(self): ...        # the callable that the entry point names
        @pytest.fixture
        def options(self): ...     # options with which it passes
        @pytest.fixture
        def failing(self): ...     # options with which it fails, or is inconclusive

The entry point stands under `strangler.gates`; see docs/cutover.md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from strangler.control.comparisons import Compared
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import Verdict
from strangler.cutover.gates.custom import PATIENCE, CustomCheck, fault
from strangler.cutover.stages import at_the_start
from strangler.errors import StranglerError


def nothing_known(now: float = 1_000_000.0) -> Evidence:
    """The evidence of a function of which nothing is known yet."""
    return Evidence(now, at_the_start("party"), None, None, {}, None, Compared(), 0, {}, None)


class GateSuite:
    """The suite."""

    @pytest.fixture
    def evidence(self) -> Evidence:
        """What the gate is told beside its options; override it where the gate judges by that."""
        return nothing_known()

    def test_it_passes_and_says_by_which_figure(
        self, gate: CustomCheck, options: Mapping[str, Any], evidence: Evidence
    ) -> None:
        result = gate(evidence, options)
        assert fault(result) == ""
        assert result.verdict is Verdict.PASS, result

    def test_what_does_not_pass_says_what_to_do(
        self, gate: CustomCheck, failing: Mapping[str, Any], evidence: Evidence
    ) -> None:
        result = gate(evidence, failing)
        assert fault(result) == ""
        assert result.verdict is not Verdict.PASS, result
        assert result.do

    def test_it_says_the_same_of_the_same_evidence(
        self, gate: CustomCheck, options: Mapping[str, Any], evidence: Evidence
    ) -> None:
        assert gate(evidence, options) == gate(evidence, options)

    def test_it_leaves_its_options_as_they_are(
        self, gate: CustomCheck, failing: Mapping[str, Any], evidence: Evidence
    ) -> None:
        before = dict(failing)
        gate(evidence, failing)
        assert dict(failing) == before

    def test_options_that_it_cannot_use_never_pass(self, gate: CustomCheck, evidence: Evidence) -> None:
        """It raises an error that says what is wrong, or says itself that it can't tell."""
        with suppress(StranglerError):
            result = gate(evidence, {"no such option": object()})
            assert fault(result) == ""
            assert result.verdict is not Verdict.PASS, result

    def test_it_says_what_it_finds_in_time(
        self, gate: CustomCheck, options: Mapping[str, Any], evidence: Evidence
    ) -> None:
        began = time.monotonic()
        gate(evidence, options)
        assert time.monotonic() - began < PATIENCE
