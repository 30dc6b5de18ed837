"""The ledger: every decision with its evidence, each entry bound to the one before it by a hash.

Who changes or removes an entry afterwards breaks the chain at that place, and `verify` says where. An end that was
cut off shows only against a hash that was noted elsewhere, so `verify` gives the last one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, insert, select

from strangler.control import tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control

GENESIS: Final = "0" * 64
"""What stands as `previous` in the first entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: who, when (seconds since the epoch), what `kind`, about which function ("" for none), with
    which figures (`body`)."""

    seq: int
    at: float
    actor: str
    kind: str
    function: str
    body: dict[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many entries hold, the last good hash, and where and why the chain breaks."""

    entries: int
    head: str
    problem: str | None


def append(
    control: Control, *, actor: str, kind: str, function: str, body: Mapping[str, Any], at: float
) -> Entry:
    """Add an entry at the end (invariant 8); joins an open transaction, so that decision and evidence are one."""
    with control.begin() as connection:
        seq, previous = _head(connection)
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        entry = {"seq": seq + 1, "at": at, "actor": actor, "kind": kind, "function": function, "body": text}
        entry |= {"previous": previous}
        entry |= {"hash": _hash(entry)}
        connection.execute(insert(tables.ledger).values(entry))
        return _entry(entry)


def entries(
    control: Control, *, function: str | None = None, kind: str | None = None, limit: int | None = None
) -> list[Entry]:
    """Entries in their order; with `limit`, the newest of them."""
    query = select(tables.ledger).order_by(tables.ledger.c.seq.desc()).limit(limit)
    if function is not None:
        query = query.where(tables.ledger.c.function == function)
    if kind is not None:
        query = query.where(tables.ledger.c.kind == kind)
    with control.read() as connection:
        found = [_entry(row) for row in connection.execute(query).mappings()]
    return found[::-1]


def verify(control: Control) -> Verification:
    """Follow the whole chain, in constant memory, up to its end or its first break."""
    seq, previous = 0, GENESIS
    query = select(tables.ledger).order_by(tables.ledger.c.seq).execution_options(yield_per=1000)
    with control.read() as connection:
        for row in connection.execute(query).mappings():
            if problem := _problem(row, seq + 1, previous):
                return Verification(seq, previous, problem)
            seq, previous = row["seq"], row["hash"]
    return Verification(seq, previous, None)


def _problem(row: Mapping[Any, Any], seq: int, previous: str) -> str | None:
    if row["seq"] != seq:
        return f"entry {seq} is missing: the next one there is {row['seq']}"
    if row["previous"] != previous:
        return f"entry {seq} doesn't follow from the one before it"
    if row["hash"] != _hash(row):
        return f"entry {seq} was changed after it was written"
    return None


def _hash(row: Mapping[Any, Any]) -> str:
    """SHA-256 over a JSON array, so that no two different entries are written alike."""
    names = ("seq", "at", "actor", "kind", "function", "body", "previous")
    return hashlib.sha256(orjson.dumps([row[name] for name in names])).hexdigest()


def _head(connection: Connection) -> tuple[int, str]:
    lock_decisions(connection)
    last = select(tables.ledger.c.seq, tables.ledger.c.hash).order_by(tables.ledger.c.seq.desc()).limit(1)
    row = connection.execute(last).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry(**{**row, "body": orjson.loads(row["body"])})
