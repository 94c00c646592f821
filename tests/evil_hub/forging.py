"""What an evil hub, or a sender in league with it, would make by hand."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exchange.agency import send, state
from exchange.agency.poll import Round, fetch
from exchange.agency.receive import Outcome
from exchange.canonical import Json
from exchange.consent import binding
from exchange.consent.decision import Asked
from exchange.envelope.contents import Letter, Onward
from exchange.envelope.manifest import Terms, manifest_payload
from exchange.envelope.sealing import Outgoing, seal
from exchange.keyring.recipient import DocumentRecipient
from exchange.statement import Kind, seconds, sign
from exchange.vocabulary import Secrecy
from tests import samples
from tests.agency.double import Kept, payload_of
from tests.agency.network import (
    CONSENT_ID,
    LETTER,
    NOW,
    RECIPIENT,
    SENDER,
    Network,
    draft,
    files_below,
)


async def sent(network: Network) -> Kept:
    """Send honestly; what the double then does is up to the test."""
    async with network.gateway(SENDER) as gateway:
        (sent,) = await send.send(gateway, draft())
    return network.double.kept[sent.id]


async def held(network: Network) -> list[str]:
    """Make a round in which something is held; return the reasons."""
    done = await received(network)
    assert done.outcomes == {Outcome.HELD: 1}
    nothing_is_delivered(network)
    async with network.gateway(RECIPIENT) as gateway:
        return [reason for _, reason, _ in await gateway.state.read(state.list_held)]


def nothing_is_delivered(network: Network) -> None:
    """No plaintext anywhere at the recipient."""
    home = network.offices[RECIPIENT].home
    assert files_below(home.spool) == {}
    assert files_below(home.quarantine) == {}


def disclose_by_hand(
    network: Network,
    *,
    to: str = RECIPIENT,
    suite: str | None = None,
    files: tuple[Outgoing, ...] | None = None,
    onward_of: tuple[Onward, ...] = (),
    **terms: Any,
) -> Kept:
    """Put a disclosure at the double that `SENDER` signed without asking its own gateway.

    Without the notice on purpose and secrecy, unless `files` hold it.
    """
    sender = network.offices[SENDER]
    consent = network.double.consents[CONSENT_ID]
    given = {
        "id": str(uuid.uuid4()),
        "sender": SENDER,
        "kid": sender.identity.kid,
        "consent": consent.consent,
        "purpose": "housing-loss",
        "category": "rent-arrears-letter",
        "secrecy": Secrecy.SOCIAL,
        "iat": seconds(network.now),
        "exp": seconds(network.now + timedelta(days=3)),
    }
    stated = Terms(**{**given, **terms})
    target = sender.home.outgoing / f"{uuid.uuid4()}.age"
    document = seal(
        files or (letter(),),
        terms=stated,
        recipients={to: key_of(network, RECIPIENT)},
        target=target,
        letter=Letter(onward_of=onward_of),
    )
    context = document.context.raw
    if suite is not None:
        context = context.replace(b'"suite":"1"', f'"suite":"{suite}"'.encode())
    manifest = sign(
        Kind.MANIFEST,
        manifest_payload(context, sha256=document.sha256, size=document.size),
        sender.identity,
    )
    return offer(network, manifest, taken(target), disclosure_id=stated.id)


def offer(
    network: Network, manifest: bytes, sealed: bytes, *, disclosure_id: str | None = None
) -> Kept:
    """Let the double offer a disclosure to the recipient, whatever it is."""
    kept = Kept(manifest, CONSENT_ID, sealed, "stored", offered_to={RECIPIENT})
    network.double.kept[disclosure_id or str(uuid.uuid4())] = kept
    return kept


def taken(file: Path) -> bytes:
    """Return a sealed document and leave none in the spool."""
    data = file.read_bytes()
    file.unlink()
    return data


def key_of(network: Network, agency: str) -> DocumentRecipient:
    """Return the document key an office has announced."""
    return network.offices[agency].ring.current().key.recipient


async def received(network: Network) -> Round:
    """Make one round at the recipient."""
    async with network.receiving() as (gateway, reception):
        return await fetch(gateway, reception)


def key_statement(network: Network, agency: str, **members: Json) -> bytes:
    """Return a key statement signed by the agency itself, with members of our choice."""
    office = network.offices[agency]
    now = datetime.fromtimestamp(seconds(network.now), UTC)
    payload: dict[str, Json] = {
        "agency": agency,
        "kid": office.identity.kid,
        "seq": 1,
        "nbf": seconds(now),
        "exp": seconds(now + timedelta(days=35)),
        "document": key_of(network, agency).text,
        "previous": None,
        "revoked": [],
    }
    return sign(Kind.KEY_STATEMENT, {**payload, **members}, office.identity)


def answer_of(kept: Kept) -> dict[str, Any]:
    """Return what the recipient has signed about a disclosure."""
    _, statement = kept.answers[RECIPIENT]
    return payload_of(statement)


def letter() -> Outgoing:
    """Return the one document of `disclose_by_hand`."""
    return Outgoing("Mahnung.pdf", "application/pdf", LETTER)


def notice() -> Outgoing:
    """Return the notice on purpose and secrecy due for what `disclose_by_hand` states."""
    asked = Asked(
        consent="",
        sender=SENDER,
        recipients=frozenset({RECIPIENT}),
        purpose="housing-loss",
        category="rent-arrears-letter",
        secrecy=Secrecy.SOCIAL,
        exp=NOW,
    )
    text = binding.notice(asked, samples.agreement().scope(), lang="de")
    return Outgoing(binding.NAME, binding.MEDIA_TYPE, text)
