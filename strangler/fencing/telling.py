"""Triggers that refuse nothing, and tell who writes: a row in a table of ours says it in the transaction that writes, and is gone again.

So it comes by in the database's log, before what was written, also where the log itself knows no users (`strangler.sync.authors` reads it).
Whoever writes past the facades needs no privilege for that, and isn't refused where the telling itself fails: to know who it was is worth
less than the write. Pure, but for looking where that table stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from strangler.fencing.measures import Guarded, Measures, name_of
from strangler.fencing.passing import passes
from strangler.mapping.legacy import quoted
from strangler.ports import Hand

TABLE: Final = "strangler_author"
"""Is empty whenever nobody writes."""

COLUMNS: Final = ("said",)
"""What is to be captured of it."""

DIALECTS: Final = ("postgres", "mysql")
"""Those of databases that have users."""

PREFIX: Final = "strangler_tell_"
"""Of what belongs to it. A fence that refuses may stand on the same table, and has names of its own."""

_LONGEST: Final = 255
_ENGINE: Final = {"postgres": "", "mysql": " ENGINE=InnoDB"}
"""Another one might lock the whole table, for all who write."""

_PLACE: Final = {
    "postgres": "SELECT coalesce(n.nspname, current_schema(), '')::text, CASE WHEN c.oid IS NULL THEN 'no' ELSE 'yes' END"
    f" FROM (VALUES (1)) AS one LEFT JOIN pg_class c ON c.oid = to_regclass('{TABLE}') LEFT JOIN pg_namespace n ON n.oid = c.relnamespace",
    "mysql": "SELECT '', CASE count(*) WHEN 0 THEN 'no' ELSE 'yes' END FROM information_schema.tables"
    f" WHERE table_schema = DATABASE() AND table_name = '{TABLE}'",
}


class Place(NamedTuple):
    """The schema in which the table stands, or would be made; empty where that goes without saying. And whether it is `there`."""

    schema: str
    there: bool


def place(hand: Hand) -> Place:
    """Where the table is in the database of a hand."""
    [(schema, there)] = hand.ask(_PLACE[hand.dialect])
    return Place(schema, there == "yes")


def create_table(dialect: str, schema: str) -> str:
    """`number` is another one for each transaction (PostgreSQL) or row (MySQL): nobody waits for anybody else's."""
    columns = "number numeric(20) NOT NULL PRIMARY KEY, said varchar(255) NOT NULL"
    return f"CREATE TABLE IF NOT EXISTS {_table(dialect, schema)} ({columns}){_ENGINE[dialect]}"


def telling(dialect: str, function: str, cohort: str, tables: Sequence[Guarded], schema: str) -> Measures:
    """The statements after which whoever writes to these tables is known, and those that take that back; the table stays, in this
    schema."""
    install, lift = [create_table(dialect, schema)], list[str]()
    for guarded in tables:
        name, table = name_of(function, cohort, guarded.table, PREFIX), guarded.sql(dialect)
        if dialect == "postgres":
            install += [_function(name, function, _table(dialect, schema)), _kept_to_us(name)]
            install.append(_statement_trigger(name, table))
            lift += [
                f"DROP TRIGGER IF EXISTS {name}_statement ON {table}",
                f"DROP FUNCTION IF EXISTS {name}()",
            ]
            continue
        for operation in ("insert", "update", "delete"):
            install.append(_row_trigger(f"{name}_{operation}", operation.upper(), table, function))
            lift.append(f"DROP TRIGGER IF EXISTS {name}_{operation}")
    return Measures(tuple(install), tuple(lift))


def tells(statement: str) -> bool:
    """Whether a statement makes or takes back what tells who writes, and not what refuses it."""
    return PREFIX in statement


def _table(dialect: str, schema: str) -> str:
    return f"{quoted(schema, dialect)}.{TABLE}" if schema else TABLE


def _function(name: str, function: str, table: str) -> str:
    """Says it once a transaction, and again when it becomes another one. The role is the session's: that of the function is its owner's.
    So no name in it may mean something that the session made, as a temporary table of the same name. The row is found by its place: to look
    for it, be it in an index, would make serializable transactions depend on each other."""
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"
        " AS $strangler$ DECLARE told text; at tid;"
        " BEGIN told := left(concat('user ', session_user,"
        " ' as ' || nullif(current_setting('role'), 'none'),"
        " ', program ' || nullif(current_setting('application_name'), ''),"
        f" ', from ' || host(inet_client_addr())), {_LONGEST});"
        f" IF NOT {passes('postgres', function)}"
        " AND current_setting('strangler.author', true) IS DISTINCT FROM told THEN"
        f" INSERT INTO {table} VALUES (txid_current(), told) RETURNING ctid INTO at;"
        f" DELETE FROM {table} WHERE ctid = at;"
        " PERFORM set_config('strangler.author', told, true); END IF;"
        " RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $strangler$"
    )


def _kept_to_us(name: str) -> str:
    """Else anybody could have a table of their own run it, with its owner's rights. Who writes to a table needs none to its triggers."""
    return f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC"


def _statement_trigger(name: str, table: str) -> str:
    return (
        f"CREATE TRIGGER {name}_statement BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
        f" EXECUTE FUNCTION {name}()"
    )


def _row_trigger(name: str, operation: str, table: str, function: str) -> str:
    """Says it with each row: nothing tells where a transaction ends. The text is made once a session."""
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW BEGIN"
        " DECLARE mine BIGINT UNSIGNED DEFAULT UUID_SHORT();"
        " DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;"
        f" IF NOT ({passes('mysql', function)}) THEN"
        " IF @strangler_author IS NULL THEN SET @strangler_author = LEFT(CONCAT('user ', USER(),"
        " COALESCE(CONCAT(', program ', (SELECT attr_value FROM performance_schema.session_account_connect_attrs"
        f" WHERE processlist_id = CONNECTION_ID() AND attr_name = 'program_name')), '')), {_LONGEST}); END IF;"
        f" INSERT INTO {TABLE} VALUES (mine, @strangler_author);"
        f" DELETE FROM {TABLE} WHERE number = mine;"
        " END IF; END"
    )
