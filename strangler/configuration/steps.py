"""The steps of functions, their windows, and the calendar of freezes: that they can be followed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from strangler.configuration.findings import Finding, Path
from strangler.names import nearest
from strangler.periods import parse_monthly
from strangler.settings import Function, Settings, Step, Window


def steps(settings: Settings) -> Iterator[Finding]:
    """Each step leads to one state, in the order of the way; what it names is there."""
    for name, function in settings.functions.items():
        path: Path = ("functions", name, "steps")
        yield from _states(path, function)
        yield from _weights(path, function)
        for index, step in enumerate(function.steps):
            yield from _named(settings, function, (*path, index), step)


def _states(path: Path, function: Function) -> Iterator[Finding]:
    from strangler.cutover.stages import Stage

    order = [stage.value for stage in Stage]
    last = -1
    for index, step in enumerate(function.steps):
        if (step.weight is None) is (step.to is None):
            yield Finding((*path, index), "leads to one state", "either weight: 5%, or to: live")
            return
        place = order.index(step.to or "canary")
        if place < last or (place == last and step.to):
            what = f"{step.to or 'a weight'} doesn't come after the step before it"
            yield Finding(
                (*path, index), what, "the order is syncing, shadow, the weights of canary, live, retired"
            )
            return
        last = place


def _weights(path: Path, function: Function) -> Iterator[Finding]:
    """The canary's weights rise and end with everything."""
    weights = [step.weight for step in function.steps if step.weight is not None]
    if not weights:
        return
    if weights[-1] != 1.0:
        yield Finding(path, "the last weight must be all of it", "- weight: 100%")
    elif any(low >= high for low, high in zip([0.0, *weights], weights, strict=False)):
        rising = ", ".join(f"{each * 100:g}%" for each in sorted({each for each in weights if each > 0}))
        yield Finding(path, "the weights must rise", f"in this order: {rising}")


def _named(settings: Settings, function: Function, path: Path, step: Step) -> Iterator[Finding]:
    from strangler.cutover.gates import Gate

    known = [*(gate.value for gate in Gate), *function.gates.custom]
    for gate in step.gate:
        if gate not in known:
            meant = nearest(gate, known)
            yield Finding((*path, "gate"), f"there is no gate {gate!r}", meant or ", ".join(known))
        elif gate == Gate.LATE_WRITES and step.to != "retired":
            what = (
                "late writes are what legacy writes of what new owns, which it doesn't own before it is live"
            )
            yield Finding((*path, "gate"), what, "leave it out: retiring asks for it anyway")
    if isinstance(step.window, str):
        if step.window not in settings.windows:
            meant = nearest(step.window, settings.windows)
            snippet = f'windows: {{{step.window}: {{days: [sat, sun], from: "20:00", to: "06:00"}}}}'
            yield Finding((*path, "window"), f"there is no window {step.window!r}", meant or snippet)
    elif step.window:
        yield from _zone((*path, "window"), step.window)


def calendar(settings: Settings) -> Iterator[Finding]:
    """Windows and freezes say when they are, and name functions that are there."""
    for name, window in settings.windows.items():
        yield from _zone(("windows", name), window)
    for index, freeze in enumerate(settings.freezes):
        path: Path = ("freezes", index)
        both = freeze.from_ is not None and freeze.to is not None
        either = freeze.from_ is not None or freeze.to is not None
        if both is (freeze.monthly is not None) or either is not both:
            yield Finding(path, "doesn't say when it is", "from and to, or monthly: last 2 days .. 5")
        elif freeze.from_ and freeze.to and freeze.to < freeze.from_:
            yield Finding((*path, "to"), "lies before `from`", f"a day from {freeze.from_} on")
        elif freeze.monthly and (wrong := _unread(freeze.monthly)):
            yield Finding((*path, "monthly"), wrong, "last 2 days .. 5")
        for function in freeze.functions:
            if function not in settings.functions:
                meant = nearest(function, settings.functions)
                yield Finding(
                    (*path, "functions"), f"there is no function {function!r}", meant or "leave it out"
                )


def _unread(monthly: str) -> str:
    try:
        parse_monthly(monthly)
    except ValueError as error:
        return str(error)
    return ""


def _zone(path: Path, window: Window) -> Iterator[Finding]:
    from zoneinfo import available_timezones

    if window.time_zone is not None and window.time_zone not in available_timezones():
        meant = nearest(window.time_zone, available_timezones())
        yield Finding(
            (*path, "time_zone"), f"there is no time zone {window.time_zone!r}", meant or "Europe/Berlin"
        )
