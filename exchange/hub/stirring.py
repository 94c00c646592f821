"""A database that says after each commit that there may be something new for the log.

So no verb has to say it, and none can forget to.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from exchange.database import Database

P = ParamSpec("P")
T = TypeVar("T")


class StirringDatabase:
    """`Database` that calls somebody after each unit of work that was committed."""

    def __init__(self, database: Database, stir: Callable[[], None]) -> None:
        """Take the database and what to call; `write_behind` calls nobody: the log uses it."""
        self._stir = stir
        self._database = database
        self.write_behind = database.write_behind
        self.read = database.read
        self.look = database.look

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write`."""
        done = await self._database.write(work, *args, **kwargs)
        self._stir()
        return done

    async def write_first(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Database.write_first`."""
        done = await self._database.write_first(work, *args, **kwargs)
        self._stir()
        return done
