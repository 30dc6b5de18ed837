"""The tables of the control store, as they are in the beginning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from strangler_migrations import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    generation = op.create_table(
        "generation",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Integer(), nullable=False),
    )
    op.bulk_insert(generation, [{"id": 1, "value": 0, "announced": 0}])
    op.create_table(
        "standing",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(8), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("fenced", sa.Boolean(), nullable=False),
        sa.Column("sync_until", sa.Text()),
        sa.Column("hold", sa.Text()),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("left_at", sa.Integer(), nullable=False),
        sa.Column("parted_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("cohort", sa.String(64), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("position", sa.Text()),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "fence",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("lift", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_table(
        "handing",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "stretch",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("numbers", sa.Text(), primary_key=True),
        sa.Column("ahead", sa.String(8), nullable=False),
        sa.Column("beyond", sa.BigInteger(), nullable=False),
        sa.Column("leap", sa.BigInteger()),
    )
    op.create_table(
        "number_look",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("numbers", sa.Text(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("legacy", sa.BigInteger(), nullable=False),
        sa.Column("new", sa.BigInteger(), nullable=False),
        sa.Column("jumped", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "number_pace",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("numbers", sa.Text(), primary_key=True),
        sa.Column("hour", sa.Integer(), primary_key=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("legacy", sa.BigInteger(), nullable=False),
        sa.Column("new", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("previous", name="ledger_previous"),
    )
    for statement in append_only.statements(op.get_bind().dialect.name):
        op.execute(statement)
    op.create_table(
        "source",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("committed_at", sa.Float(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("behind", sa.BigInteger()),
        sa.Column("changed_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "legacy_table",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("table", sa.String(256), primary_key=True),
        sa.Column("shape", sa.Text(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("late_writes", sa.Integer(), nullable=False),
        sa.Column("lag", sa.Float()),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("withheld", sa.Text(), nullable=False),
    )
    op.create_table(
        "astray",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(64), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Index("astray_partition", "function", "partition"),
    )
    op.create_table(
        "backfill",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(64), primary_key=True),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("estimate", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        sa.Column("mapping", sa.String(16), nullable=False),
        sa.Column("error", sa.Text()),
    )
    op.create_table(
        "late_write",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text()),
        sa.Column("cohort_before", sa.Text()),
        sa.Column("table", sa.String(256), nullable=False),
        sa.Column("operation", sa.String(16), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("transaction", sa.Text(), nullable=False),
        sa.Column("committed_at", sa.Float(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Index("late_write_function", "function", "id"),
    )
    op.create_table(
        "late_write_hour",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("standing", sa.Text(), primary_key=True),
        sa.Column("table", sa.String(256), primary_key=True),
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("writes", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "late_write_seen",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("position", sa.Text(), nullable=False),
    )
    op.create_table(
        "conflict",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(64), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("legacy", sa.String(16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("take", sa.String(8)),
    )
    op.create_table(
        "requested",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(64), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("digest", sa.String(16), primary_key=True),
        sa.Column("until", sa.Text()),
    )
    op.create_table(
        "reverse_feed",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("since", sa.Float()),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("error", sa.Text()),
    )
    op.create_table(
        "quarantine",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(64), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("position", sa.String(128), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("cohorts", sa.Text()),
    )
    op.create_table(
        "stop",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("keys", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("resuming", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("position", sa.Text()),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("extra", sa.BigInteger(), nullable=False),
        sa.Column("different", sa.BigInteger(), nullable=False),
        sa.Column("in_flight", sa.BigInteger(), nullable=False),
        sa.Column("tolerated", sa.BigInteger(), nullable=False),
        sa.Column("unbalanced", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("left_out", sa.Text(), nullable=False),
        sa.Column("shares", sa.Text(), nullable=False),
        sa.Column("checkpoint", sa.Text()),
    )
    op.create_index("reconciliation_function", "reconciliation", ["function", "id"])
    op.create_table(
        "finding",
        sa.Column("reconciliation", sa.Integer(), primary_key=True),
        sa.Column("entity", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Text()),
        sa.Column("explanation", sa.Text()),
    )
    op.create_table(
        "schedule",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("slot", sa.Float(), nullable=False),
        sa.Column("holder", sa.String(128)),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("run", sa.Integer()),
    )
    op.create_table(
        "repair",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("cohort", sa.Text()),
        sa.Column("reconciliation", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("done_at", sa.Float()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("type", sa.Text()),
        sa.Column("position", sa.Text()),
        sa.Column("words", sa.Text()),
    )
    op.create_index("repair_state", "repair", ["state"])
    op.create_table(
        "balance",
        sa.Column("reconciliation", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("compared", sa.BigInteger(), nullable=False),
        sa.Column("different", sa.BigInteger(), nullable=False),
        sa.Column("tolerated", sa.BigInteger(), nullable=False),
        sa.Column("in_flight", sa.BigInteger(), nullable=False),
        sa.Column("unsettled", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
    )
    op.create_table(
        "quality_run",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("warning", sa.Integer(), nullable=False),
        sa.Column("info", sa.Integer(), nullable=False),
        sa.Column("unmade", sa.Integer(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("told", sa.Text()),
    )
    op.create_index("quality_run_function", "quality_run", ["function", "side", "id"])
    op.create_table(
        "quality_result",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("implied", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("unexpected", sa.BigInteger()),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("samples", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "quality_document",
        sa.Column("run", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("title", sa.Text(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "traffic",
        sa.Column("minute", sa.Integer(), primary_key=True),
        sa.Column("facade", sa.String(64), primary_key=True),
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("side", sa.String(8), primary_key=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("fenced", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
    )
    op.create_table(
        "comparison",
        sa.Column("minute", sa.Integer(), primary_key=True),
        sa.Column("facade", sa.String(64), primary_key=True),
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("mismatched", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("uncompared", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
    )
    op.create_table(
        "shadow_field",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("place", sa.String(300), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.BigInteger(), nullable=False),
        sa.Column("noise", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "shadow_shape",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("shape", sa.String(32), primary_key=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "shadow_rule",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("rule", sa.String(300), primary_key=True),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "shadow_failure",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("reason", sa.String(300), primary_key=True),
        sa.Column("calls", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "shadow_latency",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("side", sa.String(8), primary_key=True),
        sa.Column("up_to", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
    )
    op.create_table(
        "mismatch",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("cohort", sa.String(64), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
    )
    op.create_table(
        "expected_effect",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("cohort", sa.String(64), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("began", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.Column("events", sa.Text(), nullable=False),
    )
    op.create_index("expected_effect_function", "expected_effect", ["function", "ended"])
    op.create_table(
        "effect",
        sa.Column("minute", sa.Integer(), primary_key=True),
        sa.Column("counter", sa.String(64), primary_key=True),
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("mismatched", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("unexpected", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("unasked", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
    )
    op.create_table(
        "effect_place",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("place", sa.String(300), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("calls", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "effect_failure",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("reason", sa.String(300), primary_key=True),
        sa.Column("calls", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "guard",
        sa.Column("function", sa.String(64), primary_key=True),
        sa.Column("cohort", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("gate", sa.String(128), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("limit", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.Float(), nullable=False),
        sa.Column("breached_at", sa.Float()),
        sa.Column("acted_at", sa.Float()),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
    )
    op.create_table(
        "facade",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("lasts", sa.Boolean(), nullable=False),
        sa.Column("longest", sa.Float(), nullable=False),
    )
    op.create_table(
        "access_token",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("expires_at", sa.Float()),
        sa.Column("revoked_at", sa.Float()),
        sa.Column("used_at", sa.Float()),
    )
    op.create_table(
        "pin",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("function", sa.String(64), nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.UniqueConstraint("function", "key", name="pin_document"),
        sqlite_autoincrement=True,
    )
