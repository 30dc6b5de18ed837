"""The tables of the control store. The migrations create them; a test holds both to the same shape.

Times are seconds since the epoch (float). JSON is kept as text, so that SQLite and PostgreSQL hold the same.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData()

generation = Table(
    "generation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", Integer, nullable=False),
    Column("announced", Integer, nullable=False),
)
"""One row: the number of changes of any standing so far. Who sees the same number again has seen it all. `announced`: how often somebody
has said that a change follows at once."""

standing = Table(
    "standing",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("stage", String(16), nullable=False),
    Column("owner", String(8), nullable=False),
    Column("weight", Integer, nullable=False),
    Column("fenced", Boolean, nullable=False),
    Column("sync_until", Text),
    Column("hold", Text),
    Column("generation", Integer, nullable=False),
    Column("since", Float, nullable=False),
    Column("left_at", Integer, nullable=False),
    Column("parted_at", Float, nullable=False),
)
"""Where each function stands; see `strangler.cutover.stages.Standing`."""

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("cohort", String(64), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("step", String(32), nullable=False),
    Column("times", Text, nullable=False),
    Column("decided", Boolean, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("intent", Text, nullable=False),
    Column("position", Text),
    Column("holder", String(128), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
"""Each switch of owners, step by step. `times` is JSON: step → when it was done. `decided` is the point of no return (invariant 6).
`intent` is JSON: what is to become of the standing and why; `holder` is host and process that carry it out, `updated_at` their last sign
of life."""

fence = Table(
    "fence",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("lift", Text, nullable=False),
    Column("at", Float, nullable=False),
)
"""What is in force in legacy databases against writes that come past the facades; `lift` is JSON, the statements that take it
back. See `strangler.control.fences`."""

handing = Table(
    "handing",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("body", Text, nullable=False),
)
"""The numbers that a switch under way has handed over; `body` is JSON. See `strangler.control.handings`."""

stretch = Table(
    "stretch",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("numbers", Text, primary_key=True),
    Column("ahead", String(8), nullable=False),
    Column("beyond", BigInteger, nullable=False),
    Column("leap", BigInteger),
)
"""Where the numbers of one side end and those of the other begin, while both draw. See `strangler.control.stretches`."""

number_look = Table(
    "number_look",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("numbers", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("legacy", BigInteger, nullable=False),
    Column("new", BigInteger, nullable=False),
    Column("jumped", Boolean, nullable=False),
)
"""The last numbers of both sides when they were last looked at; `jumped`: a counter was set since."""

number_pace = Table(
    "number_pace",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("numbers", Text, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("seconds", Float, nullable=False),
    Column("legacy", BigInteger, nullable=False),
    Column("new", BigInteger, nullable=False),
)
"""How many numbers each side drew in the `seconds` that were measured in an hour (since the epoch). See `strangler.control.paces`."""

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("function", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("previous", name="ledger_previous"),
)
"""Every decision with its evidence, chained by hash (invariant 8). Each entry is followed by one: the chain has no fork."""

LEDGER_TRIGGERS: Final = frozenset(("ledger_at_the_end", "ledger_unchanged", "ledger_kept"))
"""What keeps the ledger as it is written: the database refuses what isn't a new entry at the end."""

source = Table(
    "source",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("position", Text, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("committed_at", Float, nullable=False),
    Column("error", Text),
    Column("behind", BigInteger),
    Column("changed_at", Float, nullable=False),
)
"""What is remembered of each source: the identity of its capture, how far the log has it, when it was
last heard of (`seen_at`), when the last transaction from it was committed there (`committed_at`), how many
records wait there to be read (`behind`, NULL where the source can't tell), and when the last transaction with a change was committed."""

legacy_table = Table(
    "legacy_table",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("table", String(256), primary_key=True),
    Column("shape", Text, nullable=False),
)
"""What each captured legacy table looked like when it was last agreed to: `shape` is JSON of `strangler.shapes.Table`."""

delivery = Table(
    "delivery",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("position", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("late_writes", Integer, nullable=False),
    Column("lag", Float),
    Column("seen_at", Float, nullable=False),
    Column("error", Text),
    Column("withheld", Text, nullable=False),
)
"""How far each store is, by partition of its function's stream: `lag` in seconds, None when unknown; `rows` written from
events since the start; `withheld` is JSON: cohort → the position up to which all of it is applied, where that is less."""

astray = Table(
    "astray",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("cohort", Text, nullable=False),
    Index("astray_partition", "function", "partition"),
)
"""Keys that legacy removed, or took to another cohort, while they were no longer legacy's; see `strangler.control.astray`."""

backfill = Table(
    "backfill",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("run", Integer, nullable=False),
    Column("stamp", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("estimate", BigInteger, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("mapping", String(16), nullable=False),
    Column("error", Text),
)
"""The progress of each backfill, for people; what is done is known by the store's own mark. `mapping` is the version
that its rows are made by."""

late_write = Table(
    "late_write",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("standing", Text, nullable=False),
    Column("entity", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("cohort", Text),
    Column("cohort_before", Text),
    Column("table", String(256), nullable=False),
    Column("operation", String(16), nullable=False),
    Column("position", Text, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("committed_at", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("pending", Boolean, nullable=False),
    Index("late_write_function", "function", "id"),
)
"""The newest changes in legacy of rows that new owns, one by one. `standing` is the cohort whose standing says that they are late,
`pending` while that isn't decided; see `strangler.control.late_writes`."""

late_write_hour = Table(
    "late_write_hour",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("standing", Text, primary_key=True),
    Column("table", String(256), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("writes", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("last_at", Float, nullable=False),
)
"""How many there were, by legacy table and hour since the epoch; `accepted` of them somebody has explained, or the store has by now."""

late_write_seen = Table(
    "late_write_seen",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("position", Text, nullable=False),
)
"""Up to where the late writes of a source are recorded: what is read again counts once."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("position", String(128), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("cohorts", Text),
)
"""Changes that couldn't be translated, and those of the same key that wait behind (invariant 7).
`state`: held, retry (asked for by a user), drop (asked for)."""

conflict = Table(
    "conflict",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("legacy", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("take", String(8)),
)
"""Aggregates that don't come back to legacy before somebody has decided; see `strangler.control.conflicts`."""

requested = Table(
    "requested",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("entity", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", String(16), primary_key=True),
    Column("until", Text),
)
"""The states that legacy was asked for by its own API; see `strangler.control.requested`."""

reverse_feed = Table(
    "reverse_feed",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("waiting", Integer, nullable=False),
    Column("since", Float),
    Column("returned", BigInteger, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("error", Text),
)
"""How far the reverse feed of each function is; see `strangler.control.returning`."""

stop = Table(
    "stop",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("position", Text, nullable=False),
    Column("keys", BigInteger, nullable=False),
    Column("most", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("resuming", Boolean, nullable=False),
)
"""The functions that are stopped, since more of their keys would wait than may; see `strangler.control.stops`."""

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("holder", String(128), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("status", String(16), nullable=False),
    Column("position", Text),
    Column("compared", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("extra", BigInteger, nullable=False),
    Column("different", BigInteger, nullable=False),
    Column("in_flight", BigInteger, nullable=False),
    Column("tolerated", BigInteger, nullable=False),
    Column("unbalanced", BigInteger, nullable=False),
    Column("reason", Text),
    Column("job", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Column("left_out", Text, nullable=False),
    Column("shares", Text, nullable=False),
    Column("checkpoint", Text),
    Index("reconciliation_function", "function", "id"),
)
"""Each run. `status`: running, clean, drift, failed (could not check), incomplete. `holder` is host and process that carry it out,
`updated_at` their last sign of life. `job` is JSON of what it was asked to do, `parts` of what it found by entity, `left_out` of what
it passed over; `checkpoint` is where to go on with one that didn't come to its end."""

finding = Table(
    "finding",
    metadata,
    Column("reconciliation", Integer, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("fields", Text, nullable=False),
    Column("written_at", Text),
    Column("explanation", Text),
)
"""Each key that differs, of an entity or of children (`sale.lines`): `kind` missing, extra or different; `fields`
JSON: name → [legacy, store]; `written_at` the position of the store's row; `explanation` JSON of why, as far as that is known."""

schedule = Table(
    "schedule",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("slot", Float, nullable=False),
    Column("holder", String(128)),
    Column("seen_at", Float, nullable=False),
    Column("run", Integer),
)
"""The last slot of each schedule that was taken; `holder` is host and process that carry it out, `seen_at` their last sign of life,
`run` the reconciliation that came of it. See `strangler.control.schedules`."""

repair = Table(
    "repair",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("entity", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("cohort", Text),
    Column("reconciliation", Integer, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("done_at", Float),
    Column("state", String(16), nullable=False),
    Column("type", Text),
    Column("position", Text),
    Column("words", Text),
    Index("repair_state", "state"),
)
"""Keys whose legacy state was asked to be said anew, by whom, and after which run. `kind` is how the aggregate differed, `cohort`
that of the store's row, as `strangler.control.repairs` has it. `state`: asked, emitted or removed (by an event of `type` at `position`),
left (for the reason `words`)."""

balance = Table(
    "balance",
    metadata,
    Column("reconciliation", Integer, primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("compared", BigInteger, nullable=False),
    Column("different", BigInteger, nullable=False),
    Column("tolerated", BigInteger, nullable=False),
    Column("in_flight", BigInteger, nullable=False),
    Column("unsettled", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
)
"""What a run found of each balance; counts are groups. `outcome` is all of it, in the form of the JSON output."""
quality_run = Table(
    "quality_run",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("side", String(8), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("status", String(16), nullable=False),
    Column("checks", Integer, nullable=False),
    Column("critical", Integer, nullable=False),
    Column("warning", Integer, nullable=False),
    Column("info", Integer, nullable=False),
    Column("unmade", Integer, nullable=False),
    Column("notes", Text, nullable=False),
    Column("reason", Text),
    Column("told", Text),
    Index("quality_run_function", "function", "side", "id"),
)
"""Each run of the checks of data on a side (legacy, store, events). `status`: running, passed, failed (a critical check did), unchecked
(could not check); `critical`, `warning` and `info` are the checks that failed, by severity, `unmade` those that couldn't be made. `notes`
is a JSON list of what people should know of it."""

quality_result = Table(
    "quality_result",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("entity", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("words", Text, nullable=False),
    Column("severity", String(8), nullable=False),
    Column("implied", Boolean, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("rows", BigInteger),
    Column("unexpected", BigInteger),
    Column("observed", Text, nullable=False),
    Column("samples", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""What came of each check of a run. `verdict`: passed, failed, unmade. `implied`: it follows from the mapping, nobody declared it.
`samples` is JSON: rows that fail, without what is sensitive."""

quality_document = Table(
    "quality_document",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, primary_key=True),
    Column("body", Text, nullable=False),
)
"""What the site of runs is made from: what the checker says of each relation in its own form, without what is sensitive."""

traffic = Table(
    "traffic",
    metadata,
    Column("minute", Integer, primary_key=True),
    Column("facade", String(64), primary_key=True),
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("side", String(8), primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("fenced", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)
"""Calls per minute since the epoch, by who answered; `seconds` is the sum of their latencies. `cohort` is here, and in what is counted of
shadow, the one by whose standing a call was decided: `*` for all that have none of their own."""

comparison = Table(
    "comparison",
    metadata,
    Column("minute", Integer, primary_key=True),
    Column("facade", String(64), primary_key=True),
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("matched", Integer, nullable=False),
    Column("mismatched", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
    Column("uncompared", Integer, nullable=False),
    Column("pairs", Integer, nullable=False),
)
"""Shadow comparisons per minute; see `strangler.control.comparisons.Comparison`."""

shadow_field = Table(
    "shadow_field",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("place", String(300), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("raw", BigInteger, nullable=False),
    Column("noise", BigInteger, nullable=False),
)
"""How often each field differed while the function stood in the stage to which it came at `since`: between both sides in all
comparisons (`calls`) and in those for which legacy was asked twice (`raw`), and in these between legacy and legacy (`noise`)."""

shadow_shape = Table(
    "shadow_shape",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("shape", String(32), primary_key=True),
    Column("fields", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
)
"""How many answers differed in exactly these fields: `fields` is JSON, a list of [place, kind], `shape` its digest."""

shadow_rule = Table(
    "shadow_rule",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("rule", String(300), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("differences", BigInteger, nullable=False),
)
"""What each rule hid: so many differences, in so many answers."""

shadow_failure = Table(
    "shadow_failure",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("reason", String(300), primary_key=True),
    Column("calls", BigInteger, nullable=False),
)
"""Why reads weren't compared; `outcome` is failed or uncompared."""

shadow_latency = Table(
    "shadow_latency",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("side", String(8), primary_key=True),
    Column("up_to", Integer, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
)
"""How long both sides took for shadowed reads: `calls` that took at most `up_to` milliseconds and more than the class before."""

mismatch = Table(
    "mismatch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("function", String(64), nullable=False),
    Column("cohort", String(64), nullable=False),
    Column("request", Text, nullable=False),
    Column("differences", Text, nullable=False),
    Column("kind", String(8), nullable=False),
)
"""A bounded number of samples of what differed in shadow, of each `kind`, read and write: `differences` JSON list of {path, kind, legacy,
new}."""

expected_effect = Table(
    "expected_effect",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("cohort", String(64), nullable=False),
    Column("since", Float, nullable=False),
    Column("began", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("request", Text, nullable=False),
    Column("key", Text),
    Column("events", Text, nullable=False),
    Index("expected_effect_function", "function", "ended"),
)
"""A bounded number of writes that legacy answered between `began` and `ended`, with what the new service would have emitted: `events` is
a JSON list of {type, key, data}, encrypted where there is a cipher. A worker compares them with what sync derives, and forgets them."""

effect = Table(
    "effect",
    metadata,
    Column("minute", Integer, primary_key=True),
    Column("counter", String(64), primary_key=True),
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("matched", Integer, nullable=False),
    Column("mismatched", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("unexpected", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("unasked", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
)
"""Writes per minute by what came of comparing their effects, as a facade or a worker (`counter`) counted them; see
`strangler.control.effects.Effects`."""

effect_place = Table(
    "effect_place",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("place", String(300), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("calls", BigInteger, nullable=False),
)
"""In how many writes an event (`PartyRenamed`), or a field of it (`PartyRenamed.name`), differed in one way."""

effect_failure = Table(
    "effect_failure",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("reason", String(300), primary_key=True),
    Column("calls", BigInteger, nullable=False),
)
"""Why the effects of writes weren't compared; `outcome` is late, failed or unasked."""

guard = Table(
    "guard",
    metadata,
    Column("function", String(64), primary_key=True),
    Column("cohort", String(64), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("gate", String(128), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("figure", Text, nullable=False),
    Column("limit", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("looked_at", Float, nullable=False),
    Column("breached_at", Float),
    Column("acted_at", Float),
    Column("act", Text, nullable=False),
    Column("tries", Integer, nullable=False),
)
"""What each guard saw at its last look, and what it did; see `strangler.control.guards.Watch`."""

facade = Table(
    "facade",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("address", Text, nullable=False),
    Column("lasts", Boolean, nullable=False),
    Column("longest", Float, nullable=False),
)
"""Each running facade and the generation that it applies with all older requests done. One not seen for a while
is gone, unless it lasts; see `strangler.control.facades.FacadeRecord`."""

access_token = Table(
    "access_token",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("used_at", Float),
)
"""Who may decide by commands and use the admin API: `digest` is the SHA-256 of a token's secret, in hexadecimal. Lines stay when they
end, for those who audit; see `strangler.control.access_tokens`."""

pin = Table(
    "pin",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("function", String(64), nullable=False),
    Column("key", String(160), nullable=False),
    Column("side", String(8), nullable=False),
    Column("until", Float, nullable=False),
    UniqueConstraint("function", "key", name="pin_document"),
    sqlite_autoincrement=True,
)
"""Documents that stay on the side on which they were begun, until when. `seq` grows in the order of commits, and no number comes twice, so
that who has read up to one misses nothing; see `strangler.control.pins`."""
