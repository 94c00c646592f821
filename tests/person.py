"""The person of the simulator: her codes, her key, and drafts for her to sign."""

import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.canonical import b64u
from exchange.consent.credential import Credential, Purpose
from exchange.consent.draft import NO_TEXT, STAND_IN_KEY, draft_of
from exchange.consent.record import read_payload
from exchange.members import write_time
from exchange.statement import Kind, seconds
from exchange.wire import routes
from tests.samples import CONSENT, changed
from tests.simulator import SENDER, Answer, Given, Simulator

WRONG = Credential(Purpose.CODE, bytes(16)).text
"""A well-formed code that nobody was given."""


def fresh(purpose: Purpose = Purpose.CODE) -> Credential:
    """Return a new code, or invitation."""
    return Credential(purpose, secrets.token_bytes(purpose.size))


@dataclass(frozen=True)
class OwnKey:
    """A key as her browser makes it."""

    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    def sign(self, to_sign: str) -> str:
        return b64u(self.private.sign(to_sign.encode("ascii")))


async def consent_with_code(sim: Simulator, **members: Any) -> tuple[Given, str]:
    """Record a consent whose person holds a code; return both."""
    given, code = sim.signed_consent(**members), fresh()
    body = {
        "statement": given.statement.decode(),
        "log_key": b64u(given.log_key),
        "credential": code.digest,
    }
    recorded = await sim.call(SENDER, routes.POST_CONSENT, json=body)
    assert recorded.status == 201, recorded.body
    return given, code.text


async def reissue(sim: Simulator, given: Given, agency: str = SENDER, **body: Any) -> Answer:
    """Ask for another code, as the collecting agency does."""
    return await sim.call(agency, routes.POST_CREDENTIAL, id=given.id, json=body)


def draft(sim: Simulator, **members: Any) -> dict[str, Any]:
    """Return the members of an electronic consent that `women-b` would collect now."""
    at = write_time(sim.now)
    given = {
        "id": str(uuid4()),
        "iat": seconds(sim.now),
        "agreement": sim.agreement,
        "subject": {"ref": str(uuid4()), "sealed": "YWdlLWVuY3J5cHRpb24"},
        "valid_from": at,
        "collected_at": at,
        "form": "electronic",
        "signers": [{"role": "subject", "at": at, "identified": "known"}],
        "person_key": b64u(STAND_IN_KEY),
        **members,
    }
    payload = changed(CONSENT, **given)
    payload.pop("evidence", None)
    payload["notice"] = {**payload["notice"], "sha256": NO_TEXT}
    return payload


def written(payload: dict[str, Any]) -> str:
    """Return a draft as it is uploaded."""
    return draft_of(read_payload(payload, Kind.CONSENT_ELECTRONIC, digest="")).decode()
