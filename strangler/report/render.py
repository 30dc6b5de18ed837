"""From the facts to the report, in one of its formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from strangler import __version__
from strangler.cutover.stages import ORDER, RULES
from strangler.durations import moment
from strangler.progress import FunctionProgress, Progress
from strangler.report import charts, wording
from strangler.report.charts import Axis, Chart
from strangler.report.object import as_object


class FunctionView(NamedTuple):
    """A function with its charts."""

    facts: FunctionProgress
    share: Chart | None
    steps: Chart | None
    lane: Chart | None


def html(progress: Progress) -> str:
    """One file with everything in it."""
    views = [_view(function, progress) for function in progress.functions]
    return template("report.html.j2", escape=True).render(
        progress=progress,
        views=views,
        share=charts.share_area(progress.history),
        lanes=_axis(progress).ticks() if progress.begun is not None else (),
        **_words(),
    )


def markdown(progress: Progress) -> str:
    """The same for a wiki or a ticket."""
    return template("report.md.j2", escape=False).render(progress=progress, **_words())


def json(progress: Progress) -> str:
    """The same for programs."""
    return orjson.dumps(as_object(progress), option=orjson.OPT_INDENT_2).decode() + "\n"


FORMATS: Final[dict[str, Callable[[Progress], str]]] = {"html": html, "md": markdown, "json": json}


def render(progress: Progress, format: str) -> str:
    """The report in one of `FORMATS`."""
    return FORMATS[format](progress)


def cell(text: object) -> str:
    """Text as it can stand in a cell of a Markdown table, read by every renderer as itself."""
    line = " ".join(str(text).split())
    for mark in "\\`*_{}[]<>#|~$&":
        line = line.replace(mark, "\\" + mark)
    return line


def commands(text: str) -> Markup:
    """Text for HTML, with what stands between backticks as code."""
    parts = str(text).split("`")
    shapes = ("{}", "<code>{}</code>") if len(parts) % 2 else ("{}", "{}")
    return Markup("").join(Markup(shapes[n % 2]).format(part) for n, part in enumerate(parts))


def _view(function: FunctionProgress, progress: Progress) -> FunctionView:
    share = charts.share_area(function.history)
    if progress.begun is None:
        return FunctionView(function, share, None, None)
    axis = _axis(progress)
    return FunctionView(
        function, share, charts.stage_steps(function.steps, axis), charts.stage_lane(function.steps, axis)
    )


def _axis(progress: Progress) -> Axis:
    """The time since shortly before the first move, so that the beginning can be seen."""
    begun = progress.at if progress.begun is None else progress.begun
    return Axis(begun - 0.03 * max(progress.at - begun, 60.0), max(progress.at, begun + 60.0))


def template(name: str, *, escape: bool) -> Template:
    """One of our templates, with the filters that they share. `escape`: it is HTML."""
    environment = Environment(
        loader=PackageLoader("strangler.report"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell": cell,
        "commands": commands,
        "duration": wording.duration,
        "latency": wording.latency,
        "moment": moment,
        "number": wording.number,
        "percent": wording.percent,
    }
    return environment.get_template(name)


def _words() -> dict[str, Any]:
    return {"say": wording, "order": ORDER, "rules": RULES, "version": __version__}
