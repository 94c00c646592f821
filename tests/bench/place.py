"""A place to measure in: a hub of its own process, two agencies, an agreement, a consent.

Everything is arranged with real statements through a hub in this process; then that hub closes,
and `exchange hub serve` runs on the same home.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from exchange.hub.http.tokens import KEY_SIZE, AccessTokens, Bearer
from exchange.members import write_time
from exchange.statement import seconds
from exchange.wire import routes
from tests.bench.processes import Child, running
from tests.simulator import RECIPIENT, SENDER, Given, Letter, Simulator

GENEROUS = {"rate": 100_000, "burst": 100_000, "parallel": 1_000, "waiting": 1_000_000}


class Place(Simulator):
    """A simulator whose clock is the real one, in whole seconds."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, agency=GENEROUS)
        self.now = datetime.now(UTC).replace(microsecond=0)

    async def prepared(self) -> Given:
        """Admit, publish, agree, consent; return a consent for any number of uses."""
        async with self.running():
            await self.arrange()
            until = write_time(self.now + timedelta(days=90))
            return await self.consent(valid_until=until, uses="recurring")

    @contextmanager
    def served(self) -> Iterator[Child]:
        """Run the hub as its own process."""
        settings = [
            f'origin = "{self.origin}"',
            f'[listen]\nhost = "127.0.0.1"\nport = {self.port}',
            "[agency]",
            *(f"{name} = {value}" for name, value in GENEROUS.items()),
        ]
        (self.home / "hub.toml").write_text("\n".join(settings) + "\n")
        command = ["-m", "exchange.cli.main", "hub", "serve", "--home", str(self.home)]
        with running(command, ready="serving") as child:
            yield child

    def bearer(self, agency: str) -> dict[str, str]:
        """Return the header that authenticates `agency`; made with the hub's own key."""
        key = (self.home / "token.key").read_bytes()[:KEY_SIZE]
        tokens = AccessTokens(key, issuer=self.origin, life_s=600)
        kid = self.offices[agency].identity.kid
        token = tokens.make(Bearer(agency, kid), now=seconds(datetime.now(UTC)))
        return {"Authorization": f"Bearer {token}"}

    @asynccontextmanager
    async def session(self, agency: str) -> AsyncIterator[aiohttp.ClientSession]:
        """Open a client session of one agency."""
        async with aiohttp.ClientSession(self.origin, headers=self.bearer(agency)) as session:
            yield session


async def disclose(session: aiohttp.ClientSession, letter: Letter) -> None:
    """Send one sealed document in one shot."""
    headers = {"Content-Type": routes.DISCLOSURE}
    async with session.post("/v1/disclosures", data=letter.one_shot, headers=headers) as answer:
        body: Any = await answer.read()
        assert answer.status == 201, body


__all__ = ["RECIPIENT", "SENDER", "Place", "disclose"]
