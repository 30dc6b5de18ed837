"""What a database needs so that its log can be read by Debezium: SQL Server, Oracle and Db2.

Written from the vendors' and Debezium's documentation; the catalog queries are each database's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from strangler.errors import SourceError
from strangler.ports import Finding
from strangler_connectors.databases.database import Place

Execute = Callable[..., list[tuple[Any, ...]]]

ENABLE: Final = {
    "mssql": "EXEC sys.sp_cdc_enable_table @source_schema = N'{schema}', @source_name = N'{name}', "
    "@role_name = NULL, @supports_net_changes = 0",
    "oracle": 'ALTER TABLE "{schema}"."{name}" ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS',
    "db2": "CALL ASNCDC.ADDTABLE('{schema}', '{name}')",
}
"""The statement after which the changes of one table are captured, where a database wants that."""

_ENABLED: Final = {
    "mssql": "SELECT s.name, t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id "
    "WHERE t.is_tracked_by_cdc = 1",
    "oracle": "SELECT owner, table_name FROM all_log_groups WHERE log_group_type = 'ALL COLUMN LOGGING'",
    "db2": "SELECT source_owner, source_table FROM asncdc.ibmsnap_register",
}
"""The tables for which that was done."""


def enabling(kind: str, execute: Execute, places: Iterable[Place]) -> list[str]:
    """The statements after which the changes of these tables are captured, for those whose aren't yet."""
    known = (
        {Place(*(str(part).strip() for part in row)) for row in execute(_ENABLED[kind])}
        if kind in ENABLE
        else set()
    )
    missing = [place for place in places if place not in known] if kind in ENABLE else []
    again = ["VALUES ASNCDC.ASNCDCSERVICES('reinit', 'asncdc')"] if missing and kind == "db2" else []
    return [_enable(kind, place) for place in missing] + again


def log_needs(kind: str, execute: Execute, places: Iterable[Place], outage: float) -> list[Finding]:
    """What is missing to read the log; of a kind that isn't known here one finding that says so."""
    examine = {"mssql": _sql_server, "oracle": _oracle, "db2": lambda *_: iter(())}.get(kind)
    if examine is None:
        return [Finding(f"Debezium has no connector for {kind}", "use a source of kind polling")]
    try:
        found = list(examine(execute, outage))
        if any(each.blocks for each in found):
            return found
        return found + [
            Finding("the changes of a captured table aren't logged", statement)
            for statement in enabling(kind, execute, places)
        ]
    except SourceError as error:
        # What can't be looked at is no reason to refuse: Debezium says itself what it lacks.
        return [Finding(f"couldn't be checked: {error.why or error.what}", error.do, blocks=False)]


def _enable(kind: str, place: Place) -> str:
    return ENABLE[kind].format(schema=place.schema.replace("'", "''"), name=place.name.replace("'", "''"))


def _sql_server(execute: Execute, outage: float) -> Iterator[Finding]:
    if not execute("SELECT 1 FROM sys.databases WHERE name = DB_NAME() AND is_cdc_enabled = 1"):
        yield Finding("change data capture isn't enabled for the database", "EXEC sys.sp_cdc_enable_db")
        return
    agent = execute("SELECT status FROM sys.dm_server_services WHERE servicename LIKE 'SQL Server Agent%'")
    if agent and agent[0][0] != 4:
        yield Finding(
            "SQL Server Agent doesn't run, and capture is its job", "start the service SQL Server Agent"
        )
    kept = execute(
        "SELECT retention FROM msdb.dbo.cdc_jobs WHERE job_type = 'cleanup' AND database_id = DB_ID()"
    )
    if kept and kept[0][0] * 60 < outage:
        minutes = int(outage // 60) + 1
        cure = f"EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = {minutes}"
        yield Finding(
            f"changes are kept for {kept[0][0]} minutes only, shorter than `outage`", cure, blocks=False
        )


def _oracle(execute: Execute, outage: float) -> Iterator[Finding]:
    mode, logged = execute("SELECT log_mode, supplemental_log_data_min FROM v$database")[0]
    if mode != "ARCHIVELOG":
        yield Finding(
            "the database isn't in ARCHIVELOG mode",
            "SHUTDOWN IMMEDIATE; STARTUP MOUNT; ALTER DATABASE ARCHIVELOG; ALTER DATABASE OPEN",
        )
    if logged == "NO":
        yield Finding("supplemental logging is off", "ALTER DATABASE ADD SUPPLEMENTAL LOG DATA")
