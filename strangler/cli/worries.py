"""What a person should look at beside the table of `strangler status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from strangler.control import facades, late_writes, ledger, paces, stretches
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.assessment import Assessment
from strangler.cutover.lateness import named
from strangler.cutover.stages import Stage
from strangler.durations import format_duration
from strangler.numbering.apart import DOUBLE
from strangler.numbering.lasting import UNPARTED, doubled, running_low


def worries(assessed: Sequence[Assessment], control: Control) -> Iterator[Text]:
    """What no cell of the table says: errors of source, delivery and backfill, late writes, switches under way, no facade."""
    told: set[str] = set()
    for each in assessed:
        source, delivery = each.evidence.source, each.evidence.delivery
        if source and source.error:
            told.add(f"source {source.name}: {source.error}")
        if delivery and delivery.error:
            told.add(f"delivery of {each.function}: {delivery.error}")
        told |= {
            f"backfill of {each.function}, {b.entity}: {b.error}"
            for b in each.evidence.backfills.values()
            if b.error
        }
        told |= {
            f"{each.evidence.standing.name}: guard {guard.name}: breached for "
            f"{format_duration(guard.looked_at - guard.breached_at)}: {guard.words}"
            for guard in each.guards
            if guard.breached_at is not None
        }
        if late := sum(hour.open for hour in each.evidence.late_writes):
            writes = "late write" if late == 1 else "late writes"
            by = named(late_writes.authors(control, each.function))
            told.add(
                f"{each.function}: {late:,} {writes} in legacy{by}, not applied to the store (strangler late-writes)"
            )
        told |= set(_numbers(each, control))
        if each.evidence.quarantined:
            keys = "key" if each.evidence.quarantined == 1 else "keys"
            told.add(
                f"{each.function}: {each.evidence.quarantined:,} {keys} in quarantine (strangler quarantine list)"
            )
    for open_switch in journal.unfinished(control):
        intent = open_switch.intent
        told.add(f"{intent.function}: a switch to {intent.owner} is under way, last step: {open_switch.step}")
    beyond = [each for each in assessed if each.evidence.standing.stage not in (Stage.LEGACY, Stage.SYNCING)]
    now = assessed[0].evidence.now if assessed else 0.0
    told |= {
        f"{facade.address}: nobody follows it, so no switch is possible (strangler facades)"
        for facade in facades.silent(control, now=now)
        if facade.lasts
    }
    if beyond and not facades.live(control, now=now):
        told.add("no facade was seen lately: callers that come past it aren't routed")
    for words in sorted(told):
        yield Text.assemble(("! ", "bold yellow"), words)


def _numbers(assessed: Assessment, control: Control) -> Iterator[str]:
    """What is to be feared of numbers that both sides draw."""
    known = stretches.of(control, assessed.function) if assessed.settings.numbers else {}
    owners = {each.owner for each in assessed.evidence.picture.all_of(assessed.function)}
    for numbers in assessed.settings.numbers:
        if stretch := known.get(str(numbers)):
            look = paces.last(control, assessed.function, str(numbers))
            if fear := running_low(numbers, stretch, look, assessed.evidence.now):
                yield f"{assessed.function}: numbers {numbers}: {fear}"
        elif len(owners) > 1:
            yield f"{assessed.function}: numbers {numbers}: {UNPARTED}"
    for entry in ledger.entries(control, function=assessed.function, kind=DOUBLE) if known else ():
        yield f"{assessed.function}: {doubled(entry.body)}"
