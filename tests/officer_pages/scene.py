"""What the officers' pages show: consents, disclosures, a withdrawal, an erasure that is open."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.hub.follow_log import catch_up
from exchange.hub.officers.accounts import Officer
from exchange.wire import routes
from tests.hub.test_log_receipts import rid_in
from tests.officer import account, address
from tests.simulator import SENDER, TICKS, Given, Letter, Simulator

PERSON = {"contact": "barriere@kreis.example", "enforcement": "Landesstelle, Platz 1, Ort"}
"""Whom to tell of a barrier."""


@dataclass(frozen=True)
class Scene:
    """A running hub with a history."""

    sim: Simulator
    given: Given
    """A consent that is used again and again, and valid."""
    receipt: str
    """Name of the receipt of its record."""
    letter: Letter
    """Collected and accepted under it."""
    withdrawn: Given
    """Another one, withdrawn after its document was collected; one more was refused then."""
    officer: Officer
    """Of the office that received."""
    sender: Officer
    """Of the office that sent."""
    auditor: Officer
    operator: Officer

    def path(self, pattern: str) -> str:
        """Return an address of the pages, its id that of what the officers share."""
        shared = self.sim.agreement_id if "/agreements/" in pattern else self.given.id
        return address(pattern, {"id": shared, "receipt": self.receipt})


@asynccontextmanager
async def opened(
    place: Path, *, person: Mapping[str, str] = PERSON, **agreed: Any
) -> AsyncIterator[Scene]:
    """Run a hub at which all of this has happened while the block runs.

    Args:
        place: folder of the hub.
        person: settings of the person's page.
        agreed: members of one more agreement, under which it happens; none: under the usual one.
    """
    sim = Simulator(place, person=person, log=TICKS)
    async with sim.running():
        await sim.arrange()
        if agreed:
            await sim.agree(**agreed)
        given, withdrawn = await sim.consent(uses="recurring"), await sim.consent()
        letter = await sim.sent(given)
        await sim.collect(letter)
        await sim.acknowledge(letter)
        await sim.collect(await sim.sent(withdrawn))
        await sim.withdraw(withdrawn)
        refused = await sim.send(sim.letter(withdrawn.digest))
        assert refused.status == 403, refused.body
        await sim.settled()
        await catch_up(sim.hub)
        shown = await sim.call(SENDER, routes.GET_CONSENT, id=given.id)
        yield Scene(
            sim=sim,
            given=given,
            receipt=rid_in(shown.json["receipt"]),
            letter=letter,
            withdrawn=withdrawn,
            officer=await account(sim),
            sender=await account(sim, agency=SENDER),
            auditor=await account(sim, "auditor"),
            operator=await account(sim, "operator"),
        )
