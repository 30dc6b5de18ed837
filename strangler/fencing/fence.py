"""The fence of a function, or of a cohort of it, in its legacy database: put up, and taken down, as often as anybody likes.

How it is taken down is remembered in the control store before the first statement that puts it up (`strangler.control.fences`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from strangler.control import fences, standings
from strangler.control.fences import InForce
from strangler.control.store import Control
from strangler.cutover.moving import Moving
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import Refused
from strangler.fencing import telling
from strangler.fencing.measures import Guarded, Measures
from strangler.fencing.privileges import revoking, still_writing
from strangler.fencing.triggers import DIALECTS, THERE, missing, triggers
from strangler.mapping import EntityMapping
from strangler.mapping.nodes import Call, Node, Reference
from strangler.ports import Hand
from strangler.settings import Fence
from strangler.shapes import FieldType

logger = logging.getLogger("strangler.fencing")


class LegacyFence:
    """See the module."""

    def __init__(self, moving: Moving, fence: Fence) -> None:
        self._moving, self._fence = moving, fence
        self._function, self._cohort = moving.function, moving.cohort

    def statements(self) -> tuple[str, ...]:
        """What `put_up` would run if nothing of it were there."""
        return self.measures().install

    def put_up(self) -> None:
        """From its return on nobody but Strangler writes to the fenced rows, save in transactions that have written already."""
        hand, moving = self._hand, self._moving
        guarded, measures = self._guarded(), self._measures(hand)
        known = moving.control, self._function, self._cohort, moving.section.source
        fences.remember(*known, measures.lift, at=moving.clock())
        hand.do(_to_do(hand, measures))
        self._take_the_other_kind_back()
        if still := list(still_writing(hand, self._fence.roles, guarded)):
            raise Refused(
                f"the legacy database can't be fenced: {still[0]}",
                why="; ".join(still[1:]),
                do="name that role in `fence.roles` too, or fence by: trigger",
            )

    def _take_the_other_kind_back(self) -> None:
        """One refuses, and the other only tells: behind what was there before, neither would do what it is for."""
        only_tells = self._fence.by == "tell"
        if there := fences.of(self._moving.control, self._function, self._cohort):
            _take_back(
                self._moving, there, [each for each in there.lift if telling.tells(each) != only_tells]
            )

    def measures(self) -> Measures:
        """What puts it up and takes it down, as everybody stands now. What only tells who writes tells it of every row."""
        return self._measures(self._hand)

    @property
    def _hand(self) -> Hand:
        return self._moving.kept.opened.legacy_hand

    def _measures(self, hand: Hand) -> Measures:
        if self._fence.by == "revoke":
            if self._cohort != EVERYONE:
                raise Refused(
                    f"cohort {self._cohort} of {self._function} can't be fenced by: revoke",
                    why="privileges are on tables, and the other cohorts stay in the same ones",
                    do="fence by: trigger",
                )
            return revoking(hand, self._fence.roles, self._guarded())
        if self._fence.by == "tell":
            return self._telling(hand)
        if hand.dialect not in DIALECTS:
            raise Refused(
                f"no triggers of a fence can be written for a database of the kind {hand.dialect}",
                do="leave `fence` out, and see that only the facades write",
            )
        return triggers(hand.dialect, self._function, self._cohort, self._guarded())

    def _telling(self, hand: Hand) -> Measures:
        if hand.dialect not in telling.DIALECTS:
            raise Refused(
                f"no trigger tells who writes in a database of the kind {hand.dialect}",
                why="it knows no users",
                do="leave `fence` out, or fence by: trigger",
            )
        schema = telling.place(hand).schema
        return telling.telling(hand.dialect, self._function, self._cohort, self._whole(), schema)

    def _guarded(self) -> list[Guarded]:
        if self._cohort == EVERYONE:
            return self._of_the_whole()
        return self._of_cohorts()

    def _of_cohorts(self) -> list[Guarded]:
        mappings = self._moving.kept.opened.mappings
        return [self._of_cohort(mapping) for mapping in mappings if mapping.plan.cohort]

    def _of_the_whole(self) -> list[Guarded]:
        """All tables, but the rows of the cohorts that legacy owns (invariant 4)."""
        whole = self._whole()
        parted = standings.snapshot(self._moving.control).cohorts(self._function)
        but = tuple(sorted(each.cohort for each in parted if each.owner is Side.LEGACY))
        if not but:
            return whole
        told = {each.table: replace(each, cohort="", but=but) for each in self._told_apart(but)}
        return [told.get(each.table, each) for each in whole]

    def _whole(self) -> list[Guarded]:
        return [Guarded(table) for table in self._fence.tables or self._own_tables()]

    def _told_apart(self, but: Sequence[str]) -> list[Guarded]:
        """The tables in which rows of cohorts that stay with legacy are. Raises Refused where these can't be told from the others."""
        try:
            if self._fence.by == "revoke":
                raise Refused("privileges can't", why="privileges are on tables")
            if told := self._of_cohorts():
                return told
            raise Refused("nothing can", why="`cohorts.of` doesn't say which rows are whose")
        except Refused as error:
            raise Refused(
                f"{self._function} can't be fenced in the legacy database as a whole",
                why=f"legacy owns cohort {but[0]} of it, whose rows are in the same tables; {error.why}",
                do=f"move cohort {but[0]} first, or leave `fence` out",
            ) from None

    def _own_tables(self) -> list[str]:
        """Those that the entities and their children are rows of, in their order, each once."""
        from strangler.mapping.uses import parts

        entities = self._moving.section.entities.values()
        return list(dict.fromkeys(part.section.table for entity in entities for part in parts(entity)))

    def _of_cohort(self, mapping: EntityMapping) -> Guarded:
        """The root's table; where its rows don't say in a column of their own whose they are, that is refused."""
        plan = mapping.plan
        assert plan.cohort is not None
        column = _column(plan.cohort.of_row)
        if column is None or plan.origin.joins or mapping.children or self._fence.tables:
            raise Refused(
                f"cohort {self._cohort} of {self._function}.{plan.entity} can't be fenced in the legacy database",
                why="a trigger sees one row of one table: its cohort has to be a column of that, and the entity without joins and children",
                do="leave `fence` out, and see that only the facades write; or move the function as a whole",
            )
        return Guarded(mapping.table.name, column, self._cohort)


def take_down(moving: Moving) -> None:
    """Take back whatever fence keeps legacy from the rows of a function or cohort, however the configuration has changed since. That of the
    whole stays for the others where it can tell their rows from these."""
    for each in in_the_way(moving.control, moving.function, moving.cohort):
        rest = _fence_of_the_rest(moving) if each.cohort != moving.cohort else None
        stays = rest.lift if rest else ()
        moving.kept.opened.hand_in(each.source).do([one for one in each.lift if one not in stays])
        with moving.control.begin():
            fences.forget(moving.control, moving.function, each.cohort)
            if rest:
                known = moving.control, moving.function, each.cohort, each.source
                fences.remember(*known, rest.lift, at=each.at)


def telling_in_force(moving: Moving) -> list[str]:
    """What takes back all that tells who writes to the rows of a function or cohort, and of nobody else's."""
    return [statement for each in _own(moving) for statement in each.lift if telling.tells(statement)]


def stop_telling(moving: Moving) -> None:
    """What tells who writes is gone; what refuses to write stays."""
    for each in _own(moving):
        _take_back(moving, each, list(filter(telling.tells, each.lift)))


def _own(moving: Moving) -> list[InForce]:
    there = in_the_way(moving.control, moving.function, moving.cohort)
    return [each for each in there if moving.cohort in (each.cohort, EVERYONE)]


def _take_back(moving: Moving, fence: InForce, statements: Sequence[str]) -> None:
    """These of the statements that take back a fence; the others are remembered."""
    if not statements:
        return
    moving.kept.opened.hand_in(fence.source).do(statements)
    with moving.control.begin():
        fences.forget(moving.control, fence.function, fence.cohort)
        if rest := [each for each in fence.lift if each not in statements]:
            fences.remember(moving.control, fence.function, fence.cohort, fence.source, rest, at=fence.at)


def _fence_of_the_rest(moving: Moving) -> Measures | None:
    """Put up the fence of all that new still owns when a cohort goes back, before the one that was there is taken down. None where the rows
    can't be told apart, and there is nothing but to lift it for all."""
    fence = moving.section.fence if moving.function in moving.settings.functions else None
    if fence is None or standings.snapshot(moving.control).of(moving.function).owner is not Side.NEW:
        return None
    whole = LegacyFence(replace(moving, cohort=EVERYONE), fence)
    try:
        whole.put_up()
        return whole.measures()
    except Refused as refused:
        logger.warning(
            "the fence of %s in the legacy database is lifted as a whole: %s", moving.function, refused.why
        )
        return None


def in_the_way(control: Control, function: str, cohort: str) -> list[InForce]:
    """The fences in force that refuse writes to rows which go by the standing of a function or cohort. Of a cohort also that of the whole
    function, which is in the tables as such; of the whole also those of cohorts that have rejoined it."""
    # Invariant 4: legacy, who owns the rows by then, must be able to write them.
    parted = {each.cohort for each in standings.snapshot(control).cohorts(function)}
    return [
        each
        for each in fences.of_function(control, function)
        if each.cohort == cohort or (EVERYONE in (each.cohort, cohort) and each.cohort not in parted)
    ]


def _to_do(hand: Hand, measures: Measures) -> Sequence[str]:
    if not any(each.startswith("CREATE TRIGGER") for each in measures.install):
        return measures.install
    return missing(measures, [name for (name,) in hand.ask(THERE[hand.dialect])])


def _column(node: Node) -> str | None:
    """The column that a node is the text of; None where it is more than that."""
    if isinstance(node, Call) and node.name == "integer_to_text":
        (node,) = node.args
    if isinstance(node, Reference) and node.type in (FieldType.TEXT, FieldType.INTEGER):
        return node.column.name
    return None
