"""The person of the simulator: her codes, her key, and drafts for her to sign."""

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.canonical import b64u, digest, unb64u
from exchange.consent.credential import Credential, Purpose
from exchange.consent.draft import NO_TEXT, STAND_IN_KEY, draft_of
from exchange.consent.own_key import OwnSignature, payload_of
from exchange.consent.record import read_payload
from exchange.hub.drafts import DraftView, open_draft, prepare, sign_draft
from exchange.members import write_time
from exchange.statement import Kind, seconds, sign
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


async def upload(sim: Simulator, payload: dict[str, Any], **options: Any) -> tuple[Answer, str]:
    """Upload a draft with a fresh invitation; return the answer and the invitation as printed."""
    invitation = fresh(Purpose.INVITATION)
    body = {"draft": written(payload), "invitation": invitation.digest}
    answer = await sim.call(options.pop("agency", SENDER), routes.POST_DRAFT, json=body, **options)
    return answer, invitation.text


async def prepared(sim: Simulator, invitation: str, shown: DraftView, key: bytes) -> str | None:
    """Return what her browser is given to sign with `key` after it has shown a draft."""
    return await prepare(sim.hub, invitation, at=shown.at, seen=shown.seen, person_key=key)


async def sign_at_page(sim: Simulator, invitation: str, key: OwnKey) -> bool:
    """Read and sign a draft as her browser does."""
    shown = await open_draft(sim.hub, invitation)
    assert shown is not None
    to_sign = await prepared(sim, invitation, shown, key.public)
    assert to_sign is not None
    return await sign_draft(sim.hub, invitation, to_sign=to_sign, signature=key.sign(to_sign))


def completed(sim: Simulator, signed: dict[str, Any]) -> Given:
    """Return the consent that an agency makes of what the person has signed."""
    payload = payload_of(signed["signed"])
    own = OwnSignature(unb64u(payload["person_key"]), signed["signed"], unb64u(signed["signature"]))
    identity = sim.offices[SENDER].identity
    statement = sign(Kind.CONSENT_ELECTRONIC, payload, identity, own)
    return Given(payload["id"], digest(statement), statement, secrets.token_bytes(32))


async def electronic_consent(sim: Simulator, key: OwnKey, **members: Any) -> Given:
    """Record a consent that the person has signed with her own key on the page."""
    payload = draft(sim, **members)
    _, invitation = await upload(sim, payload)
    assert await sign_at_page(sim, invitation, key)
    signed = await sim.call(SENDER, routes.GET_DRAFT, id=payload["id"])
    given = completed(sim, signed.json)
    recorded = await sim.record(given)
    assert recorded.status == 201, recorded.body
    return given


async def page(sim: Simulator, **fields: str) -> Answer:
    """Send a form of the person's page, as a page of the hub does."""
    form = urlencode({"lang": "de", **fields})
    headers = {
        "Origin": sim.origin,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": routes.FORM,
    }
    async with sim.http.post(
        f"{sim.origin}/p/", data=form, headers=headers, allow_redirects=False
    ) as found:
        return Answer(found.status, dict(found.headers.items()), await found.read())
