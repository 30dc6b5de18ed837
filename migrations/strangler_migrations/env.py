"""How Alembic runs the migrations: on the connection, in the transaction, that the core hands over."""

from __future__ import annotations

from alembic import context

from strangler.control.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
