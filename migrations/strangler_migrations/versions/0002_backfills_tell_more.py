"""A backfill tells which mapping makes its rows, and what keeps it from going on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backfill", sa.Column("mapping", sa.String(16), nullable=False, server_default=""))
    op.add_column("backfill", sa.Column("error", sa.Text()))
