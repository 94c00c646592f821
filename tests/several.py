"""A hub where `women-b` may disclose to two agencies, `jobcentre-a` and `debt-d`.

`housing-c` collects, and `women-b` herself where a person signs with her own key.
"""

from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from exchange.canonical import Json, sha256_hex
from exchange.envelope.age.encrypt import Encryptor
from exchange.envelope.age.hybrid import HybridRecipient
from exchange.envelope.manifest import Addressee, Terms, manifest_payload, new_context
from exchange.statement import Kind, seconds, sign
from exchange.vocabulary import Secrecy
from exchange.wire import routes
from tests.attacks.parties import COLLECTOR, PARTY, Parties
from tests.simulator import NOW, PLAINTEXT, RECIPIENT, SENDER, Answer, Letter, office

BOTH = (PARTY, RECIPIENT)
"""The two recipients, by name."""


class Several(Parties):
    """See the module."""

    def __init__(self, root: Path, *, now: datetime = NOW, **settings: Any) -> None:
        super().__init__(root, **settings)
        self.now = now

    def agreement_payload(self, **members: Any) -> dict[str, Any]:
        payload = super().agreement_payload(**members)
        payload["collectors"] = [COLLECTOR, SENDER]
        outward = next(flow for flow in payload["flows"] if flow["from"] == SENDER)
        payload["flows"].append({**deepcopy(outward), "to": PARTY})
        payload["flows"].sort(key=lambda flow: (flow["from"], flow["to"]))
        return payload

    def joint_letter(self, consent: str, **terms: Any) -> Letter:
        """Return one document for both recipients, with its manifest, not yet sent."""
        sealed = sealed_to_both()
        identity = self.offices[SENDER].identity
        stated = {
            "id": str(uuid4()),
            "sender": SENDER,
            "kid": identity.kid,
            "consent": consent,
            "purpose": "housing-loss",
            "category": "rent-arrears-letter",
            "secrecy": Secrecy.PROFESSIONAL,
            "iat": seconds(self.now),
            "exp": seconds(self.now) + 86_400,
            **terms,
        }
        named = [Addressee(one, self.offices[one].key.recipient.fingerprint) for one in BOTH]
        context = new_context(Terms(**stated), named, sha256_hex(b"contents"))
        payload = manifest_payload(context.raw, sha256=sha256_hex(sealed), size=len(sealed))
        manifest = sign(Kind.MANIFEST, payload, identity)
        end = sealed.find(b"\n", sealed.find(b"\n--- ") + 1) + 1
        return Letter(context.id, manifest, sealed, consent, end)

    async def give_notice(self, ends: str, agency: str = PARTY) -> Answer:
        """End the agreement with a year."""
        payload: dict[str, Json] = {
            "id": str(uuid4()),
            "iat": seconds(self.now),
            "agency": agency,
            "agreement": self.agreement,
            "ends": ends,
        }
        statement = sign(Kind.AGREEMENT_NOTICE, payload, self.offices[agency].identity)
        body = {"statement": statement.decode()}
        return await self.call(agency, routes.GIVE_NOTICE, id=self.agreement_id, json=body)


@cache
def sealed_to_both() -> bytes:
    encryptor = Encryptor([HybridRecipient(office(one).key.recipient) for one in BOTH])
    return encryptor.update(PLAINTEXT) + encryptor.finalize()
