"""
Alembic's entry point. `worker.database` opens the connection, so that no ini file is needed.
"""

from alembic import context

from worker.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
