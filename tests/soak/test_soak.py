"""A short soak; `python -m tests.soak` is the long one."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from tests.soak.asking import ask
from tests.soak.books import Books
from tests.soak.experiment import run
from tests.soak.faults import Fault, fault
from tests.soak.watch import MEGABYTE, growth, trouble
from tests.soak.weather import BAD, forecast

pytestmark = [pytest.mark.slow]


def test_in_bad_weather_every_caller_is_answered_no_write_is_doubled_and_nothing_is_left_over(
    tmp_path: Path,
) -> None:
    # Memory isn't flat yet after so short a time; what leaks at all leaks more than this in the long one.
    outcome = run(tmp_path, seconds=12, rate=150, seed=random.randrange(1 << 30), most=16 * MEGABYTE)
    figures, faults = outcome.books.figures, outcome.books.faults
    assert set(faults) == set(Fault), f"never happened: {set(Fault) - set(faults)}"
    happened = [
        "writes",
        "translated",
        "answered by new",
        "answered by legacy",
        "frames",
        "events",
        "in_line",
        "left, body",
        "broken off",
    ]
    assert all(figures[name] for name in happened), figures
    assert len(outcome.books.done) > figures["writes"] / 4


def test_a_seed_repeats_what_callers_ask_what_is_spoilt_and_the_weather() -> None:
    names = [f"3-{number}" for number in range(300)]

    def drawn(seed: int) -> object:
        calls = [ask(seed, name) for name in names]
        spoilt = [fault(seed, side, call.id) for side in ("legacy", "new") for call in calls]
        return calls, spoilt, list(islice(forecast(seed, "new"), 10))

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert {spell.weather for spell in islice(forecast(7, "new"), 10)} >= set(BAD)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda books: books.began.update(["1!", "1!"]), "1! arrived 2 times"),
        (lambda books: books.done.add("1!"), "1! is said to be done and arrived 0 times"),
        (lambda books: (books.cut.add("1!"), books.whole.update(["1!"])), "1! was cut by its caller and arrived whole"),
        (lambda books: (books.unsent.update({"1!": "so"}), books.began.update(["1!"])), "1! arrived, though"),
        (lambda books: books.complain("a mix-up"), "a mix-up"),
    ],
)  # fmt: skip
def test_a_soak_fails_by_a_write_that_was_doubled_lost_or_made_up(
    spoil: Callable[[Books], object], message: str
) -> None:
    books = Books()
    books.check()
    spoil(books)
    with pytest.raises(AssertionError, match=message):
        books.check()


def test_memory_that_grows_is_seen_and_a_warm_up_is_not() -> None:
    assert growth([10, 50, 90, 100, 100, 100, 100, 100, 100, 100, 100, 100]) == 0
    assert growth(list(range(100))) == 50


def test_what_a_facade_says_of_its_own_defects_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [
        '{"logger":"strangler.access","status":502,"detail":"Traceback"}',
        '{"logger":"strangler.access","status":500,"error":"proxy_internal_error"}',
        '{"logger":"strangler.facade","level":"error","message":"a worker of the facade ended"}',
        '{"logger":"strangler.facade","level":"warning","message":"the breaker is open"}',
        "Traceback (most recent call last):",
    ]
    log.write_text("\n".join(lines))
    assert [line.strip() for line in trouble(log)] == [lines[1], lines[2], lines[4]]
