"""Agreements, as one party handles them: propose, examine, sign, give notice.

Nothing is proposed or signed that names another key for a party than the one this agency has
pinned: by its signature an agreement makes the keys in it trustworthy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from exchange.agency import signed
from exchange.agency.parts import Gateway
from exchange.agreement.force import check_notice
from exchange.agreement.lint import lint
from exchange.agreement.reading import read_agreement
from exchange.agreement.record import Agreement
from exchange.agreement.signing import (
    AgreementNotice,
    notice_payload,
    read_notice,
    signature_payload,
)
from exchange.agreement.term import Fixed, earliest_end
from exchange.canonical import Json, digest
from exchange.consent.proofread import proofread
from exchange.errors import (
    Conflict,
    HubMisbehaves,
    LintRefused,
    Malformed,
    StatementNotAcceptable,
)
from exchange.rules import refuse
from exchange.statement import Kind, Verified, seconds, sign, verify
from exchange.wire import shapes

REFUSED = (LintRefused, Malformed, StatementNotAcceptable)
"""What the hub says of a statement that it will never take: another one may be signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An agreement at the hub, its statement verified by its drafter's pinned key."""

    agreement: Agreement
    given: shapes.Agreement
    """What the hub says became of it."""


def known_keys(gateway: Gateway) -> dict[str, str]:
    """Return the `kid` of every agency this one trusts, and of itself."""
    pins = {agency: pin.kid for agency, pin in gateway.partners.pins.items()}
    return {**pins, gateway.agency: gateway.identity.kid}


def check_keys(gateway: Gateway, agreement: Agreement) -> None:
    """Refuse an agreement that names another key than is pinned, or an agency nobody pinned.

    Raises:
        Conflict: naming the agency, and what to do.
    """
    known = known_keys(gateway)
    for party in agreement.parties:
        if party.agency not in known:
            raise Conflict(
                f"{party.agency} is not pinned: have two persons compare its fingerprint, then "
                f"run: exchange keys pin {party.agency}"
            )
        if known[party.agency] != party.kid:
            raise Conflict(
                f"the agreement names another key of {party.agency} than the one pinned here; "
                "do not sign, and call the partner on a number you know"
            )


async def propose(gateway: Gateway, draft: Mapping[str, Json]) -> Agreement:
    """Sign an agreement that this agency has drafted, and hand it in; return it.

    Called again with the id of a draft that was signed before, it sends those bytes again.

    Args:
        gateway: the parts.
        draft: every member of the agreement but `iat` and `drafted_by`, and its `id`.

    Raises:
        Malformed, LintRefused: the draft is no agreement; nothing was stored or sent.
        Conflict: a party is not pinned, or pinned to another key than the draft names, or
            another draft was proposed under this id.
    """
    name = f"agreement-{draft['id']}.jws"
    now = gateway.clock()
    data = signed.kept(gateway.home, name)
    if data is None:
        payload = {**draft, "iat": seconds(now), "drafted_by": gateway.agency}
        data = sign(Kind.AGREEMENT, payload, gateway.identity)
        agreement = read_agreement(_own(gateway, data, Kind.AGREEMENT, now))
        check_keys(gateway, agreement)
        refuse((*lint(agreement), *proofread(agreement.notices)))
        # Durable before the hub hears of it: a crash after this sends the same bytes again.
        signed.keep(gateway.home, name, data)
    verified = _own(gateway, data, Kind.AGREEMENT, now)
    if {**verified.payload} != {**draft, **_dated(verified)}:
        raise Conflict("another draft was proposed under this id; give the draft a new id")
    try:
        await gateway.client.post_agreement(data)
    except REFUSED:
        signed.forget(gateway.home, name)
        raise
    return read_agreement(verified)


async def examine(gateway: Gateway, agreement_id: str) -> Proposal:
    """Return an agreement of the hub, its statement verified by the drafter's pinned key.

    Raises:
        NotFound: absent, or this agency is no party.
        Held: drafted by an agency that is not pinned.
    """
    given = await gateway.client.agreement(agreement_id)
    data = given.statement.encode("utf-8")
    verified = await gateway.partners.verify(data, {Kind.AGREEMENT}, now=gateway.clock())
    agreement = read_agreement(verified)
    if agreement.id != agreement_id or given.agreement != digest(data):
        raise HubMisbehaves("the hub delivered another agreement than was asked for")
    return Proposal(agreement=agreement, given=given)


async def sign_agreement(gateway: Gateway, agreement: Agreement) -> shapes.Agreement:
    """Sign an agreement that `examine` has verified, and hand the signature in.

    Called again, it hands in the same signature.

    Raises:
        Conflict: a party is not pinned, or pinned to another key than the agreement names.
        LintRefused: it, or a text in it, breaks rules.
        Malformed: this agency is no party, or has drafted it and thereby signed it.
    """
    check_keys(gateway, agreement)
    refuse((*lint(agreement), *proofread(agreement.notices)))
    if gateway.agency not in agreement.agencies or gateway.agency == agreement.drafted_by:
        raise Malformed("the one who drafted an agreement has signed it; the other parties sign")
    name = f"agreement-signature-{agreement.id}.jws"
    data = signed.kept(gateway.home, name)
    if data is None:
        payload = signature_payload(
            id=str(uuid4()),
            iat=seconds(gateway.clock()),
            agency=gateway.agency,
            agreement=agreement.digest,
        )
        data = sign(Kind.AGREEMENT_SIGNATURE, payload, gateway.identity)
        signed.keep(gateway.home, name, data)
    try:
        return await gateway.client.sign_agreement(agreement.id, data)
    except REFUSED:
        signed.forget(gateway.home, name)
        raise


async def give_notice(
    gateway: Gateway, agreement: Agreement, *, ends: datetime | None = None
) -> tuple[AgreementNotice, shapes.Agreement]:
    """Give notice that an agreement is not to be renewed, and hand it in.

    Called again after a notice was signed, it hands in that one.

    Args:
        gateway: the parts.
        agreement: one this agency is a party of.
        ends: the end of a year; None for the first one that is still possible.

    Raises:
        Malformed: the term is fixed, or it is too late for `ends`.
    """
    now = gateway.clock()
    name = f"agreement-notice-{agreement.id}.jws"
    data = signed.kept(gateway.home, name)
    if data is None:
        if isinstance(agreement.term, Fixed):
            raise Malformed("an agreement with a fixed term knows no notice")
        payload = notice_payload(
            id=str(uuid4()),
            iat=seconds(now),
            agency=gateway.agency,
            agreement=agreement.digest,
            ends=ends or earliest_end(agreement.term, now),
        )
        data = sign(Kind.AGREEMENT_NOTICE, payload, gateway.identity)
        check_notice(agreement, _notice(gateway, data, now), now=now)
        signed.keep(gateway.home, name, data)
    notice = _notice(gateway, data, now)
    if ends not in (None, notice.ends):
        raise Conflict("notice was given before, to the end of another year")
    try:
        return notice, await gateway.client.give_notice(agreement.id, data)
    except REFUSED:
        signed.forget(gateway.home, name)
        raise


def _notice(gateway: Gateway, data: bytes, now: datetime) -> AgreementNotice:
    return read_notice(_own(gateway, data, Kind.AGREEMENT_NOTICE, now))


def _own(gateway: Gateway, data: bytes, kind: Kind, now: datetime) -> Verified:
    """Verify what was signed here, so that what is wrong with it is said here and not later."""
    card = gateway.identity.card
    return verify(data, {kind}, {card.kid: card}, now=now)


def _dated(verified: Verified) -> dict[str, Json]:
    return {name: verified.payload[name] for name in ("iat", "drafted_by")}
