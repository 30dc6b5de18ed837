"""The ledger: every decision with its evidence, each entry bound to the one before it by a hash.

Who changes or removes an entry afterwards breaks the chain at that place, and `verify` says where. An end that was
cut off, and a chain that was written anew, show only against a hash that was noted elsewhere: `verify` gives the last one, and
looks for those that are expected. The database itself takes new entries only, and only at the end (the migration's triggers).

The hash is over an entry's canonical line, which is what an auditor is given (`strangler.auditing`, docs/ledger.md): who
changes it there changes it here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, insert, or_, select

from strangler.control import tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control

GENESIS: Final = "0" * 64
"""What stands as `previous` in the first entry."""

MEMBERS: Final = ("seq", "at", "actor", "kind", "function", "body", "previous")
"""What the hash of an entry is over, in this order."""

AT_ONCE: Final = 1000
"""Entries in memory while the whole chain is read."""


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


class Link(NamedTuple):
    """An entry of the chain as it is followed: its canonical line, and what is wrong with it ("" for nothing)."""

    seq: int
    at: float
    kind: str
    hash: str
    line: bytes
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many entries hold, the last good hash, and where and why the chain breaks.

    `seen`: which entry has each hash that was expected; None for one that no good entry has.
    """

    entries: int
    head: str
    problem: str | None
    seen: Mapping[str, int | None] = field(default_factory=dict)


def append(
    control: Control, *, actor: str, kind: str, function: str, body: Mapping[str, Any], at: float
) -> Entry:
    """Add an entry at the end (invariant 8); joins an open transaction, so that decision and evidence are one."""
    with control.begin() as connection:
        seq, previous = _head(connection)
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        # A whole number would be read back from the database as a fraction, and written otherwise in the line.
        entry = {"seq": seq + 1, "at": float(at), "actor": actor, "kind": kind, "function": function}
        entry |= {"body": text, "previous": previous}
        entry |= {"hash": _hash(_signed(entry))}
        connection.execute(insert(tables.ledger).values(entry))
        return _entry(entry)


def entries(
    control: Control,
    *,
    function: str | None = None,
    kind: str | None = None,
    actor: str | None = None,
    by: str | None = None,
    since: float | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """Entries in their order; `since` in seconds since the epoch; with `limit`, the newest of them. `by`: whose decisions, whatever vouches
    for the name."""
    at = tables.ledger.c
    query = select(tables.ledger).order_by(at.seq.desc()).limit(limit)
    for column, wanted in ((at.function, function), (at.kind, kind), (at.actor, actor)):
        query = query if wanted is None else query.where(column == wanted)
    if by is not None:
        prefixes = [at.actor.startswith(f"{by}{sign}", autoescape=True) for sign in ("@", " (")]
        query = query.where(or_(at.actor == by, *prefixes))
    if since is not None:
        query = query.where(at.at >= since)
    with control.read() as connection:
        found = [_entry(row) for row in connection.execute(query).mappings()]
    return found[::-1]


def get(control: Control, seq: int) -> Entry | None:
    """The entry with this number."""
    with control.read() as connection:
        row = connection.execute(select(tables.ledger).where(tables.ledger.c.seq == seq)).mappings().first()
        return _entry(row) if row else None


def verify(control: Control, expected: Collection[str] = ()) -> Verification:
    """Follow the whole chain, in constant memory, up to its end or its first break; look for the hashes `expected` on the way."""
    seq, head = 0, GENESIS
    seen: dict[str, int | None] = dict.fromkeys(expected)
    for link in links(control):
        if link.problem:
            return Verification(seq, head, link.problem, seen)
        seq, head = link.seq, link.hash
        if head in seen:
            seen[head] = seq
    return Verification(seq, head, None, seen)


def links(control: Control, after: int = 0) -> Iterator[Link]:
    """The chain behind entry `after` (0: from its beginning) as of one moment, in constant memory; every entry is judged."""
    table = tables.ledger
    query = select(table).where(table.c.seq > after).order_by(table.c.seq)
    with control.read() as connection:
        before = get(control, after)
        seq, previous = after, before.hash if before else GENESIS
        for row in connection.execute(query.execution_options(yield_per=AT_ONCE)).mappings():
            signed = _signed(row)
            problem = _problem(row, seq + 1, previous, signed)
            seq, previous = row["seq"], row["hash"]
            line = signed[:-1] + b',"hash":' + orjson.dumps(previous) + b"}"
            yield Link(seq, row["at"], row["kind"], previous, line, problem)


def _problem(row: Mapping[Any, Any], seq: int, previous: str, signed: bytes) -> str:
    if row["seq"] != seq:
        return f"entry {seq} is missing: the next one there is {row['seq']}"
    if row["previous"] != previous:
        return f"entry {seq} doesn't follow from the one before it"
    if row["hash"] != _hash(signed):
        return f"entry {seq} was changed after it was written"
    return ""


def _signed(row: Mapping[Any, Any]) -> bytes:
    """What the hash is over: the entry as JSON without blanks, its members in their order, its body as it is kept."""
    members = {name: row[name] for name in MEMBERS} | {"body": orjson.Fragment(row["body"])}
    return orjson.dumps(members)


def _hash(signed: bytes) -> str:
    return hashlib.sha256(signed).hexdigest()


def _head(connection: Connection) -> tuple[int, str]:
    lock_decisions(connection)
    last = select(tables.ledger.c.seq, tables.ledger.c.hash).order_by(tables.ledger.c.seq.desc()).limit(1)
    row = connection.execute(last).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry(**{**row, "body": orjson.loads(row["body"])})
