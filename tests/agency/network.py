"""Two offices and a hub's double: real homes, real keys, real statements, real sockets.

`jobcentre-a` sends, `women-b` receives; the consent was collected by `women-b`.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exchange import canonical
from exchange.agency import home as homes
from exchange.agency.app import open_gateway
from exchange.agency.hand_over import Reception, open_reception
from exchange.agency.home import Home
from exchange.agency.keyfiles import KeyFiles
from exchange.agency.parts import Gateway
from exchange.agency.pins import write_pin
from exchange.agency.plan import Draft
from exchange.agency.rekey import Ring
from exchange.envelope.block import seal_block
from exchange.envelope.sealing import Outgoing
from exchange.keyring.ceremony import new_identity
from exchange.keyring.directory import Method, Pin
from exchange.keyring.signing import IdentityKey
from exchange.members import write_time
from exchange.statement import Kind, seconds, sign
from exchange.wire import shapes
from tests.agency import ledger
from tests.agency.double import Double
from tests.samples import AGREEMENT, CONSENT, changed, noticed

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
SENDER, RECIPIENT = "jobcentre-a", "women-b"
CONSENT_ID = str(CONSENT["id"])
SUBJECT = {"family_name": "CANARY-NAME", "given_name": "CANARY-GIVEN", "born": "1990-01-01"}
LETTER = b"%PDF-1.7 CANARY-LETTER"


@dataclass
class Office:
    """One agency of the network."""

    agency: str
    home: Home
    identity: IdentityKey
    ring: Ring


class Network:
    """Arrange with `offices`, `double` and `now`; act through the gateways."""

    def __init__(self, root: Path) -> None:
        self.now = NOW
        self.double = Double(lambda: self.now)
        self.offices = {agency: _office(root / agency, agency) for agency in (SENDER, RECIPIENT)}

    def arrange(self) -> None:
        """Write settings and pins; let the double know agencies, agreement and consent."""
        for office in self.offices.values():
            self.double.admit(office.identity.card)
            self._write_settings(office)
            newest = office.ring.rotate(now=self.now)
            self.double.change_agency(office.agency, key_statement=newest.statement.decode())
            for other in self.offices.values():
                if other is not office:
                    pin(office, other.identity)
        self.double.agreements = [self.signed_agreement()]
        consent = self.signed_consent()
        self.double.consents = {consent.id: consent}

    def _write_settings(self, office: Office) -> None:
        text = (
            f'agency = "{office.agency}"\n[hub]\norigin = "{self.double.origin}"\n'
            '[poll]\nwait_s = 0\nlook_again_s = 1\n[api]\nlisten = ""\n'
        )
        office.home.settings_file.write_text(text)
        office.home.log_policy.write_bytes(ledger.policy())

    def signed_agreement(self, **members: Any) -> shapes.Agreement:
        """Return the agreement, signed by both."""
        payload = changed(AGREEMENT, **members)
        for party in payload["parties"]:
            party["kid"] = self.offices[party["agency"]].identity.kid
        drafter = self.offices[SENDER].identity
        statement = sign(Kind.AGREEMENT, payload, drafter)
        digest = canonical.digest(statement)
        signature = sign(
            Kind.AGREEMENT_SIGNATURE,
            {
                "id": "2b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a02",
                "iat": payload["iat"],
                "agency": RECIPIENT,
                "agreement": digest,
            },
            self.offices[RECIPIENT].identity,
        )
        return shapes.Agreement(
            id=payload["id"],
            agreement=digest,
            statement=statement.decode(),
            state="in-force",
            signatures=(
                shapes.Signature(
                    agency=RECIPIENT, statement=signature.decode(), signed_at=self.now
                ),
            ),
            notices=(),
            ends_at=None,
        )

    def signed_consent(self, **members: Any) -> shapes.Consent:
        """Return the consent under which `SENDER` may disclose to `RECIPIENT`."""
        signer = self.offices[RECIPIENT]
        ref = CONSENT["subject"]["ref"]
        consent_id = members.get("id", CONSENT_ID)
        recipients = [office.ring.current().key.recipient for office in self.offices.values()]
        block = seal_block({"consent": consent_id, "ref": ref, "subject": SUBJECT}, recipients)
        given = {
            "agreement": self.double.agreements[0].agreement,
            "subject": {"ref": ref, "sealed": canonical.b64u(block)},
            "releasers": [SENDER],
            "recipients": [RECIPIENT],
            "secrecy": "social",
            "categories": ["rent-arrears-letter"],
            "collected_by": RECIPIENT,
        }
        payload = noticed(changed(CONSENT, **{**given, **members}))
        statement = sign(Kind.CONSENT, payload, signer.identity)
        return shapes.Consent(
            id=payload["id"],
            consent=canonical.digest(statement),
            statement=statement.decode(),
            state="valid",
            used=0,
        )

    def withdrawal(self, consent: shapes.Consent) -> bytes:
        """Return a withdrawal that `SENDER` took down."""
        return sign(
            Kind.WITHDRAWAL,
            {
                "id": "4b1d9e2c-98a1-4d4f-8c57-3f6f0d2f9a03",
                "iat": seconds(self.now),
                "agency": SENDER,
                "consent": consent.consent,
                "by": "subject",
                "channel": "in-person",
                "received_at": write_time(self.now),
            },
            self.offices[SENDER].identity,
        )

    @asynccontextmanager
    async def gateway(self, agency: str, *, attempts: int = 1) -> AsyncIterator[Gateway]:
        """Open the gateway of an office."""
        async with open_gateway(
            self.offices[agency].home.root, clock=lambda: self.now, attempts=attempts
        ) as gateway:
            yield gateway

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[tuple[Gateway, Reception]]:
        """Open the recipient's gateway with its intake."""
        async with self.gateway(RECIPIENT) as gateway, open_reception(gateway) as reception:
            yield gateway, reception

    def sleep(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


def draft(**members: Any) -> Draft:
    """Return what `SENDER` wants to send."""
    given: Mapping[str, Any] = {
        "files": (Outgoing("Mahnung März.pdf", "application/pdf", LETTER),),
        "consent": CONSENT_ID,
        "recipients": (RECIPIENT,),
        "category": "rent-arrears-letter",
        "remark": "CANARY-REMARK",
        "reference": "CANARY-REFERENCE",
    }
    return Draft(**{**given, **members})


def pin(office: Office, other: IdentityKey) -> None:
    """Let an office trust an identity, as two of its people would."""
    write_pin(
        office.home.pins,
        Pin(other.agency, other.kid, NOW, Method.ANNEX, ("head of office", "privacy officer")),
    )


def _office(root: Path, agency: str) -> Office:
    os.umask(0o077)
    home = homes.at(root)
    homes.create(home)
    ring = Ring(KeyFiles(home.keys), home.statements)
    identity = new_identity(agency)
    ring.files.create()
    ring.files.write_identity(identity)
    return Office(agency, home, identity, ring)


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
