"""Registration: what has to stand in the legacy database and in Kafka Connect for changes to come, made and removed.

Connect keeps where a connector has read up to. A connector that isn't registered is therefore made without any memory of
a former one of its name: PostgreSQL's slot knows by itself from where on, and elsewhere the capture counts as a new one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strangler.errors import SourceError, SourceLost, StranglerError, Unavailable
from strangler.ports import Finding
from strangler_connectors.databases import Database, address
from strangler_connectors.debezium import watermark
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.properties import difference
from strangler_connectors.debezium.rendering import CLASSES, render
from strangler_connectors.debezium.rest import Connect, NotFound
from strangler_connectors.debezium.troubles import Trouble, explain
from strangler_connectors.debezium.wanted import look

_LOOK: Final = 0.2
"""Seconds between two looks at a connector that is starting."""

_AGAIN: Final = 5.0
"""Seconds after which what failed for a passing reason is started again."""

_LETTING_GO: Final = 30.0
"""Seconds that Debezium may take to end a task that was stopped."""

_RUNNING, _FAILED = "RUNNING", "FAILED"


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a connector; `state` is Connect's: RUNNING, FAILED, PAUSED, UNASSIGNED, …; `trace` Java's, or empty."""

    id: int
    state: str
    worker: str
    trace: str


@dataclass(frozen=True, slots=True)
class State:
    """A connector as Connect sees it now."""

    connector: str
    state: str
    worker: str
    trace: str
    tasks: tuple[Task, ...]

    @property
    def running(self) -> bool:
        """Whether the connector and at least one task run, and none has failed."""
        return self.state == _RUNNING and bool(self.tasks) and all(t.state == _RUNNING for t in self.tasks)

    @property
    def trouble(self) -> Trouble | None:
        """What has failed, in words; None if nothing has."""
        parts = [(self.state, self.trace), *((task.state, task.trace) for task in self.tasks)]
        return next((explain(trace) for state, trace in parts if state == _FAILED), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `ensure` would do now. `rendered` and `registered` are whole configurations, with secrets; `registered` None: there is
    none. `findings`: what is missing in the database. `statements`: what would be run there, in order."""

    rendered: dict[str, str]
    registered: dict[str, str] | None
    findings: tuple[Finding, ...]
    statements: tuple[str, ...]


def plan(options: Options, database: Database, tables: Mapping[str, Sequence[str]], heartbeat: float) -> Plan:
    """What `ensure` would do now; changes nothing."""
    there = watermark.places(database)
    own = [watermark.stored(database, table) for table in watermark.DEFINITIONS]
    made = [text for table, text in watermark.DEFINITIONS.items() if table not in there]
    return Plan(
        rendered=_rendered(options, database, tables, heartbeat),
        registered=configuration(options),
        findings=tuple(database.needs(options.outage)),
        statements=(*made, *(database.making([*tables, *own]) if options.connect else ())),
    )


def ensure(
    options: Options,
    database: Database,
    tables: Mapping[str, Sequence[str]],
    heartbeat: float,
    timeout: float = 60.0,
) -> None:
    """Make everything that is missing so that the changes of `tables` (with these columns) come; idempotent.

    In this order: what the database lacks is refused (SourceError, nothing was made); heartbeat and signal table;
    slot and publication; the connector, registered or brought up to date, started again if it had failed; then waits
    up to `timeout` seconds until its task runs, else raises with Debezium's reason in words. `heartbeat`: seconds
    between two of Debezium's. Without `options.connect` only the tables in the database are made.

    Where changes in between may have been lost, `watermark.capture` is another one afterwards, which hasn't begun.
    """
    if not tables:
        raise SourceError(f"source {options.source}: no mapping names one of its tables")
    _require(options, database.needs(options.outage))
    watermark.create(database, options.source)
    if not options.connect:
        return
    own = [watermark.stored(database, table) for table in watermark.DEFINITIONS]
    kept = database.capture([*tables, *own])
    if kept:
        watermark.renew(database, options.source, kept)
    rendered = _rendered(options, database, tables, heartbeat)
    connect = Connect(options.source, options.connect)
    registered = connect.config(options.connector)
    if registered is None:
        _require_valid(options, connect, rendered)
        if not kept:
            watermark.renew(database, options.source)
        connect.register_stopped(options.connector, rendered)
        connect.forget(options.connector)
    elif difference(rendered, registered):
        _require_valid(options, connect, rendered)
        connect.register(options.connector, rendered)
    connect.resume(options.connector)
    _wait_until_running(options, connect, timeout)


def begin_anew(options: Options, database: Database) -> None:
    """See to it that the next capture has nothing of this one. What Debezium remembers would lead it into the same gap again, and it
    can't always tell that there is one; so `ensure` finds neither connector nor slot. Idempotent.

    Somebody else's connector goes on as it is, and the capture counts from now on.
    """
    if options.connect:
        _unregister(Connect(options.source, options.connect), options.connector)
        _release(database)
    else:
        watermark.renew(database, options.source)


def remove(options: Options, database: Database) -> None:
    """Remove the connector with its offsets, slot and publication, and our tables. Idempotent."""
    if options.connect:
        _unregister(Connect(options.source, options.connect), options.connector)
        _release(database)
    watermark.drop(database, options.source)


def state(options: Options) -> State | None:
    """The connector as Connect sees it; None if none is registered, or `options.connect` isn't set.

    Raises Unavailable when Connect doesn't answer.
    """
    if not options.connect:
        return None
    found = Connect(options.source, options.connect).status(options.connector)
    return _state(found) if found else None


def configuration(options: Options) -> dict[str, str] | None:
    """How the connector is registered now, secrets included; None as for `state`."""
    return Connect(options.source, options.connect).config(options.connector) if options.connect else None


def plugin_findings(options: Options, database: Database) -> list[Finding]:
    """What Kafka Connect lacks to make the connector; nothing where it has made it already."""
    if not options.connect or state(options) is not None:
        return []
    wanted = options.config.get("connector.class") or CLASSES.get(database.kind, "")
    missing = _missing_plugin(Connect(options.source, options.connect), wanted)
    return [missing] if missing else []


def require_running(options: Options) -> None:
    """See that the connector does its work; what failed for a passing reason is started again.

    Raises SourceLost where the log no longer has what is to be read next, SourceError for a connector that is gone or
    failed for good, Unavailable for one that is paused or on its way; nothing without `options.connect`.
    """
    if not options.connect:
        return
    found = state(options)
    if found is None:
        raise SourceError(
            f"source {options.source}: Kafka Connect has no connector {options.connector}",
            why="it was removed, or this is another Connect",
            do="strangler connect apply registers it",
        )
    if trouble := found.trouble:
        if trouble.passing:
            Connect(options.source, options.connect).restart_failed(options.connector)
        raise failure(options, trouble)
    if not found.running:
        raise _not_running(options, found)


def failure(options: Options, trouble: Trouble) -> StranglerError:
    """The error for a connector that has failed."""
    what = f"source {options.source}: the connector {options.connector} has failed"
    kind = SourceLost if trouble.lost else Unavailable if trouble.passing else SourceError
    return kind(what, why=trouble.why, do=trouble.do.replace("<source>", options.source))


def _require(options: Options, findings: Sequence[Finding]) -> None:
    blocking = [each for each in findings if each.blocks]
    if blocking:
        raise SourceError(
            f"source {options.source} can't be captured yet; nothing was created",
            why="; ".join(each.what for each in blocking),
            do="; ".join(dict.fromkeys(each.do for each in blocking if each.do)),
        )


def _require_valid(options: Options, connect: Connect, config: Mapping[str, str]) -> None:
    missing = _missing_plugin(connect, config["connector.class"])
    if missing:
        raise SourceError(f"source {options.source}: {missing.what}", do=missing.do)
    wrong = connect.validate(config)
    if wrong:
        said = "; ".join(f"{each.property}: {' '.join(each.errors)}" for each in wrong)
        trouble = explain(said)
        raise SourceError(
            f"source {options.source}: Kafka Connect doesn't accept the connector {options.connector}",
            why=said,
            do=trouble.do,
        )


def _unregister(connect: Connect, connector: str) -> None:
    """Remove the connector with its offsets."""
    try:
        connect.stop(connector)
        connect.forget(connector)
        connect.remove(connector)
    except NotFound:
        pass


def _missing_plugin(connect: Connect, wanted: str) -> Finding | None:
    installed = connect.plugins()
    if wanted in installed:
        return None
    has = ", ".join(sorted(each.rpartition(".")[2] for each in installed)) or "none"
    return Finding(
        f"Kafka Connect at {connect.url} doesn't have {wanted}; of connectors it has: {has}",
        "install Debezium's plugin into its plugin.path on every worker",
    )


def _release(database: Database) -> None:
    """A task that was stopped lets go of the slot a moment later."""
    deadline = time.monotonic() + _LETTING_GO
    while True:
        try:
            return database.release()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK)


def _wait_until_running(options: Options, connect: Connect, timeout: float) -> None:
    deadline, again = time.monotonic() + timeout, 0.0
    while True:
        status = connect.status(options.connector)
        found = _state(status) if status else None
        if found and found.running:
            return
        trouble = found.trouble if found else None
        now = time.monotonic()
        # The first look may still show how it failed before it was brought up to date.
        if trouble and now > again:
            if again and not trouble.passing:
                raise failure(options, trouble)
            connect.restart_failed(options.connector)
            again = now + _AGAIN
        if now > deadline:
            raise failure(options, trouble) if trouble else _not_running(options, found)
        time.sleep(_LOOK)


def _not_running(options: Options, found: State | None) -> Unavailable:
    paused = found is not None and found.state in ("PAUSED", "STOPPED")
    states = "not known to any worker yet"
    if found:
        states = f"{found.state}, its task {', '.join(task.state for task in found.tasks) or 'not started'}"
    return Unavailable(
        f"source {options.source}: the connector {options.connector} doesn't run",
        why=f"it is {states}",
        do="strangler connect apply resumes it" if paused else "wait, or look into the log of its worker",
    )


def _state(status: Mapping[str, Any]) -> State:
    connector = status["connector"]
    tasks = (
        Task(each["id"], each["state"], each.get("worker_id", ""), each.get("trace", ""))
        for each in status["tasks"]
    )
    return State(
        status["name"],
        connector["state"],
        connector.get("worker_id", ""),
        connector.get("trace", ""),
        tuple(tasks),
    )


def _rendered(
    options: Options, database: Database, tables: Mapping[str, Sequence[str]], heartbeat: float
) -> dict[str, str]:
    where = address.parse(options.source, options.url.get_secret_value())
    return render(options, where, look(options, database, tables, heartbeat))
