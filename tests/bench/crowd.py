"""A place with a dozen recipients in one agreement: documents do not all go to one inbox."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.members import write_time
from tests.bench.hub import SMALL
from tests.bench.place import RECIPIENT, SENDER, Place
from tests.simulator import Given, Letter, office

CROWD = tuple(f"jobcentre-{letter}" for letter in "abcdefghijkl")
"""The recipients; the first is the one that others know."""


class Crowd(Place):
    """See the module."""

    def __init__(self, root: Path, **settings: Any) -> None:
        super().__init__(root, **settings)
        self.offices |= {agency: office(agency) for agency in CROWD}
        self._recipients = cycle(CROWD)
        self._of: dict[str, str] = {}
        encryptor = Encryptor([HybridRecipient(office(RECIPIENT).key.recipient)])
        # The hub cannot tell to whom it is sealed: the bytes are the same for everybody.
        self._sealed = encryptor.update(bytes(SMALL)) + encryptor.finalize()

    def agreement_payload(self, **members: Any) -> dict[str, Any]:
        """Let `women-b` disclose to each of the recipients."""
        payload = super().agreement_payload(**members)
        first = next(party for party in payload["parties"] if party["agency"] == RECIPIENT)
        outward = next(flow for flow in payload["flows"] if flow["from"] == SENDER)
        for agency in CROWD[1:]:
            own = {"agency": agency, "kid": self.offices[agency].identity.kid}
            payload["parties"].append({**deepcopy(first), **own})
            payload["flows"].append({**deepcopy(outward), "to": agency})
        payload["parties"].sort(key=lambda party: party["agency"])
        payload["flows"].sort(key=lambda flow: (flow["from"], flow["to"]))
        return payload

    async def agree(self, **members: Any) -> str:
        """Record an agreement that all parties have signed; return its digest."""
        await self.propose(**members)
        for agency in (*CROWD[1:], SENDER):
            signed = await self.sign_agreement(agency)
            assert signed.status < 300, signed.body
        return self.agreement

    async def stocked(self, count: int) -> list[Given]:
        """Admit, publish, agree; return so many consents, to the recipients in turn."""
        until = write_time(self.now + timedelta(days=90))
        found = []
        async with self.running():
            await self.arrange()
            for agency, _ in zip(self._recipients, range(count), strict=False):
                given = await self.consent(valid_until=until, uses="recurring", recipients=[agency])
                self._of[given.digest] = agency
                found.append(given)
        return found

    def letters(self, given: list[Given], count: int) -> Iterator[Letter]:
        """Yield so many sealed documents of 50 KiB under consents in turn."""
        for one, _ in zip(cycle(given), range(count), strict=False):
            yield self.letter(one.digest, recipient=self._of[one.digest], sealed=self._sealed)
