"""An auditor's own tool, as a hub sees it: an account, its key, and the tokens that it gets."""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from exchange.canonical import loads
from exchange.hub import publish
from exchange.hub.http.token import ASSERTION_TYPE, GRANT
from exchange.hub.officers import keys
from exchange.hub.officers.accounts import Officer
from exchange.keyring.ceremony import new_auditor_key
from exchange.keyring.signing import AuditorKey
from exchange.statement import seconds
from exchange.wire import audit_routes, routes
from exchange.wire.routes import AUDITOR, FORM, Operation
from tests.officer import account
from tests.simulator import Answer, Simulator

ASKS: tuple[tuple[Operation, str, dict[str, str]], ...] = (
    (audit_routes.AGREEMENTS, "", {}),
    (audit_routes.FIGURES, "", {"period": "2026-01"}),
    (audit_routes.LOG, "", {}),
    (audit_routes.ENTRY, "", {"index": "0"}),
    (audit_routes.GROWTH, "?old=1", {}),
)
"""Every question of an auditor, but for the id of an agreement: `Auditor.every` gives one."""


@dataclass(frozen=True)
class Auditor:
    """An account with a key."""

    sim: Simulator
    officer: Officer
    key: AuditorKey

    def assertion(self, **members: Any) -> str:
        """Return an assertion for one token; as another client's with `client`."""
        stated = {
            "issuer": self.sim.origin,
            "now": seconds(self.sim.now),
            "jti": secrets.token_urlsafe(24),
            **members,
        }
        return self.key.client_assertion(stated.pop("client", self.officer.id), **stated)

    async def asks_for_token(self, text: str | None = None, *, scope: str = AUDITOR) -> Answer:
        """Ask for a token with an assertion, a good one if none is given."""
        form = {
            "grant_type": GRANT,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if text is None else text,
            **({"scope": scope} if scope else {}),
        }
        self.sim.ticks += 60  # the rate of an address is no part of this
        return await self.sim.call(
            None, routes.TOKEN, body=urlencode(form), headers={"Content-Type": FORM}
        )

    async def token(self) -> str:
        """Return an access token."""
        answer = await self.asks_for_token()
        assert answer.status == 200, answer.body
        found: str = loads(answer.body, limit=4096)["access_token"]
        return found

    async def asks(self, operation: Operation, *, token: str = "", **options: Any) -> Answer:
        """Ask with a token, a new one if none is given."""
        headers = {"Authorization": f"Bearer {token or await self.token()}"}
        return await self.sim.call(
            None, operation, headers={**headers, **options.pop("headers", {})}, **options
        )

    async def every(self, token: str = "") -> dict[str, Answer]:
        """Ask everything an auditor may ask, about the newest agreement."""
        token = token or await self.token()
        return {
            operation.name: await self.asks(
                operation, token=token, query=query, id=self.sim.agreement_id, **names
            )
            for operation, query, names in ASKS
        }


async def published(sim: Simulator) -> None:
    """Let everybody be shown a head over all that has happened."""
    await sim.settled()
    sim.later(seconds=sim.settings.log.witness_interval_s)
    await publish.publish(sim.hub, sim.settings.log)


async def auditor(sim: Simulator) -> Auditor:
    """Make an account of an auditor and give it a key."""
    officer, key = await account(sim, "auditor"), new_auditor_key()
    assert await keys.put(sim.hub, officer.id, key.public) == key.kid
    return Auditor(sim, officer, key)
