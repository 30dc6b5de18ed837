"""The account of a run: what was recorded of it, by entity, in the order in which they were compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from strangler.control import balances, reconciliations
from strangler.control.balances import Balance
from strangler.control.reconciliations import ENDED, Finding, Run, Status
from strangler.control.store import Control
from strangler.durations import format_duration, moment
from strangler.reconcile.jobs import MOST_FINDINGS, Mode


@dataclass(frozen=True, slots=True)
class EntityAccount:
    """What was recorded of an entity, or of children of it. `part` is its part of `Run.parts`; `findings` are keys that differ, as many
    as are kept or asked for."""

    entity: str
    part: Mapping[str, Any]
    findings: tuple[Finding, ...]

    def count(self, name: str) -> int:
        """One of its figures (`reconciliations.COUNTS`, `quarantined`); 0 where nothing was recorded."""
        return int(self.part.get(name, 0))

    @property
    def drift(self) -> int:
        """How many keys differ."""
        return max(sum(map(self.count, ("missing", "extra", "different"))), len(self.findings))

    @property
    def hidden(self) -> int:
        """How many of them aren't listed."""
        return self.drift - len(self.findings)

    @property
    def quarantine(self) -> tuple[Mapping[str, str], ...]:
        """Keys that weren't compared since they wait in quarantine or can't be translated: {key, reason}."""
        return tuple(self.part.get("quarantine", ()))

    @property
    def tolerances(self) -> tuple[Mapping[str, Any], ...]:
        """What hid keys: {field, allows, owner, reason, until, keys}. A key that several hid together counts at each."""
        return tuple(each for each in self.part.get("tolerances", ()) if each["keys"])


@dataclass(frozen=True, slots=True)
class Account:
    """A run with what it found."""

    run: Run
    entities: tuple[EntityAccount, ...]
    balances: tuple[Balance, ...] = ()

    @property
    def took(self) -> float:
        """Seconds from its beginning to its end, or to when it was last heard of."""
        return (self.run.finished_at or self.run.updated_at) - self.run.started_at

    @property
    def unbalanced(self) -> int:
        """Groups of balances that differ."""
        return sum(balance.different for balance in self.balances)

    @property
    def quarantined(self) -> int:
        """Keys that weren't compared."""
        return sum(entity.count("quarantined") for entity in self.entities)

    @property
    def at_most(self) -> float | None:
        """Of a sample, the largest share of the keys of an entity that may differ; None of any other run."""
        shares = [entity.part.get("at_most") for entity in self.entities]
        return max((share for share in shares if share is not None), default=None)

    @property
    def findings(self) -> Iterator[Finding]:
        """The keys that differ, of all entities."""
        return (finding for entity in self.entities for finding in entity.findings)

    def limited(self, most: int | None) -> Account:
        """With at most so many keys listed per entity; None: all that are kept."""
        if most is None:
            return self
        cut = (replace(entity, findings=entity.findings[:most]) for entity in self.entities)
        return replace(self, entities=tuple(cut))


def read(control: Control, run: Run) -> Account:
    """The account of a run, as it is recorded."""
    found = account(run, reconciliations.findings(control, run.id))
    return replace(found, balances=tuple(balances.of_run(control, run.id)))


def account(run: Run, findings: list[Finding]) -> Account:
    """Put together what was recorded: entities in the order of the run, then those of which there are only findings."""
    parts = {str(part["entity"]): part for part in run.parts}
    names = dict.fromkeys([*parts, *(finding.entity for finding in findings)])
    entities = (
        EntityAccount(name, parts.get(name, {}), tuple(each for each in findings if each.entity == name))
        for name in names
    )
    return Account(run, tuple(entities))


def verdict(found: Account) -> str:
    """How it ended: `clean`, `drift`, `could not check`, `incomplete`, `running`."""
    return "could not check" if found.run.status is Status.FAILED else found.run.status.value


def sentence(found: Account) -> str:
    """What stands behind the verdict, in one sentence."""
    run = found.run
    if run.status is Status.RUNNING:
        return f"since {format_duration(found.took)}, by a process that may still be at it"
    if run.status not in ENDED:
        return run.reason or "it was stopped half way"
    counted = f"{run.drift:,} of {run.compared:,} keys differ, {format_duration(found.took)}"
    return "; ".join([counted, *remarks(found)])


def remarks(found: Account) -> list[str]:
    """What has to be known of a run that came to its end to take it for no more than it is."""
    said = ([] if found.run.whole else [scope(found.run)]) + list(found.run.left_out)
    if found.unbalanced:
        groups = "group differs" if found.unbalanced == 1 else "groups differ"
        said.append(f"of the balances {found.unbalanced:,} {groups}")
    if (most := found.at_most) is not None:
        said.append(f"with 95 % confidence at most {most:.2%} of all keys differ")
    if found.quarantined:
        said.append(f"{found.quarantined:,} in quarantine weren't compared (strangler quarantine list)")
    return said


def scope(run: Run) -> str:
    """What a run looked at, where it wasn't everything; empty where it was."""
    entities, sample = run.job.get("entities"), run.job.get("sample") or 0
    looked = {
        "quick": "only which keys there are was compared, and balances",
        "sample": f"only a sample of up to {sample:,} keys of each entity was compared",
        "recent": "only keys that were touched lately were compared",
    }
    words = [looked.get(run.mode, ""), f"only {', '.join(entities)}" if entities else ""]
    return ", ".join(filter(None, words))


def resuming(run: Run) -> str:
    """The command that goes on with a run that was stopped half way: the same job, and `--resume`."""
    job = run.job
    words = ["strangler reconcile run", run.function]
    words += [] if run.mode == reconciliations.FULL else [f"--mode {run.mode}"]
    words += [f"--entity {entity}" for entity in job.get("entities") or ()]
    words += [] if job.get("confirm", True) else ["--no-confirm"]
    words += [f"--sample {job['sample']}"] if run.mode == Mode.SAMPLE and job.get("sample") else []
    words += [] if job.get("since") is None else [f"--since {moment(job['since'])}"]
    words += [f"--limit {job['limit']}"] if job.get("limit", MOST_FINDINGS) > MOST_FINDINGS else []
    return " ".join([*words, "--resume"])
