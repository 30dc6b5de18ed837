"""A debezium source's registration, as `strangler connect` sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.errors import SourceError
from strangler.registrar import Property, Registrar, RegistrationPlan, RegistrationStatus, TaskStatus
from strangler.settings import Source
from strangler_connectors.databases import open_database
from strangler_connectors.debezium import registration, snapshots
from strangler_connectors.debezium.options import read
from strangler_connectors.debezium.properties import difference, shown
from strangler_connectors.debezium.registration import State
from strangler_connectors.debezium.rest import shown_url
from strangler_connectors.debezium.troubles import explain


class DebeziumRegistrar:
    """See `Registrar`."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        self._options = read(name, settings)
        if not self._options.connect:
            raise SourceError(
                f"source {name}: the option `connect` is missing",
                why="without the URL of Kafka Connect the connector is somebody else's and is only read",
                do="write it: options: {connect: 'http://host:8083'}",
            )
        self._where = shown_url(self._options.connect)
        self._tables = tables
        self._database = open_database(name, settings, tables, self._options.slot, self._options.keys)
        self._heartbeat = settings.heartbeat.total_seconds()

    def plan(self) -> RegistrationPlan:
        found = registration.plan(self._options, self._database, self._tables, self._heartbeat)
        now = found.registered or {}
        changing = difference(found.rendered, now)
        properties = [
            Property(name, _shown(name, now), _shown(name, found.rendered), name in changing)
            for name in {**found.rendered, **now}
        ]
        return RegistrationPlan(
            self._options.connector, self._where, found.registered is not None, properties,
            found.findings, found.statements,
        )  # fmt: skip

    def apply(self, timeout: float) -> None:
        registration.ensure(self._options, self._database, self._tables, self._heartbeat, timeout)

    def status(self) -> RegistrationStatus:
        found = registration.state(self._options)
        unread = self._database.unread()
        connector = self._options.connector
        if found is None:
            why, do = "Kafka Connect doesn't have the connector", "strangler connect apply registers it"
            return RegistrationStatus(connector, self._where, "unregistered", "", False, why, do, (), unread)
        why, do = self._words(found.trace) if found.state == "FAILED" else ("", "")
        return RegistrationStatus(
            connector,
            self._where,
            found.state,
            found.worker,
            found.running,
            why,
            do,
            self._tasks(found),
            unread,
        )

    def snapshot(self, tables: Sequence[str], *, stop: bool = False) -> None:
        if not stop:
            registration.require_running(self._options)
        snapshots.ask(self._options, self._database, tables, stop)

    def _tasks(self, found: State) -> list[TaskStatus]:
        return [
            TaskStatus(
                task.id,
                task.state,
                task.worker,
                *(self._words(task.trace) if task.state == "FAILED" else ("", "")),
            )
            for task in found.tasks
        ]

    def _words(self, trace: str) -> tuple[str, str]:
        trouble = explain(trace)
        return trouble.why, trouble.do.replace("<source>", self._options.source)


def _shown(name: str, config: Mapping[str, str]) -> str | None:
    return shown(name, config[name]) if name in config else None


def connect(name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> Registrar:
    """Open the registration of the source called `name`; see `strangler.registrar.RegistrarOpener`."""
    return DebeziumRegistrar(name, settings, tables)
