"""A switch in a process of its own that dies at one place: `python -m tests.cutover.killed FILE STAGE STEP before|after`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from strangler import assembly, configuration
from strangler.control import standings
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, RULES, Side, Stage
from strangler.cutover.switch import Switch


def main() -> None:
    file, stage, step, moment = sys.argv[1:]
    settings = configuration.load(Path(file))

    def watch(at: Step, done: bool) -> None:
        if (at, done) == (Step(step), moment == "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    with assembly.control(settings) as control:
        weight = 10_000 if RULES[Stage(stage)].owner is Side.NEW else 0
        intent = Intent("party", EVERYONE, Stage(stage), weight, "eva@host", "", [])
        reached = outside(settings, control, "party", EVERYONE)
        Switch(control, reached, 30.0, watch=watch).run(intent, standings.of(control, "party"))


if __name__ == "__main__":
    main()
