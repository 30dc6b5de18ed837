"""Charts as inline SVG. Pure: facts in, shapes out.

Shapes are drawn in a box of 1000 × 100 that the page stretches to any width; so words never are inside it, they stand around
it in HTML and keep their size. Colours come from the page's style sheet, by class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from markupsafe import Markup

from strangler.cutover.stages import ORDER, Stage
from strangler.durations import moment
from strangler.progress import Point, Step

WIDTH, HEIGHT = 1000, 100

MINUTE, HOUR, DAY = 60, 3600, 86400

SPANS: Final = (
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 4, 7, 14, 28, 56, 112, 224, 448)),
)
"""Distances between two ticks that people find natural, in seconds."""

MOST_TICKS: Final = 6


class Tick(NamedTuple):
    """A mark on the time axis: how far along it, in percent, and its label (UTC)."""

    percent: float
    label: str


class Chart(NamedTuple):
    """A drawing, the ticks below it, and what it shows in one sentence for those who can't see it."""

    svg: Markup
    ticks: tuple[Tick, ...]
    words: str


class Axis(NamedTuple):
    """The time that a chart spans, in seconds since the epoch."""

    start: float
    end: float

    def x(self, at: float) -> float:
        """Where a moment is in the box."""
        inside = min(max(at, self.start), self.end)
        return round(WIDTH * (inside - self.start) / max(self.end - self.start, 1.0), 2)

    def ticks(self) -> tuple[Tick, ...]:
        """At most `MOST_TICKS` round moments. With days the label is a date, below that the time, with the date where it changes."""
        length = max(self.end - self.start, 1.0)
        step = next((span for span in SPANS if length / span <= MOST_TICKS), SPANS[-1])
        first = -(-self.start // step) * step
        moments = [first + n * step for n in range(int((self.end - first) // step) + 1)]
        return tuple(
            Tick(round(100 * (at - self.start) / length, 2), _label(at, step, before))
            for before, at in zip([self.start, *moments], moments, strict=False)
        )


def share_area(history: Sequence[Point]) -> Chart | None:
    """The share of calls that each side answered, over time; a gap where nobody called. None when nobody ever did."""
    called = [point for point in history if point.share is not None]
    if not called:
        return None
    axis = Axis(history[0].at, history[-1].at + 60 * history[-1].minutes)
    shapes = [Markup('<rect class="nothing" width="{}" height="{}"/>').format(WIDTH, HEIGHT)]
    for run in _runs(history):
        left, right = axis.x(run[0].at), axis.x(_end(run[-1]))
        legacy = Markup('<rect class="legacy" x="{}" width="{}" height="{}"/>')
        shapes.append(legacy.format(left, round(right - left, 2), HEIGHT))
        edges = " ".join(f"V{_down(point.share or 0.0)} H{axis.x(_end(point))}" for point in run)
        shapes.append(Markup('<path class="new" d="M{} {} {} V{} Z"/>').format(left, HEIGHT, edges, HEIGHT))
    shapes += [_line(HEIGHT / 4 * quarter) for quarter in (1, 2, 3)]
    last = called[-1].share or 0.0
    words = f"Share of calls answered by the new side over time: {called[0].share:.0%} at first, {last:.0%} at last."
    return Chart(_svg(shapes), axis.ticks(), words)


def stage_steps(steps: Sequence[Step], axis: Axis) -> Chart:
    """The stage over time as a stepped band: the higher, the further. Within canary the weight lifts it further."""
    left, level = axis.x(axis.start), _level(Stage.LEGACY, 0)
    path, top = [], []
    for step in steps:
        path.append(f"H{axis.x(step.at)} V{_level(step.stage, step.weight)}")
    outline = f"M{left} {level} {' '.join(path)} H{WIDTH}"
    shapes = [_line(_level(stage, 0)) for stage in ORDER]
    shapes.append(Markup('<path class="band" d="{} V{} H{} Z"/>').format(outline, HEIGHT, left))
    shapes.append(Markup('<path class="edge" d="{}"/>').format(outline))
    top = [f"{step.stage} from {moment(step.at)}" for step in steps]
    return Chart(
        _svg(shapes), axis.ticks(), "Stages over time: " + (", ".join(top) or "legacy throughout") + "."
    )


def stage_lane(steps: Sequence[Step], axis: Axis) -> Chart:
    """The stages over time as one row of colours. In canary the height of the fill is the weight."""
    shapes = []
    for step, end in _spans(steps, axis):
        left = axis.x(step.at)
        width = max(round(axis.x(end) - left, 2), 0.0)
        rect = Markup('<rect class="stage {}" x="{}" y="0" width="{}" height="{}"/>')
        shapes.append(rect.format(step.stage.value, left, width, HEIGHT))
        if step.stage is Stage.CANARY:
            down = _down(step.weight / 10_000)
            fill = Markup('<rect class="stage live" x="{}" y="{}" width="{}" height="{}"/>')
            shapes.append(fill.format(left, down, width, round(HEIGHT - down, 2)))
    words = ", ".join(f"{step.stage} from {moment(step.at)}" for step in steps) or "legacy throughout"
    return Chart(_svg(shapes), axis.ticks(), f"Stages over time: {words}.")


def _spans(steps: Sequence[Step], axis: Axis) -> Iterator[tuple[Step, float]]:
    """Each step with the moment at which it ended."""
    ends = [step.at for step in steps[1:]] + [axis.end]
    return zip(steps, ends, strict=False)


def _runs(history: Iterable[Point]) -> Iterator[list[Point]]:
    """The stretches of time in which somebody called."""
    run: list[Point] = []
    for point in history:
        if point.share is not None:
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _end(point: Point) -> float:
    return point.at + 60 * point.minutes


def _down(share: float) -> float:
    """How far below the top of the box a share is."""
    return round(HEIGHT * (1 - share), 2)


def _level(stage: Stage, weight: int) -> float:
    height = ORDER.index(stage) + (0.85 * weight / 10_000 if stage is Stage.CANARY else 0.0)
    return round(HEIGHT - 4 - height * (HEIGHT - 8) / (len(ORDER) - 1), 2)


def _line(y: float) -> Markup:
    return Markup('<path class="grid" d="M0 {} H{}"/>').format(y, WIDTH)


def _svg(shapes: Iterable[Markup]) -> Markup:
    box = Markup('<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>')
    return box.format(WIDTH, HEIGHT, Markup("").join(shapes))


def _label(at: float, step: int, before: float) -> str:
    then, earlier = (datetime.fromtimestamp(moment, UTC) for moment in (at, before))
    if step >= DAY:
        return f"{then:%Y-%m-%d}"
    return f"{then:%H:%M}" if then.date() == earlier.date() else f"{then:%m-%d %H:%M}"
