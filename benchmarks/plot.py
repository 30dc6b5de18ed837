"""A plot as an SVG file of its own: panels side by side, in each what one unit costs, from zero, over a size that grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

WIDTH, HEIGHT = 500, 260
LEFT, RIGHT, TOP, BOTTOM = 54, 20, 46, 54


class Panel(NamedTuple):
    """Size → cost. `title` names what is counted, `unit` the cost, `below` the size."""

    title: str
    unit: str
    below: str
    costs: Mapping[int, float]


STYLE: Final = """
    text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #51616e; text-anchor: middle; }
    .title { font-weight: 600; font-size: 14px; fill: #1d2b36; }
    .left { text-anchor: end; }
    .grid { stroke: #dde4ea; }
    .edge { fill: none; stroke: #3f7cac; stroke-width: 2; }
    circle { fill: #3f7cac; }
"""


def svg(words: str, panels: Sequence[Panel]) -> str:
    """The drawing; `words` say what it shows for those who can't see it."""
    width = WIDTH * len(panels)
    drawn = Markup("").join(
        Markup('<g transform="translate({} 0)">{}</g>\n').format(WIDTH * n, _panel(panel))
        for n, panel in enumerate(panels)
    )
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-labelledby="title">\n'
            '<title id="title">{}</title>\n<style>{}</style>\n'
            '<rect width="{}" height="{}" rx="12" fill="#ffffff"/>\n{}</svg>\n'
        ).format(width, HEIGHT, words, Markup(STYLE), width, HEIGHT, drawn)
    )


def _panel(panel: Panel) -> Markup:
    most = max(panel.costs.values()) * 1.25
    step = (WIDTH - LEFT - RIGHT) / len(panel.costs)
    across = [LEFT + step * (n + 0.5) for n in range(len(panel.costs))]
    points = [(x, _down(cost / most)) for x, cost in zip(across, panel.costs.values(), strict=True)]
    shapes = [_text(WIDTH / 2, 24, panel.title, "title"), _text(WIDTH / 2, HEIGHT - 12, panel.below)]
    for quarter in range(5):
        y, cost = _down(quarter / 4), most * quarter / 4
        shapes.append(
            Markup('<path class="grid" d="M{} {} H{}"/>').format(LEFT, y, WIDTH - RIGHT)
            + _text(LEFT - 8, y + 4, f"{cost:.1f}", "left")
        )
    shapes.append(_text(LEFT, TOP - 8, panel.unit))
    path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    shapes.append(Markup('<path class="edge" d="M{}"/>').format(path))
    for (x, y), (size, cost) in zip(points, panel.costs.items(), strict=True):
        shapes.append(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y))
        shapes.append(_text(x, y - 10, f"{cost:.1f}") + _text(x, HEIGHT - BOTTOM + 18, f"{size:,}"))
    return Markup("").join(shapes)


def _down(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)


def _text(x: float, y: float, words: str, kind: str = "") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>').format(x, y, kind, words)
