"""What capture needs of a source, checked before anything is relied upon. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from strangler.durations import format_duration
from strangler.ports import Finding
from strangler_connectors.mysql.catalog import Relation, quote

VARIABLES: Final = (
    "log_bin", "server_id", "binlog_format", "binlog_row_image", "binlog_row_metadata", "binlog_row_value_options",
    "binlog_order_commits", "binlog_transaction_compression", "gtid_mode", "binlog_expire_logs_seconds", "expire_logs_days",
)  # fmt: skip
"""What is asked of the server. Each has some of them only."""

_SECONDS_OF_DAY: Final = 86400
_TRANSACTIONAL: Final = frozenset({"InnoDB", "RocksDB", "ROCKSDB", "TokuDB"})
_UUID_TYPES: Final = ("uuid", "inet6", "inet4")


@dataclass(frozen=True, slots=True)
class Server:
    """The facts of the server and the user. `refused` are the server's own words where it didn't let the user read the
    binlog (`dump`), ask where it ends (`status`) or see open transactions (`open`), empty where it did."""

    mariadb: bool
    version: tuple[int, int]
    user: str
    variables: Mapping[str, str]
    domains: Sequence[int]
    dump: str = ""
    status: str = ""
    open: str = ""


def server_needs(server: Server) -> list[Finding]:
    """What is missing on the server and of the user's privileges."""
    found = _version_needs(server) + _setting_needs(server)
    grant = f"GRANT {{}} ON *.* TO {server.user}"
    if server.dump:
        found.append(
            Finding(
                f"{server.user} may not read the binlog: {server.dump}", grant.format("REPLICATION SLAVE")
            )
        )
    if server.status:
        privilege = "BINLOG MONITOR" if server.version >= (10, 5) else "REPLICATION CLIENT"
        found.append(
            Finding(
                f"{server.user} may not ask where the binlog ends: {server.status}", grant.format(privilege)
            )
        )
    if server.open:
        found.append(
            Finding(
                f"{server.user} may not see open transactions, so nobody waits for them: one that is open when a function"
                " is cut over ends as a late write",
                grant.format("PROCESS"),
                blocks=False,
            )
        )
    if len(server.domains) > 1:
        found.append(
            Finding(
                f"the binlog has several replication domains: {', '.join(map(str, server.domains))}",
                "let all write in one domain (gtid_domain_id); once the binlogs with the other are purged: "
                "FLUSH BINARY LOGS DELETE_DOMAIN_ID=(…)",
            )
        )
    return found


def retention_needs(server: Server, outage: float) -> list[Finding]:
    """What wouldn't survive that nobody reads for `outage` seconds. 0, in the settings, keeps the binlog for ever."""
    seconds = float(server.variables.get("binlog_expire_logs_seconds") or 0)
    kept = seconds or float(server.variables.get("expire_logs_days") or 0) * _SECONDS_OF_DAY
    if not kept or kept >= outage:
        return []
    wanted = int(outage) + 1
    newer = "binlog_expire_logs_seconds" in server.variables
    setting = (
        f"binlog_expire_logs_seconds = {wanted}"
        if newer
        else f"expire_logs_days = {-(-wanted // _SECONDS_OF_DAY)}"
    )
    return [
        Finding(
            f"the server keeps its binlog for {format_duration(kept)}; an outage of {format_duration(outage)} is to be survived",
            f"{_set(server)} {setting}{_remember(server)}",
            blocks=False,
        )
    ]


def table_needs(
    server: Server,
    asked: Mapping[str, Sequence[str]],
    found: Sequence[Relation],
    unreadable: Mapping[str, str],
    keyed: Collection[str] = (),
) -> list[Finding]:
    """What is missing on the tables. `unreadable` has the server's words for each that the user may not read; the `keyed` need
    no primary key."""
    relations = {relation.asked: relation for relation in found}
    needs = []
    for table, columns in asked.items():
        relation = relations.get(table)
        if relation is None:
            needs.append(
                Finding(
                    f"table {table} isn't there, or {server.user} may not see it",
                    f"correct the table's name, or GRANT SELECT ON it TO {server.user}",
                )
            )
        else:
            needs += _relation_needs(relation, columns, table in keyed)
            if table in unreadable:
                grant = f"GRANT SELECT ON {relation.quoted} TO {server.user}"
                needs.append(Finding(f"{server.user} may not read table {table}: {unreadable[table]}", grant))
    return needs


def _version_needs(server: Server) -> list[Finding]:
    oldest = (10, 5) if server.mariadb else (8, 0)
    if server.version >= oldest:
        return []
    name = "MariaDB" if server.mariadb else "MySQL"
    return [
        Finding(
            f"the server is older than {name} {oldest[0]}.{oldest[1]}",
            "upgrade it, or use the polling connector",
        )
    ]


def _setting_needs(server: Server) -> list[Finding]:
    set_, keep = _set(server), _remember(server)
    wanted = [
        ("log_bin", ("ON", "1"), "the server writes no binlog", "write log_bin=binlog into its configuration, then restart it"),
        ("binlog_format", ("ROW",), "binlog_format is {}, not ROW", f"{set_} binlog_format = 'ROW'{keep}"),
        ("binlog_row_image", ("FULL",), "binlog_row_image is {}, not FULL", f"{set_} binlog_row_image = 'FULL'{keep}"),
        (
            "binlog_row_metadata", ("FULL",), "binlog_row_metadata is {}, not FULL: the binlog doesn't name its columns",
            f"{set_} binlog_row_metadata = 'FULL'{keep}",
        ),
    ]  # fmt: skip
    if not server.mariadb:
        wanted += [
            (
                "gtid_mode", ("ON",), "gtid_mode is {}, not ON: transactions bear no numbers",
                f"{set_} enforce_gtid_consistency = ON; {set_} gtid_mode = OFF_PERMISSIVE; "
                f"{set_} gtid_mode = ON_PERMISSIVE; {set_} gtid_mode = ON",
            ),
            (
                "binlog_order_commits", ("ON", "1"), "binlog_order_commits is {}: transactions may become visible in another "
                "order than they are logged", f"{set_} binlog_order_commits = ON",
            ),
            (
                "binlog_transaction_compression", ("OFF", "0", ""), "binlog_transaction_compression is {}",
                f"{set_} binlog_transaction_compression = OFF",
            ),
            (
                "binlog_row_value_options", ("",), "binlog_row_value_options is {}: JSON is logged in parts",
                f"{set_} binlog_row_value_options = ''",
            ),
        ]  # fmt: skip
    found = {name: server.variables.get(name, "") for name, *_ in wanted}
    needs = [
        Finding(what.format(found[name] or "unset"), do)
        for name, values, what, do in wanted
        if found[name].upper() not in values
    ]
    if server.variables.get("server_id") == "0":
        needs.append(Finding("server_id is 0: nobody may read the binlog", f"{set_} server_id = 1{keep}"))
    return needs


def _relation_needs(relation: Relation, columns: Sequence[str], keyed: bool) -> list[Finding]:
    needs = []
    known = {column.name: column for column in relation.columns}
    missing = sorted(set(columns) - set(known))
    if missing:
        needs.append(
            Finding(f"table {relation.asked} has no column {', '.join(missing)}", "correct the mapping")
        )
    if relation.kind != "BASE TABLE":
        needs.append(
            Finding(
                f"{relation.asked} is a {relation.kind.lower()}, whose changes aren't logged as a table's",
                "map a plain table",
            )
        )
    if not relation.key and not keyed:
        needs.append(Finding(f"table {relation.quoted} has no primary key", _mend_key(relation)))
    computed = sorted(relation.computed & set(columns))
    if computed:
        needs.append(
            Finding(
                f"table {relation.asked}: {', '.join(computed)} is computed when it is read and isn't part of the changes",
                "write its expression into the mapping instead",
            )
        )
    compressed = sorted(relation.compressed & set(columns))
    for name in compressed:
        declared = known[name].declared.split("/*")[0].strip()
        needs.append(
            Finding(
                f"table {relation.asked}: {name} is logged compressed",
                f"ALTER TABLE {relation.quoted} MODIFY {quote(name)} {declared}",
            )
        )
    if relation.engine not in _TRANSACTIONAL:
        needs.append(
            Finding(
                f"table {relation.asked} is {relation.engine}, without transactions: a document may be seen half written",
                f"ALTER TABLE {relation.quoted} ENGINE = InnoDB",
                blocks=False,
            )
        )
    return needs


def _mend_key(relation: Relation) -> str:
    """The statement after which rows have a key."""
    alter = f"ALTER TABLE {relation.quoted} ADD PRIMARY KEY "
    total = next((index for index in relation.indexes if index.total), None)
    if total:
        return alter + f"({', '.join(map(quote, total.columns))})"
    if any(column.name == "id" for column in relation.columns):
        return alter + "(`id`)"
    return alter + "(…) on the columns that identify a row"


def _set(server: Server) -> str:
    return "SET GLOBAL" if server.mariadb else "SET PERSIST"


def _remember(server: Server) -> str:
    return " (and the same in the server's configuration)" if server.mariadb else ""
