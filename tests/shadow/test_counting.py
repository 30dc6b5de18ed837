"""What is counted arrives in the control store, on both dialects, and stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control import comparisons, counted
from strangler.control.comparisons import Failure, Field, Hidden, Latency, Mismatch, Shape
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE
from strangler.shadow.counting import NAMES, OTHERS, SAMPLES, Counting, Observation
from strangler.shadow.latency import spreads

AT = ("rows.*.at", "value")


@pytest.fixture(params=["sqlite", "postgres"])
def control(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Control]:
    url = (
        f"sqlite:///{tmp_path}/c.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    with Control.open(url) as opened:
        yield opened


def test_everything_that_is_counted_can_be_asked_for(control: Control) -> None:
    for facade in ("one", "two"):
        counting = Counting(facade)
        counting.add(
            Observation(
                "party",
                EVERYONE,
                5.0,
                "matched",
                hidden={"decimal n": 3},
                seconds=(("new", 0.004), ("legacy", 0.1)),
            )
        )
        counting.add(
            Observation(
                "party",
                EVERYONE,
                5.0,
                "mismatched",
                frozenset([AT]),
                frozenset([AT]),
                seconds=(("new", 99.0),),
            )
        )
        counting.add(Observation("party", EVERYONE, 1.0, "mismatched", frozenset([AT])))
        counting.add(Observation("party", EVERYONE, 5.0, "failed", reason="too late"))
        counting.drop("party", EVERYONE)
        sums, _ = counting.take()
        counted.record(control, sums)
    found = comparisons.sums(control, "party")
    assert (found.matched, found.mismatched, found.failed, found.uncompared, found.dropped, found.pairs) == (
        2,
        4,
        2,
        0,
        2,
        2,
    )
    assert comparisons.fields(control, "party", since=5.0) == [Field(*AT, calls=2, raw=2, noise=2)]
    assert comparisons.fields(control, "party") == [Field(*AT, calls=4, raw=2, noise=2)]
    assert comparisons.shapes(control, "party", since=5.0) == [Shape(frozenset([AT]), 2)]
    assert comparisons.hidden(control, "party") == [Hidden("decimal n", 2, 6)]
    assert comparisons.failures(control, "party") == [Failure("failed", "too late", 2)]
    latencies = comparisons.latencies(control, "party")
    assert latencies[0] == Latency("legacy", 100, 2, 0.2)
    assert [(each.side, each.calls) for each in latencies] == [("legacy", 2), ("new", 2), ("new", 2)]
    spread = spreads(latencies)["new"]
    assert (spread.calls, spread.p50) == (4, 5)


def test_fields_without_end_are_counted_together() -> None:
    counting = Counting("one")
    for number in range(NAMES + 50):
        spot = (f"by_name.k{number}", "value")
        counting.add(
            Observation(
                "party",
                EVERYONE,
                0.0,
                "mismatched",
                frozenset([spot]),
                sample=Mismatch(1.0, "party", EVERYONE, "GET /", []),
            )
        )
    sums, samples = counting.take()
    fields = {each.key[3]: count for each, count in sums.items() if each.table == "field"}
    shapes = {each.key[4]: count for each, count in sums.items() if each.table == "shape"}
    assert len(fields) == NAMES + 1
    assert fields[OTHERS] == 50
    assert shapes['[["…","…"]]'] == 50, "what isn't known exactly is never noise"
    assert len(samples) == SAMPLES


def test_an_answer_that_differs_all_over_has_no_exact_set_of_fields() -> None:
    counting = Counting("one")
    counting.add(
        Observation("party", EVERYONE, 0.0, "mismatched", frozenset((f"f{n}", "value") for n in range(30)))
    )
    sums, _ = counting.take()
    assert [each.key[4] for each in sums if each.table == "shape"] == ['[["…","…"]]']
