"""What alembic runs: the revisions on the connection it is given, in the caller's transaction.

Opens nothing and commits nothing: `exchange.hub.storage.migrate` does both.
"""

from typing import Any, cast

from alembic import context
from sqlalchemy import Connection


def run(conn: Connection, told: Any) -> None:
    """Run the revisions that are missing, and say each to `told`."""
    context.configure(
        connection=conn,
        render_as_batch=conn.dialect.name == "sqlite",
        transactional_ddl=True,
        on_version_apply=told,
    )
    with context.begin_transaction():
        context.run_migrations()


run(cast("Connection", context.config.attributes["connection"]), context.config.attributes["told"])
