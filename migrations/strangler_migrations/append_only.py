"""Triggers that keep the ledger as it is written: the database takes a new entry at the end, and nothing else.

They stop mistakes and whoever has no more than rights on the rows. Who owns the table can drop them: what was done then is told by the
chain, and `strangler db check` by their absence.
"""

from __future__ import annotations

from typing import Final

_SAYS: Final = "the ledger is append-only"

_SQLITE: Final = (
    f"""CREATE TRIGGER ledger_at_the_end BEFORE INSERT ON ledger
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM ledger)
    BEGIN SELECT RAISE(ABORT, '{_SAYS}: an entry is put at its end'); END""",
    f"""CREATE TRIGGER ledger_unchanged BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, '{_SAYS}: no entry is changed'); END""",
    f"""CREATE TRIGGER ledger_kept BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, '{_SAYS}: no entry is removed'); END""",
)

_POSTGRESQL: Final = (
    f"""CREATE FUNCTION ledger_at_the_end() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM ledger) THEN
            RAISE EXCEPTION '{_SAYS}: an entry is put at its end';
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION ledger_refused() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{_SAYS}: % is refused', lower(TG_OP);
    END $$""",
    "CREATE TRIGGER ledger_at_the_end BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_at_the_end()",
    "CREATE TRIGGER ledger_unchanged BEFORE UPDATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION ledger_refused()",
    "CREATE TRIGGER ledger_kept BEFORE DELETE OR TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION ledger_refused()",
)


def statements(dialect: str) -> tuple[str, ...]:
    """What makes them in a database of this kind."""
    return _POSTGRESQL if dialect == "postgresql" else _SQLITE
