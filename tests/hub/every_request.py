"""One request of every kind, told word for word as often as a client repeats it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from urllib.parse import urlencode

from exchange.hub.http.token import ASSERTION_TYPE, GRANT
from exchange.wire import audit_routes, routes
from tests.auditor import auditor
from tests.hub.test_uploads import announce, offset, patch
from tests.person import consent_with_code, page
from tests.simulator import RECIPIENT, SENDER, Answer, Simulator

Ask: TypeAlias = Callable[[], Awaitable[Answer]]
Requests: TypeAlias = dict[str, tuple[Ask, int]]
"""By name: what sends it, and the status of its first answer."""
SOON_S: Final = 60.0
"""Within which a busy machine has answered; no deadline of the hub's is a quarter of that."""


class Asked:
    """One request of every kind, to be sent as often as a client repeats it."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim

    async def arrange(self) -> "Asked":
        sim = self.sim
        self.auditor = await auditor(sim)
        self.auditor_token = await self.auditor.token()
        self.shared = await sim.consent(uses="recurring")
        self.ended, self.code = await consent_with_code(sim)
        self.withdrawn = await sim.consent()
        self.waiting = await sim.sent(self.withdrawn)
        self.collected, self.answered = await sim.sent(self.shared), await sim.sent(self.shared)
        await sim.collect(self.answered)
        self.recalled = await sim.sent(self.shared)
        self.half = sim.letter(self.shared.digest)
        await announce(sim, self.half)
        await patch(sim, self.half, 0, self.half.sealed[:1000])
        return self

    def all(self) -> Requests:
        """Return the requests in an order in which all succeed."""
        sim = self.sim
        given, letter = sim.signed_consent(), sim.letter(self.shared.digest)
        announced = sim.letter(self.shared.digest)
        withdrawal = {"statement": sim.withdrawal(self.withdrawn).decode()}
        acknowledgement = {"statement": sim.acknowledgement(self.answered).decode()}
        jti = sim.letter(self.shared.digest).id
        self.given, self.letter, self.announced = given, letter, announced
        return {
            "token": (lambda: token(sim, jti), 200),
            "auditor": (
                lambda: self.auditor.asks(audit_routes.LOG, token=self.auditor_token),
                200,
            ),
            "inbox": (lambda: sim.call(RECIPIENT, routes.INBOX), 200),
            "long poll": (lambda: sim.call(RECIPIENT, routes.INBOX, query="?wait=30"), 200),
            "agencies": (lambda: sim.call(SENDER, routes.AGENCIES), 200),
            "agreements": (lambda: sim.call(SENDER, routes.AGREEMENTS), 200),
            "erasures": (lambda: sim.call(SENDER, routes.ERASURES), 200),
            "decide": (lambda: sim.ask(SENDER, self.shared.digest), 200),
            "record": (lambda: sim.record(given), 201),
            "disclose": (lambda: sim.send(letter), 201),
            "announce": (lambda: announce(sim, announced), 201),
            "offset": (lambda: offset(sim, self.half), 200),
            "piece": (lambda: patch(sim, self.half, 1000, self.half.sealed[1000:]), 204),
            "state": (lambda: sim.call(SENDER, routes.GET_DISCLOSURE, id=letter.id), 200),
            "payload": (lambda: sim.payload(letter), 200),
            "collect": (lambda: sim.collect(self.collected), 200),
            "acknowledge": (
                lambda: sim.call(
                    RECIPIENT, routes.ACKNOWLEDGE, id=self.answered.id, json=acknowledgement
                ),
                200,
            ),
            "recall": (
                lambda: sim.call(SENDER, routes.RECALL, id=self.recalled.id, json={}),
                200,
            ),
            "withdraw": (
                lambda: sim.call(SENDER, routes.WITHDRAW, id=self.withdrawn.id, json=withdrawal),
                200,
            ),
            "page": (lambda: page(sim, code=self.code), 200),
            "page: withdraw": (lambda: page(sim, code=self.code, do="withdraw"), 200),
            "readyz": (lambda: sim.call(None, routes.READYZ), 200),
        }

    async def once(self) -> None:
        """Check that all of it has happened, and once."""
        sim = self.sim
        assert await sim.count("consents") == 4
        ended = await sim.rows("SELECT id FROM consents WHERE ended_at IS NOT NULL ORDER BY id")
        assert [row.id for row in ended] == sorted([self.ended.id, self.withdrawn.id])
        uses = await sim.rows(f"SELECT used FROM consents WHERE id = '{self.shared.id}'")  # noqa: S608 - our own id
        # Stored: this letter, the pieces, two before; the recalled one was given back.
        assert [row.used for row in uses] == [4]
        stored = [one["kind"] for one in await sim.log()]
        for kind, times in (("consent-withdrawn", 2), ("disclosure-stored", 6)):
            assert stored.count(kind) == times, kind


async def token(sim: Simulator, jti: str) -> Answer:
    assertion = sim.offices[SENDER].identity.client_assertion(
        issuer=sim.settings.origin, now=int(sim.now.timestamp()), jti=jti
    )
    form = {
        "grant_type": GRANT,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    headers = {"Content-Type": routes.FORM}
    return await sim.call(None, routes.TOKEN, body=urlencode(form), headers=headers)


async def all_of(requests: Requests) -> dict[str, Answer]:
    """Send all at once, and return the answers by name."""
    async with asyncio.timeout(SOON_S):
        answers = await asyncio.gather(*(ask() for ask, _ in requests.values()))
    return dict(zip(requests, answers, strict=True))


async def in_turn(requests: Requests) -> dict[str, int]:
    """Send one after the other, and return what became of each by name."""
    async with asyncio.timeout(SOON_S):
        return {name: (await ask()).status for name, (ask, _) in requests.items()}
