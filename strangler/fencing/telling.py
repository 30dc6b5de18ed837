"""Triggers that refuse nothing, and tell who writes: a row in a table of ours says it in the transaction that writes, and is gone again.

So it comes by in the database's log, before what was written, also where the log itself knows no users (`strangler.sync.authors` reads it).
Whoever writes past the facades needs no privilege for that, waits for nobody, and is refused nothing where it fails: to know who it was is
worth less than the write. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strangler.fencing.measures import Guarded, Measures, name_of
from strangler.fencing.passing import passes

TABLE: Final = "strangler_author"
"""Is empty whenever nobody writes."""

COLUMNS: Final = ("said",)
"""What is to be captured of it."""

CREATE_TABLE: Final = f"CREATE TABLE IF NOT EXISTS {TABLE} (number numeric(20) NOT NULL PRIMARY KEY, said varchar(255) NOT NULL)"
"""`number` is another one for each transaction (PostgreSQL) or row (MySQL): nobody waits for anybody else's."""

DIALECTS: Final = ("postgres", "mysql")
"""Those of databases that have users."""

_LONGEST: Final = 255


def telling(dialect: str, function: str, cohort: str, tables: Sequence[Guarded]) -> Measures:
    """The statements after which whoever writes to these tables is known, and those that take that back; the table stays."""
    install, lift = [CREATE_TABLE], list[str]()
    for guarded in tables:
        name, table = name_of(function, cohort, guarded.table), guarded.sql(dialect)
        if dialect == "postgres":
            install += [_function(name, function), _statement_trigger(name, table)]
            lift += [f"DROP TRIGGER IF EXISTS {name}_tell ON {table}", f"DROP FUNCTION IF EXISTS {name}()"]
            continue
        for operation in ("insert", "update", "delete"):
            install.append(_row_trigger(f"{name}_{operation}", operation.upper(), table, function))
            lift.append(f"DROP TRIGGER IF EXISTS {name}_{operation}")
    return Measures(tuple(install), tuple(lift))


def _function(name: str, function: str) -> str:
    """Says it once a transaction, and again when it becomes another one. The role is the session's: that of the function is its owner's."""
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT"
        f" AS $strangler$ DECLARE told text := left(concat('user ', session_user,"
        " ' as ' || nullif(current_setting('role'), 'none'),"
        " ', program ' || nullif(current_setting('application_name'), ''),"
        f" ', from ' || host(inet_client_addr())), {_LONGEST});"
        f" BEGIN IF NOT {passes('postgres', function)}"
        " AND current_setting('strangler.author', true) IS DISTINCT FROM told THEN"
        f" INSERT INTO {TABLE} VALUES (txid_current(), told);"
        f" DELETE FROM {TABLE} WHERE number = txid_current();"
        " PERFORM set_config('strangler.author', told, true); END IF;"
        " RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $strangler$"
    )


def _statement_trigger(name: str, table: str) -> str:
    return (
        f"CREATE TRIGGER {name}_tell BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT"
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
