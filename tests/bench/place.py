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

GENEROUS = {
    "rate": 100_000,
    "burst": 100_000,
    "parallel": 1_000,
    "streams": 1_000,
    "waiting": 1_000_000,
}
LIFE_S = 3_600
"""Seconds for which the tokens of a run are valid."""


class Place(Simulator):
    """A simulator whose clock is the real one, in whole seconds."""

    def __init__(self, root: Path, **settings: Any) -> None:
        super().__init__(root, agency=GENEROUS, **settings)
        self.now = datetime.now(UTC).replace(microsecond=0)

    async def prepared(self) -> Given:
        """Admit, publish, agree, consent; return a consent for any number of uses."""
        (given,) = await self.stocked(1)
        return given

    async def stocked(self, count: int) -> list[Given]:
        """Admit, publish, agree; return so many consents, each for any number of uses."""
        async with self.running():
            await self.arrange()
            until = write_time(self.now + timedelta(days=90))
            return [await self.consent(valid_until=until, uses="recurring") for _ in range(count)]

    @contextmanager
    def served(self) -> Iterator[Child]:
        """Run the hub as its own process."""
        (self.home / "hub.toml").write_text("\n".join(self._settings()) + "\n")
        command = ["-m", "exchange.cli.main", "hub", "serve", "--home", str(self.home)]
        with running(command, ready="serving") as child:
            yield child

    def _settings(self) -> Iterator[str]:
        yield f'origin = "{self.origin}"'
        if self.settings.database_url is not None:
            yield f'database_url = "{self.settings.database_url.get_secret_value()}"'
            yield f"workers = {self.settings.workers}"
        yield f'[listen]\nhost = "127.0.0.1"\nport = {self.port}'
        yield "connections_per_address = 2000"  # all clients of a benchmark have one address
        yield "[agency]"
        yield from (f"{name} = {value}" for name, value in GENEROUS.items())
        yield f"[token]\nlife_s = {LIFE_S}"

    def bearer(self, agency: str, scope: str = "") -> dict[str, str]:
        """Return the header that authenticates `agency`; made with the hub's own key."""
        key = (self.home / "token.key").read_bytes()[:KEY_SIZE]
        tokens = AccessTokens(key, issuer=self.origin, life_s=LIFE_S)
        kid = self.offices[agency].identity.kid
        token = tokens.make(Bearer(agency, kid, scope), now=seconds(datetime.now(UTC)))
        return {"Authorization": f"Bearer {token}"}

    @asynccontextmanager
    async def session(
        self, agency: str, url: str | None = None
    ) -> AsyncIterator[aiohttp.ClientSession]:
        """Open a client session of one agency, with the hub itself or with what is at `url`."""
        async with aiohttp.ClientSession(
            url or self.origin,
            headers=self.bearer(agency),
            connector=aiohttp.TCPConnector(limit=0),
        ) as session:
            yield session


async def disclose(session: aiohttp.ClientSession, letter: Letter) -> None:
    """Send one sealed document in one shot."""
    headers = {"Content-Type": routes.DISCLOSURE}
    async with session.post("/v1/disclosures", data=letter.one_shot, headers=headers) as answer:
        body: Any = await answer.read()
        assert answer.status == 201, body


__all__ = ["RECIPIENT", "SENDER", "Place", "disclose"]
