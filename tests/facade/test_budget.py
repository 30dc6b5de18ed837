"""The budget of a call: one for connecting, waiting and reading; a caller may shorten it and never lengthen it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.facade.budget import Budget, Timeouts, wished

TIMEOUTS = Timeouts(connect=2.0, read=10.0, total=60.0)


def test_all_that_is_waited_for_shares_one_budget() -> None:
    budget = Budget(TIMEOUTS, 100.0)
    assert budget.remaining(100.0) == 60.0
    assert budget.remaining(161.0) == 0.0


def test_a_caller_may_shorten_its_budget_and_never_lengthen_it() -> None:
    shorter, longer = Budget(TIMEOUTS, 100.0, 1.5), Budget(TIMEOUTS, 100.0, 3600.0)
    assert (shorter.ends, shorter.hurried) == (101.5, True)
    assert (longer.ends, longer.hurried) == (160.0, False)
    assert Budget(TIMEOUTS, 100.0, 0.0).remaining(100.0) == 0.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1500", 1.5), ("0", 0.0), ("999999999", 999999.999), ("007", 0.007)],
)
def test_a_wish_is_a_whole_number_of_milliseconds(header: str, seconds: float) -> None:
    assert wished(header) == seconds


@pytest.mark.parametrize(
    "header", [None, "", " 5", "5 ", "-5", "+5", "1e3", "1.5", "5, 6", "0x10", "٣", "1_000", "9" * 10, "5\n"]
)
def test_anything_else_is_no_wish(header: str | None) -> None:
    assert wished(header) is None


@given(st.text(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_whatever_a_caller_sends_the_budget_is_no_longer_than_configured(
    header: str, began: float, later: float
) -> None:
    budget = Budget(TIMEOUTS, began, wished(header))
    assert 0.0 <= budget.remaining(began + later) <= 60.0 + 1e-6
