"""The port of sources whose changes are read by a service elsewhere, which has to be told what to read.

Debezium's connectors run on Kafka Connect: `strangler connect` shows what would be registered there, registers it, and
tells how it is. Implementations are found by entry point (`strangler.registrars`), by the kind of the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from strangler.ports import Finding


class Property(NamedTuple):
    """A property of the registration, as it may be shown: secrets are hidden. `now`: as registered, `planned`: as it is to be;
    None where there is none. `changes` is told apart, since two secrets look alike."""

    name: str
    now: str | None
    planned: str | None
    changes: bool


@dataclass(frozen=True, slots=True)
class RegistrationPlan:
    """What `Registrar.apply` would do. `where`: the service's URL; `statements` are run in the legacy database, in order."""

    connector: str
    where: str
    registered: bool
    properties: Sequence[Property]
    findings: Sequence[Finding]
    statements: Sequence[str]


class TaskStatus(NamedTuple):
    """A part of a registration that runs on one worker. `state` is the service's word; `why` and `do` where it has failed."""

    id: int
    state: str
    worker: str
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """How a registration is. `state` is the service's word, `unregistered` where it doesn't know it; `running`: it does its work.
    `unread`: bytes of the legacy database's log that were not read yet, None where the database doesn't tell."""

    connector: str
    where: str
    state: str
    worker: str
    running: bool
    why: str
    do: str
    tasks: Sequence[TaskStatus]
    unread: int | None


class Registrar(Protocol):
    """One source's registration. Creating one touches nothing; errors as those of `strangler.ports`."""

    def plan(self) -> RegistrationPlan:
        """What `apply` would do now; changes nothing."""
        ...

    def apply(self, timeout: float) -> None:
        """Make the legacy database and the service as `plan` says, and wait up to `timeout` seconds until it runs; idempotent."""
        ...

    def status(self) -> RegistrationStatus:
        """How it is now."""
        ...

    def snapshot(self, tables: Sequence[str], *, stop: bool = False) -> None:
        """Have the service read these tables anew while changes go on; `stop`: have it leave off (all, where none is named)."""
        ...


class RegistrarOpener(Protocol):
    """What an entry point of `strangler.registrars` names. `tables` as for a connector's opener."""

    def __call__(self, name: str, settings: Any, tables: Mapping[str, Sequence[str]]) -> Registrar: ...
