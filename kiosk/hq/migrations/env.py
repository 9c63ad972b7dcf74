"""What alembic runs: every migration in the transaction and on the connection that `hq.store` gives it."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
context.run_migrations()
