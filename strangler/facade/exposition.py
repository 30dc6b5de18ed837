"""Exposition: sums written out as Prometheus reads them, in its text format and in OpenMetrics 1.0.

prometheus_client writes some 8 µs a line; a facade with 500 functions has 30,000 of them and would stand still for a quarter of a second at
each look. Here a line takes a twentieth of that, and what is written comes in pieces, so that callers are served in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal

PIECE: Final = 1000
"""Lines of one piece, about: a quarter of a millisecond."""

Example = tuple[str, float]
"""A trace id, and the value that it had."""


def labelled(names: Sequence[str], values: Sequence[str]) -> str:
    """The labels of a sample, without the braces."""
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def family(
    name: str,
    kind: Literal["counter", "gauge", "histogram"],
    words: str,
    lines: Iterable[str],
    openly: bool,
) -> Iterator[bytes]:
    """The metric `name` with its samples, in pieces; `openly` in OpenMetrics, where a counter is named without `_total`."""
    called = f"{name}_total" if kind == "counter" and not openly else name
    head = f"# HELP {called} {words}\n# TYPE {called} {kind}\n"
    rest = iter(lines)
    while (piece := list(islice(rest, PIECE))) or head:
        yield (head + "".join(piece)).encode()
        head = ""


def samples(name: str, rows: Iterable[tuple[str, float]]) -> Iterator[str]:
    """Labels and value, a line each; a counter's `name` ends in `_total`."""
    for labels, value in rows:
        yield f"{name}{{{labels}}} {float(value)!r}\n" if labels else f"{name} {float(value)!r}\n"


def histogram(
    name: str, labels: str, les: Sequence[str], counts: Sequence[int], total: float
) -> Iterator[str]:
    """One histogram in the text format. `counts` are those of each bucket by itself, the last one for what is above all bounds."""
    upto = 0
    for le, count in zip(les, counts, strict=True):
        upto += count
        yield f'{name}_bucket{{{labels},le="{le}"}} {upto}.0\n'
    yield f"{name}_count{{{labels}}} {upto}.0\n{name}_sum{{{labels}}} {total!r}\n"


def with_examples(lines: Iterable[str], examples: Sequence[Example | None]) -> Iterator[str]:
    """The lines of a histogram, its buckets with an exemplar where there is one, as OpenMetrics has it."""
    for line, example in zip(lines, [*examples, None], strict=True):
        if example is None:
            yield line
        else:
            yield f'{line[:-1]} # {{trace_id="{example[0]}"}} {example[1]!r}\n'
