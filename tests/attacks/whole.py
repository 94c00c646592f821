"""The whole construction: the real hub between two real gateways, over real sockets.

`women-b` sends, `jobcentre-a` receives; the roles of the simulator. What the gateways send is made
by them; `sim` adds what an attacker would send instead.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from exchange import canonical
from exchange.agency.app import open_gateway
from exchange.agency.hand_over import open_reception
from exchange.agency.parts import Gateway
from exchange.agency.plan import Draft
from exchange.envelope.block import seal_block
from exchange.envelope.sealing import Outgoing
from exchange.hub.admit import admit
from exchange.hub.storage.reaches import Destination, Reach
from exchange.wire import routes
from tests.agency import network
from tests.samples import CONSENT
from tests.simulator import RECIPIENT, SENDER, Given, Office, Simulator

LETTER = b"%PDF-1.7 a letter"


class Whole:
    """See the module. Arrange with `arrange`; act with `gateway`, `receiving` and `sim`."""

    channel: str | None = None
    """Name of the channel by which both are told."""

    def __init__(self, root: Path, sim: Simulator | None = None) -> None:
        self.root = root
        self.sim = sim or Simulator(root)
        self.offices = {
            agency: network._office(root / agency, agency) for agency in (SENDER, RECIPIENT)
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Whole"]:
        """Serve the hub, which says the simulator's time, and let both join."""

        def told() -> str:
            return format_datetime(self.sim.now, usegmt=True)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("aiohttp.web_response.rfc822_formatted_time", told)
            async with self.sim.running():
                await self.arrange()
                yield self

    async def arrange(self) -> None:
        """Admit both, publish keys, pin each other, agree; the hub is running."""
        stated = {}
        for agency, office in self.offices.items():
            newest = office.ring.rotate(now=self.sim.now)
            key = office.ring.current().key
            self.sim.offices[agency] = Office(agency, office.identity, key)
            stated[agency] = newest.statement.decode()
            office.home.settings_file.write_text(
                f'agency = "{agency}"\n[hub]\norigin = "{self.sim.origin}"\n'
                "[poll]\nwait_s = 0\nlook_again_s = 1\n"
            )
            office.home.log_policy.write_bytes(self.sim.hub.signer.policy_text)
            told = (
                () if self.channel is None else (Destination(self.channel, "office@example.org"),)
            )
            reach = Reach(channels=told)
            await admit(self.sim.hub, office.identity.card, reach)
        for agency, office in self.offices.items():
            body = {"statement": stated[agency]}
            answer = await self.sim.call(agency, routes.PUT_KEY_STATEMENT, id=agency, json=body)
            assert answer.status == 200, answer.body
            for other in self.offices.values():
                if other is not office:
                    network.pin(office, other.identity)
        await self.sim.agree()

    async def consent(self, subject: dict[str, str] | None = None, **members: Any) -> Given:
        """Record a consent whose subject is sealed to both."""
        given = self.sim.signed_consent()
        ref = str(CONSENT["subject"]["ref"])
        who = subject or {"family_name": "Example", "born": "1990-01-01"}
        block = seal_block(
            {"consent": given.id, "ref": ref, "subject": who},
            [office.ring.current().key.recipient for office in self.offices.values()],
        )
        sealed = {"ref": ref, "sealed": canonical.b64u(block)}
        return await self.sim.consent(id=given.id, subject=sealed, **members)

    def draft(self, given: Given, **members: Any) -> Draft:
        """Return what `women-b` wants to send."""
        found: dict[str, Any] = {
            "files": (Outgoing("Mahnung.pdf", "application/pdf", LETTER),),
            "consent": given.id,
            "recipients": (RECIPIENT,),
            "category": "rent-arrears-letter",
            "seen_by_person": True,
            **members,
        }
        return Draft(**found)

    @asynccontextmanager
    async def gateway(self, agency: str) -> AsyncIterator[Gateway]:
        """Open the gateway of an office."""
        home = self.offices[agency].home.root
        async with open_gateway(home, clock=lambda: self.sim.now, attempts=1) as gateway:
            yield gateway

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[tuple[Gateway, Any]]:
        """Open the recipient's gateway with its intake."""
        async with self.gateway(RECIPIENT) as gateway, open_reception(gateway) as reception:
            yield gateway, reception

    def sleep(self, **time: float) -> None:
        """Let time pass for everybody."""
        self.sim.now += timedelta(**time)
